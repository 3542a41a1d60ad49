"""How pure what is called stays as more is found: the precision-recall curve and its area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import precision_recall_curve

from firstread.evidence.intervals import NOTHING, Interval, on_logit_scale, proportion

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Ranking:
    """Cases by falling score, ready to be weighted many times over.

    Parameters
    ----------
    order
        Of the cases, shape (n,).
    hits
        Places in that order of the positive cases, shape (positives,).
    ends
        Places where runs of equal scores end that hold a positive case, shape (runs,).
    found
        How many positive cases there are up to each of these, less one, shape (runs,).

    References
    ----------
    J. Davis and M. Goadrich, "The relationship between precision-recall and ROC curves", ICML
    (2006), on why the curve is not to be joined by straight lines.
    """

    order: Array
    hits: Array
    ends: Array
    found: Array

    @classmethod
    def of(cls, positive: Array, scores: Array) -> Ranking:
        """Sort cases once; the arguments are those of `auroc`."""
        order = np.argsort(-np.asarray(scores, float), kind="stable")
        ranked = np.asarray(scores, float)[order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        up_to = np.cumsum(np.asarray(positive, bool)[order])
        # Runs without a positive case add nothing to the area.
        gained = np.diff(up_to[ends], prepend=0) > 0
        hits = np.flatnonzero(np.asarray(positive, bool)[order])
        return cls(order, hits, ends[gained], up_to[ends[gained]] - 1)

    def average_precision(self, weights: Array) -> Array:
        """Return the area under the precision-recall curve for each row of weights.

        Parameters
        ----------
        weights
            How often each case counts, shape (b, n).

        Returns
        -------
        areas
            Shape (b,); not a number where no positive case counts.
        """
        if len(self.hits) == 0:
            return np.full(len(weights), np.nan)
        taken = weights[:, self.order]
        # In float32 sums of whole numbers are exact up to 16 million.
        called = np.cumsum(taken, axis=1)[:, self.ends]
        found = np.cumsum(taken[:, self.hits], axis=1)[:, self.found]
        gained = np.diff(found, axis=1, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(called > 0, found / called, 0)
            area: Array = np.einsum("ij,ij->i", gained, precision, dtype=float) / found[:, -1]
        return area


def auprc(positive: Array, scores: Array) -> float:
    """Return the average precision: the area under the precision-recall curve, not interpolated.

    The arguments are those of `auroc`.
    """
    return float(Ranking.of(positive, scores).average_precision(np.ones((1, len(scores))))[0])


def auprc_interval(
    positive: Array, value: float, resampled: Array, groups: Array | None = None
) -> tuple[Interval, str]:
    """Return the average precision's interval, and what it is called.

    It is the bootstrap's, but where the ranking is perfect: every sample is perfect then too, and
    the interval is the exact one of a proportion with the positive cases as trials.

    Parameters
    ----------
    positive
        Whether each case is a positive one, shape (n,).
    value
        The average precision.
    resampled
        The average precision of every sample, shape (samples,).
    groups
        As of `auroc`.

    References
    ----------
    K. Boyd, K. H. Eng and C. D. Page, "Area under the precision-recall curve: point estimates
    and confidence intervals", ECML PKDD (2013).
    """
    if np.isnan(value):
        return NOTHING, ""
    if value == 1.0:
        kept = np.asarray(positive, bool)
        units = kept.sum() if groups is None else len(np.unique(groups[kept]))
        return proportion(int(units), int(units)), "exact, positives as trials (perfect ranking)"
    method = f"bootstrap{'' if groups is None else ' of patients'} on the logit scale"
    return on_logit_scale(value, float(np.nanstd(resampled))), method


def precision_recall_points(positive: Array, scores: Array) -> pd.DataFrame:
    """Return the precision-recall curve, with `recall` and `precision`, by rising recall."""
    precision, recall, _ = precision_recall_curve(positive, scores)
    return pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1]})
