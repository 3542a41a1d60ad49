"""Figures of a held-out part, and what guessing would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.evidence.answers import called, marks
from firstread.evidence.baselines import majority
from firstread.evidence.intervals import Interval
from firstread.evidence.scoring import Evaluation, evaluate

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metrics:
    """What a classifier got right on labelled images, beside what guessing gets.

    Parameters
    ----------
    evaluation
        Every figure with its interval.
    right
        Images labelled right; where there may be several labels, all of them.
    majority
        How many would be right by always answering what was most frequent in training.
    """

    evaluation: Evaluation
    right: int
    majority: int

    @property
    def count(self) -> int:
        """Images judged."""
        return self.evaluation.n

    @property
    def accuracy(self) -> float:
        """Share of images labelled right, from 0 to 1."""
        return self.right / self.count

    @property
    def interval(self) -> Interval:
        """The accuracy's 95 % interval: exact, by patient where patients repeat."""
        return self.evaluation.get("accuracy").interval

    def sentence(self) -> str:
        """Say the result as one would to a colleague.

        Examples
        --------
        >>> truth = np.arange(10) % 2
        >>> sure = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
        >>> print(score(("a", "b"), truth, sure, truth).sentence())
        10 of 10 right; with 10 images that is compatible with anything from 69 % to 100 %.
        """
        low, high = self.interval
        patients = self.evaluation.patients
        whom = "" if patients == self.count else f" of {patients} patients"
        return (
            f"{self.right} of {self.count} right; with {self.count} images{whom} that is "
            f"compatible with anything from {100 * low:.0f} % to {100 * high:.0f} %."
        )

    def baseline(self) -> str:
        """Say what no network at all would get."""
        what = "labels" if self.evaluation.multilabel else "class"
        return f"Always answering the most frequent {what} gets {self.majority} of {self.count}."

    def record(self) -> dict[str, Any]:
        """Return all figures as plain numbers and lists, for JSON."""
        accuracy = self.evaluation.get("accuracy")
        return {
            "images": self.count,
            "right": self.right,
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(self.interval),
            "interval_method": accuracy.method,
            "log_loss": self.evaluation.get("log_loss").value,
            "majority_baseline": {"right": self.majority, "accuracy": self.majority / self.count},
            **self.evaluation.record(),
        }


def score(
    classes: Sequence[str],
    targets: Array,
    probabilities: Array,
    training_targets: Array,
    *,
    groups: Sequence[str] | Array | None = None,
) -> Metrics:
    """Judge probabilities against the truth, and against guessing.

    Parameters
    ----------
    classes
        Class names in order.
    targets, probabilities, groups
        As of `evaluate`.
    training_targets
        Those of the training images, which tell what is most frequent.
    """
    truth = np.asarray(targets)
    evaluation = evaluate(classes, truth, probabilities, groups=groups)
    guess = majority(training_targets, len(truth), len(classes))
    yes, multilabel = marks(truth, len(classes)), truth.ndim == 2
    guessed, right = ((called(p, multilabel) == yes).all(axis=1) for p in (guess, probabilities))
    return Metrics(evaluation, int(right.sum()), int(guessed.sum()))
