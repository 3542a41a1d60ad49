"""The ladder of baselines: what, if anything, the network adds to what is cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.errors import unknown
from firstread.evidence.answers import called, marks
from firstread.evidence.comparison import Comparison, compare
from firstread.evidence.decisions import accuracy
from firstread.evidence.estimate import Estimate
from firstread.evidence.scoring import coded

Array = npt.NDArray[Any]


class Step(NamedTuple):
    """A rung's place.

    Parameters
    ----------
    title
        For a person to read.
    network
        Whether it looks at the images with a network.
    """

    title: str
    network: bool


STEPS: dict[str, Step] = {
    "majority": Step("always the most frequent class", False),
    "metadata": Step("metadata alone, without the picture", False),
    "pixels": Step("logistic regression on 28 x 28 pixels", False),
    "random": Step("probe on the same network with random weights", True),
    "pretrained": Step("probe on the network's pretrained weights", True),
    "model": Step("the trained model", True),
}
"""The rungs from the bottom up."""

_WHENCE = {
    "random": (
        "Its learned weights do more than random ones",
        "That its learned weights do more than random ones isn't shown",
    ),
    "pretrained": (
        "Training it did more than a probe on its pretrained weights",
        "That training it did more than a probe on its pretrained weights isn't shown",
    ),
}


@dataclass(frozen=True)
class Rung:
    """A rival that was trained on the same images, and what it said of the same test images.

    Parameters
    ----------
    kind
        One of `STEPS`.
    probabilities
        Shape (n, k); None where there is no such rival.
    reason
        Why there is none, as the end of the sentence "not tried: ...".
    """

    kind: str
    probabilities: Array | None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.kind not in STEPS:
            raise unknown("rung of the ladder", self.kind, STEPS)


@dataclass(frozen=True)
class Ladder:
    """The rungs with their figures, and the trained model against each.

    Parameters
    ----------
    n
        Images judged.
    rungs
        Kinds in order, those that were tried.
    accuracies
        Of each.
    comparisons
        The trained model (first) against each rung below it, in order.
    missing
        Kinds that weren't tried, with the reason.
    """

    n: int
    rungs: tuple[str, ...]
    accuracies: tuple[Estimate, ...]
    comparisons: tuple[Comparison, ...]
    missing: tuple[tuple[str, str], ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row a rung.

        Columns: kind, rung, accuracy, low, high, n; and of the model less the rung: difference,
        difference_low, difference_high, p_value (not a number for the model itself).
        """
        against = dict(zip(self.rungs[:-1], self.comparisons, strict=True))
        rows = []
        for kind, estimate in zip(self.rungs, self.accuracies, strict=True):
            other = against.get(kind)
            gap = (np.nan,) * 4
            if other is not None:
                gap = (other.accuracy.value, *other.accuracy.interval, other.p_value)
            values = (estimate.value, estimate.low, estimate.high, estimate.n)
            rows.append((kind, STEPS[kind].title, *values, *gap))
        columns = ["kind", "rung", "accuracy", "low", "high", "n"]
        columns += ["difference", "difference_low", "difference_high", "p_value"]
        return pd.DataFrame(rows, columns=columns)

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "images": self.n,
            "rungs": [
                {"kind": kind, "rung": STEPS[kind].title, "accuracy": estimate.record()}
                for kind, estimate in zip(self.rungs, self.accuracies, strict=True)
            ],
            "comparisons": [comparison.record() for comparison in self.comparisons],
            "missing": [
                {"kind": kind, "rung": STEPS[kind].title, "reason": reason}
                for kind, reason in self.missing
            ],
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say what, if anything, the network adds."""
        cheap = [k for k in self.rungs if not STEPS[k].network]
        if not cheap:
            return "No rival without a network was tried, so what the network adds is not known."
        rival = max(cheap, key=lambda kind: self._accuracy(kind).value)
        against = self._against(rival)
        right, other = (round(self._accuracy(k).value * self.n) for k in ("model", rival))
        counts = f"right on {right} of {self.n}, against {other} by {STEPS[rival].title}"
        low, high = against.accuracy.interval
        gap = f"{100 * against.accuracy.value:.1f} points ({100 * low:.1f} to {100 * high:.1f})"
        if not against.told_apart:
            return (
                f"These {self.n} images don't show that the network adds anything: the trained "
                f"model is {counts}, a difference of {gap}."
            )
        if against.accuracy.value < 0:
            return (
                f"The network is worse than what needs none: the trained model is {counts}, a "
                f"difference of {gap}."
            )
        return (
            f"The network adds something: the trained model is {counts}, a difference of {gap}."
            f"{self._whence()}"
        )

    def _whence(self) -> str:
        """Say whether learned weights or further training brought it, as far as that was tried."""
        words = ""
        for kind, (shown, open_) in _WHENCE.items():
            if kind in self.rungs:
                against = self._against(kind)
                better = against.told_apart and against.accuracy.value > 0
                words += f" {shown if better else open_}."
        return words

    def _accuracy(self, kind: str) -> Estimate:
        return self.accuracies[self.rungs.index(kind)]

    def _against(self, kind: str) -> Comparison:
        return self.comparisons[self.rungs.index(kind)]


def climb(
    targets: Array,
    rungs: Sequence[Rung],
    *,
    groups: Sequence[str] | Array | None = None,
    seed: int = 0,
) -> Ladder:
    """Judge the rungs on the same images, and the trained model against each.

    Parameters
    ----------
    targets
        As of `scoring.evaluate`.
    rungs
        In any order; the kind `model` must be among them, with probabilities.
    groups
        The patient of each image, shape (n,); None where each has one image.
    seed
        As of `comparison.compare`.
    """
    truth = np.asarray(targets)
    given = {rung.kind: rung for rung in rungs}
    tried = [(kind, given[kind].probabilities) for kind in STEPS if kind in given]
    answers = {kind: p for kind, p in tried if p is not None}
    if "model" not in answers:
        raise ValueError("the ladder needs the probabilities of the trained model")
    codes, _ = coded(groups, len(truth))
    yes = marks(truth, answers["model"].shape[1])
    comparisons = [
        compare(
            (STEPS["model"].title, STEPS[kind].title),
            truth,
            answers["model"],
            p,
            groups=groups,
            seed=seed,
        )
        for kind, p in answers.items()
        if kind != "model"
    ]
    right = {kind: (yes == called(p, truth.ndim == 2)).all(axis=1) for kind, p in answers.items()}
    return Ladder(
        len(truth),
        tuple(answers),
        tuple(accuracy("", right[kind], codes) for kind in answers),
        tuple(comparisons),
        tuple((kind, given[kind].reason) for kind, p in tried if p is None),
    )


def majority(training_targets: Array, n: int, classes: int) -> Array:
    """Return what always saying how frequent each class was in training gives, shape (n, k).

    Parameters
    ----------
    training_targets
        As `targets` of `scoring.evaluate`.
    n
        Images to judge.
    classes
        How many there are.
    """
    trained = np.asarray(training_targets)
    if trained.ndim == 2:
        shares = trained.mean(axis=0)
    else:
        shares = np.bincount(trained, minlength=classes) / len(trained)
    return np.tile(shares, (n, 1))
