"""All figures of a classifier on labelled images, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.errors import UsageError
from firstread.evidence.answers import called, marks
from firstread.evidence.bootstrap import SAMPLES, Resampling
from firstread.evidence.estimate import COLUMNS, FIGURES, Estimate
from firstread.evidence.judged import Judged, of_class, overall, sample

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Evaluation:
    """What a classifier showed on labelled images.

    Parameters
    ----------
    classes
        Class names in order.
    multilabel
        Whether an image can be of several classes.
    n, patients
        Images judged, and the patients that they are of.
    estimates
        Every figure, those of all classes together first.
    confusion
        Counts: shape (k, k), row the truth, column the answer; for several labels an image, shape
        (k, 2, 2), a table of no and yes for each class.
    prevalence
        Share of a class where the classifier is to be used, for the classes that it was given for.
    samples
        Of the bootstrap.
    """

    classes: tuple[str, ...]
    multilabel: bool
    n: int
    patients: int
    estimates: tuple[Estimate, ...]
    confusion: Array
    prevalence: Mapping[str, float]
    samples: int

    def get(self, figure: str, class_name: str = "") -> Estimate:
        """Return one figure, of one class or of all together.

        Raises
        ------
        KeyError
            If the evaluation doesn't hold it.
        """
        for estimate in self.estimates:
            if (estimate.figure, estimate.class_name) == (figure, class_name):
                return estimate
        raise KeyError((figure, class_name))

    def frame(self) -> pd.DataFrame:
        """Return one row a figure: figure, class, value, low, high, method, n."""
        rows = [estimate.record() for estimate in self.estimates]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        return frame.astype({"value": float, "low": float, "high": float})

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        shape = "of each class: row the truth, column the answer, no then yes"
        return {
            "images": self.n,
            "patients": self.patients,
            "classes": list(self.classes),
            "multilabel": self.multilabel,
            "level": 0.95,
            "bootstrap_samples": self.samples,
            "prevalence": dict(self.prevalence),
            "figures": [estimate.record() for estimate in self.estimates],
            "confusion": {
                "layout": shape if self.multilabel else "row the truth, column the answer",
                "counts": self.confusion.tolist(),
            },
        }

    def sentence(self) -> str:
        """Say the result as one would to a colleague."""
        share = self.get("accuracy")
        right = round(share.value * self.n)
        what = "have every label right" if self.multilabel else "right"
        whom = "" if self.patients == self.n else f" of {self.patients} patients"
        text = (
            f"{right} of {self.n} images{whom} {what} ({100 * share.value:.0f} %); "
            f"that is compatible with anything from {100 * share.low:.0f} % to "
            f"{100 * share.high:.0f} %."
        )
        area = self.get("auroc")
        if not area.known:
            return text
        mean_of = "" if len(self.classes) == 2 and not self.multilabel else ", mean over classes"
        return f"{text} AUROC {area.text()}{mean_of}."


def evaluate(
    classes: Sequence[str],
    targets: Array,
    probabilities: Array,
    *,
    groups: Sequence[str] | Array | None = None,
    prevalence: Mapping[str, float] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Judge probabilities against the truth.

    Parameters
    ----------
    classes
        Class names in order.
    targets
        True classes as numbers, int, shape (n,); where an image can be of several, 0 or 1 for
        each class, shape (n, k).
    probabilities
        Shape (n, k), from 0 to 1; rows sum to 1 where each image is of one class. An image is
        called what is likeliest, or everything that is as likely as not where it can be several.
    groups
        The patient of each image, shape (n,); None where each has one image.
    prevalence
        As of `Evaluation`.
    samples, seed
        Of the bootstrap.

    Raises
    ------
    UsageError
        If there is nothing to judge, or a prevalence isn't one.

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    >>> evaluation = evaluate(["well", "ill"], np.array([0, 0, 1, 1]), sure)
    >>> print(evaluation.sentence())
    4 of 4 images right (100 %); that is compatible with anything from 40 % to 100 %. \
AUROC 1.000 (0.386 to 1.000).
    """
    truth, probabilities = np.asarray(targets), np.asarray(probabilities, float)
    given = dict(prevalence or {})
    _check(classes, truth, probabilities, given)
    multilabel = truth.ndim == 2
    if not multilabel:
        # In float32 the rows sum to one only nearly.
        probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    codes, patients = coded(groups, len(truth))
    yes, answer = marks(truth, len(classes)), called(probabilities, multilabel)
    judged = Judged(tuple(classes), multilabel, yes, answer, probabilities, codes, given)
    # How many images are of a class is part of what differs between samples.
    sampled = sample(judged, Resampling(len(yes), codes, samples, seed))
    each = [estimate for k in range(len(classes)) for estimate in of_class(judged, k, sampled)]
    places, order = ["", *classes], list(FIGURES)
    estimates = sorted(
        [*overall(judged, each, sampled), *each],
        key=lambda e: (places.index(e.class_name), order.index(e.figure)),
    )
    return Evaluation(
        tuple(classes),
        multilabel,
        len(yes),
        patients,
        tuple(estimates),
        _confusion(yes, answer, multilabel),
        given,
        samples,
    )


def coded(groups: Sequence[str] | Array | None, n: int) -> tuple[Array | None, int]:
    """Return patients as numbers from 0, or None where each has one image; and how many."""
    if groups is None:
        return None, n
    codes, names = pd.factorize(np.asarray(groups))
    return (None if len(names) == n else codes), len(names)


def _confusion(yes: Array, answer: Array, multilabel: bool) -> Array:
    if not multilabel:
        table: Array = yes.T.astype(int) @ answer.astype(int)
        return table
    kinds = [[~yes & ~answer, ~yes & answer], [yes & ~answer, yes & answer]]
    return np.moveaxis(np.array([[kind.sum(axis=0) for kind in row] for row in kinds]), -1, 0)


def _check(
    classes: Sequence[str], truth: Array, probabilities: Array, prevalence: Mapping[str, float]
) -> None:
    """Complain about what can't be judged."""
    if len(truth) == 0:
        raise UsageError("there are no images to judge; give some that are labelled")
    if probabilities.shape != (len(truth), len(classes)):
        raise UsageError(
            f"the probabilities have shape {probabilities.shape}, and {len(truth)} images of "
            f"{len(classes)} classes need ({len(truth)}, {len(classes)})"
        )
    if not ((probabilities >= 0) & (probabilities <= 1 + 1e-5)).all():
        raise UsageError("some probabilities are not numbers from 0 to 1; train the model again")
    problems = [
        f"a prevalence is given for {name!r}; the classes are {', '.join(classes)}"
        for name in prevalence
        if name not in classes
    ] + [
        f"the prevalence of {name!r} is {share:g}; it must be above 0 and below 1"
        for name, share in prevalence.items()
        if not 0 < share < 1
    ]
    if problems:
        raise UsageError("\n".join(problems))
