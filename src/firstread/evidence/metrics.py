"""Accuracy with its interval, what guessing would get, and where the mistakes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, log_loss

from firstread.evidence.intervals import Interval, proportion

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metrics:
    """What a classifier got right on labelled images.

    Parameters
    ----------
    classes
        Class names in order.
    confusion
        Counts, int, shape (k, k): row the truth, column the answer.
    log_loss
        Mean cross-entropy in nats.
    majority
        How many would be right by always answering the class that was most frequent in training.
    """

    classes: tuple[str, ...]
    confusion: Array
    log_loss: float
    majority: int

    @property
    def count(self) -> int:
        """Images judged."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """Images labelled right."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of images labelled right, from 0 to 1."""
        return self.right / self.count

    @property
    def interval(self) -> Interval:
        """The accuracy's exact 95 % interval."""
        return proportion(self.right, self.count)

    def sentence(self) -> str:
        """Say the result as one would to a colleague.

        Examples
        --------
        >>> print(Metrics(("a", "b"), np.diag([5, 5]), 0.1, 5).sentence())
        10 of 10 right; with 10 images that is compatible with anything from 69 % to 100 %.
        """
        low, high = self.interval
        return (
            f"{self.right} of {self.count} right; with {self.count} images that is compatible "
            f"with anything from {100 * low:.0f} % to {100 * high:.0f} %."
        )

    def baseline(self) -> str:
        """Say what no network at all would get."""
        return f"Always answering the most frequent class gets {self.majority} of {self.count}."

    def record(self) -> dict[str, Any]:
        """Return all figures as plain numbers and lists, for JSON."""
        totals = self.confusion.sum(axis=1)
        return {
            "images": self.count,
            "right": self.right,
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(self.interval),
            "interval_method": "Clopper-Pearson (exact)",
            "log_loss": self.log_loss,
            "majority_baseline": {"right": self.majority, "accuracy": self.majority / self.count},
            "classes": {
                name: {
                    "images": int(totals[k]),
                    "right": int(self.confusion[k, k]),
                    "interval_95": list(proportion(int(self.confusion[k, k]), int(totals[k])))
                    if totals[k]
                    else None,
                }
                for k, name in enumerate(self.classes)
            },
            "confusion": {"rows": "truth", "columns": "answer", "counts": self.confusion.tolist()},
        }


def score(
    classes: Sequence[str], targets: Array, probabilities: Array, training_targets: Array
) -> Metrics:
    """Judge probabilities against the truth.

    Parameters
    ----------
    classes
        Class names in order.
    targets
        True classes as numbers, shape (n,).
    probabilities
        Shape (n, k), rows summing to 1.
    training_targets
        Classes of the training images, which tell what the majority class is.
    """
    numbers = np.arange(len(classes))
    # In float32 the rows sum to one only nearly.
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    majority = np.bincount(training_targets, minlength=len(classes)).argmax()
    return Metrics(
        tuple(classes),
        confusion_matrix(targets, probabilities.argmax(axis=1), labels=numbers),
        float(log_loss(targets, exact, labels=numbers)),
        int((targets == majority).sum()),
    )
