"""The ways of learning that advice compares, and how well each did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from firstread.learning.probe import Floats

Z = 1.959964


@dataclass(frozen=True)
class Candidate:
    """One way to learn, and what came of it by cross-validation on the training images.

    Parameters
    ----------
    name
        For a person to read.
    choices
        Fields of `Plan` that it stands for; none for a mere control.
    images
        Judged, each by a classifier that didn't learn from it; 0 where it wasn't measured.
    accuracy
        Share of them labelled right, or of their labels where there may be several.
    error
        Its standard error, over patients where they are known.
    loss
        Mean cross-entropy in nats.
    seconds
        What the measurement took on the clock.
    note
        Why it wasn't measured, if so.
    """

    name: str
    choices: tuple[tuple[str, Any], ...] = ()
    images: int = 0
    accuracy: float = float("nan")
    error: float = float("nan")
    loss: float = float("nan")
    seconds: float = 0.0
    note: str = ""

    @property
    def measured(self) -> bool:
        """Whether it was."""
        return self.images > 0

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % interval.

        Wilson's, with as many images as would give the standard error (A. Agresti and
        B. A. Coull, The American Statistician 52, 1998).
        """
        if not self.measured:
            return float("nan"), float("nan")
        n, p = self.images, self.accuracy
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        wide = Z / (1 + Z**2 / n) * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return float(max(0.0, middle - wide)), float(min(1.0, middle + wide))

    def record(self) -> dict[str, Any]:
        """Return the candidate as a row of a table."""
        low, high = self.interval
        return {
            "candidate": self.name,
            "images": self.images,
            "accuracy": self.accuracy,
            "low": low,
            "high": high,
            "standard_error": self.error,
            "log_loss": self.loss,
            "seconds": round(self.seconds, 2),
            "note": self.note,
        }


def standard_error(hits: Floats, groups: Floats) -> float:
    """Return the standard error of a mean of hits that come in groups.

    Two right and two wrong ones are added, so that it isn't zero where all are right.

    Parameters
    ----------
    hits
        From 0 to 1, shape (n,).
    groups
        The patient of each, for instance, shape (n,).
    """
    sums = pd.Series(hits).groupby(np.asarray(groups, dtype=str)).agg(["sum", "count"])
    right = np.concatenate([sums["sum"].to_numpy(float), [1, 1, 0, 0]])
    count = np.concatenate([sums["count"].to_numpy(float), np.ones(4)])
    mean = right.sum() / count.sum()
    return float(np.sqrt(((right - mean * count) ** 2).sum()) / count.sum())


def winner(candidates: tuple[Candidate, ...]) -> Candidate:
    """Return the simplest choosable candidate within one standard error of the best.

    Parameters
    ----------
    candidates
        The simplest first; at least one choosable one was measured.

    References
    ----------
    L. Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3: the rule of one
    standard error.
    """
    choosable = [c for c in candidates if c.choices and c.measured]
    best = max(choosable, key=lambda candidate: candidate.accuracy)
    return next(c for c in choosable if c.accuracy >= best.accuracy - best.error)
