"""How well scores rank: the area under the ROC curve, its comparison, its points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm, rankdata
from sklearn.metrics import roc_curve

from firstread.evidence.intervals import (
    LEVEL,
    NOTHING,
    Interval,
    on_logit_scale,
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve, and what each case adds to its error.

    Parameters
    ----------
    value
        Share of pairs of a positive and a negative case that are ranked right, ties counting half;
        not a number where one of the kinds is missing.
    influence
        Of each case, shape (n,): how much the area is off because of it. The sum of its squares
        is DeLong's variance but for a factor of n / (n - 1).
    positive
        Whether each case is a positive one, shape (n,).
    groups
        The patient of each case as a number from 0; None where each has one case.
    """

    value: float
    influence: Array
    positive: Array
    groups: Array | None = None

    @property
    def variance(self) -> float:
        """DeLong's variance, or Obuchowski's where patients repeat."""
        return _variance(self.influence, self.positive, self.groups)

    @property
    def interval(self) -> Interval:
        """On the logit scale; Newcombe's where the ranking is perfect and shows no variance."""
        if np.isnan(self.value):
            return NOTHING
        variance = self.variance
        if self.value in (0.0, 1.0) or not variance > 0:
            return _newcombe(self.value, *self._units())
        return on_logit_scale(self.value, sqrt(variance))

    @property
    def method(self) -> str:
        """What the interval is called."""
        patients = "" if self.groups is None else ", by patient"
        if np.isnan(self.value):
            return ""
        if self.value in (0.0, 1.0) or not self.variance > 0:
            return f"Newcombe's method 5{patients} (nothing is ranked wrong)"
        return f"{'DeLong' if self.groups is None else 'Obuchowski'} on the logit scale{patients}"

    def _units(self) -> tuple[int, int]:
        """Return how many positive and negative cases there are, or patients with such."""
        groups = np.arange(len(self.positive)) if self.groups is None else self.groups
        return len(np.unique(groups[self.positive])), len(np.unique(groups[~self.positive]))


def auroc(positive: Array, scores: Array, groups: Array | None = None) -> Area:
    """Measure the area under the ROC curve, in n log n steps.

    Parameters
    ----------
    positive
        Whether each case is a positive one, shape (n,).
    scores
        Higher for cases thought to be positive, shape (n,).
    groups
        The patient of each case as a number from 0; None where each has one case.

    References
    ----------
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988); as midranks: X. Sun
    and W. Xu, IEEE Signal Processing Letters 21 (2014); patients with several images: N. A.
    Obuchowski, Biometrics 53 (1997); perfect rankings: R. G. Newcombe, Statistics in Medicine 25
    (2006), method 5; logit scale: M. S. Pepe, "The statistical evaluation of medical tests"
    (2003), section 5.2.

    Examples
    --------
    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).value
    0.75
    """
    positive = np.asarray(positive, bool)
    influence = np.zeros(len(positive))
    above, below = int(positive.sum()), int((~positive).sum())
    if above == 0 or below == 0:
        return Area(float("nan"), influence, positive, groups)
    ranks = rankdata(scores)
    # Of a positive case the share of negative ones below it, and the other way round.
    wins = (ranks[positive] - rankdata(scores[positive])) / below
    losses = 1 - (ranks[~positive] - rankdata(scores[~positive])) / above
    value = float(wins.mean())
    influence[positive] = (wins - value) / above
    influence[~positive] = (losses - value) / below
    return Area(value, influence, positive, groups)


class DeLongTest(NamedTuple):
    """Two areas on the same cases.

    Parameters
    ----------
    difference
        The first area less the second.
    interval
        Its 95 % interval.
    p_value
        Two-sided, of no difference.
    """

    difference: float
    interval: Interval
    p_value: float


def delong_test(first: Area, second: Area) -> DeLongTest:
    """Compare the areas that two sets of scores have on the same cases.

    Where both rank alike there is no variance to go by: the difference is 0 and p is 1.
    """
    difference = first.value - second.value
    if np.isnan(difference):
        return DeLongTest(difference, NOTHING, float("nan"))
    variance = _variance(first.influence - second.influence, first.positive, first.groups)
    if not variance > 0:
        certain = Interval(max(-1.0, difference), min(1.0, difference))
        return DeLongTest(difference, certain, 1.0 if difference == 0 else 0.0)
    error = sqrt(variance)
    half = float(norm.ppf((1 + LEVEL) / 2)) * error
    p_value = 2 * float(norm.sf(abs(difference) / error))
    interval = Interval(max(-1.0, difference - half), min(1.0, difference + half))
    return DeLongTest(difference, interval, p_value)


def mean_auroc(areas: Sequence[Area]) -> tuple[float, Interval, str]:
    """Return the mean of the areas that exist, over classes, with its interval and its method.

    Classes share their cases; what a case adds to the error is therefore summed over classes
    before it is squared. A class that is ranked perfectly adds nothing to that sum, though its
    area is not known; the classes' own intervals are averaged then, as if they erred together.
    """
    known = [area for area in areas if not np.isnan(area.value)]
    if not known:
        return float("nan"), NOTHING, ""
    if len(known) == 1:
        return known[0].value, known[0].interval, known[0].method
    value = float(np.mean([area.value for area in known]))
    if any(area.value in (0.0, 1.0) or not area.variance > 0 for area in known):
        low, high = np.mean([area.interval for area in known], axis=0)
        return value, Interval(float(low), float(high)), "mean of the classes' intervals"
    influence = np.mean([area.influence for area in known], axis=0)
    groups = known[0].groups
    sums = influence if groups is None else np.bincount(groups, weights=influence)
    variance = len(sums) / (len(sums) - 1) * float(sums @ sums)
    return value, on_logit_scale(value, sqrt(variance)), known[0].method


UNPAIRED = "Zou-Donner, not paired"
"""What an interval of a difference is called that follows from those of both sides."""


def mean_difference(first: Sequence[Area], second: Sequence[Area]) -> tuple[float, Interval, str]:
    """Return the mean area over classes less another model's, with its interval and its method.

    As in `mean_auroc`, what a case adds to the error is summed over classes, and here over both
    models, before it is squared. Where a class is ranked perfectly, which hides its error, the
    interval follows from those of both means as if they erred apart, which is too wide.

    Parameters
    ----------
    first, second
        The areas of each class on the same cases.

    References
    ----------
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures", Statistics
    in Medicine 27 (2008).
    """
    (one, (low, high), _), (other, (below, above), _) = mean_auroc(first), mean_auroc(second)
    value = one - other
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if not np.isnan(a.value)]
    if not pairs:
        return value, NOTHING, ""
    if any(area.value in (0.0, 1.0) or not area.variance > 0 for pair in pairs for area in pair):
        down, up = np.hypot(one - low, above - other), np.hypot(high - one, other - below)
        return value, _within(value - float(down), value + float(up)), UNPAIRED
    groups = pairs[0][0].groups
    method = "DeLong, paired" if groups is None else "Obuchowski, paired, by patient"
    if len(pairs) == 1:
        return value, delong_test(*pairs[0]).interval, method
    influence = np.mean([a.influence - b.influence for a, b in pairs], axis=0)
    sums = influence if groups is None else np.bincount(groups, weights=influence)
    error = sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums))
    half = float(norm.ppf((1 + LEVEL) / 2)) * error
    return value, _within(value - half, value + half), f"{method}, mean of classes"


def _within(low: float, high: float) -> Interval:
    """Return an interval of differences between areas."""
    return Interval(max(-1.0, low), min(1.0, high))


def roc_points(positive: Array, scores: Array) -> pd.DataFrame:
    """Return the ROC curve: one row a threshold, with `fpr`, `tpr` and `threshold`."""
    fpr, tpr, threshold = roc_curve(positive, scores)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})


def _variance(influence: Array, positive: Array, groups: Array | None) -> float:
    """Return DeLong's variance of an area, or Obuchowski's: sums within a patient are squared."""
    above = np.where(positive, influence, 0.0)
    below = np.where(positive, 0.0, influence)
    units = np.arange(len(positive)) if groups is None else groups
    patients = len(np.unique(units))
    with_above, with_below = (len(np.unique(units[kind])) for kind in (positive, ~positive))
    if with_above < 2 or with_below < 2:
        return float("nan")
    up, down = np.bincount(units, weights=above), np.bincount(units, weights=below)
    return float(
        with_above / (with_above - 1) * (up @ up)
        + with_below / (with_below - 1) * (down @ down)
        + 2 * patients / (patients - 1) * (up @ down)
    )


def _newcombe(value: float, above: int, below: int) -> Interval:
    """Return the interval of an area whose own cases show no spread."""
    z = float(norm.ppf((1 + LEVEL) / 2))
    middle = (above + below) / 2 - 1

    def off(area: float) -> float:
        spread = 1 + middle * ((1 - area) / (2 - area) + area / (1 + area))
        return (area - value) ** 2 - z**2 * area * (1 - area) * spread / (above * below)

    low = 0.0 if value <= 0 else float(brentq(off, 1e-12, value - 1e-12))
    high = 1.0 if value >= 1 else float(brentq(off, value + 1e-12, 1 - 1e-12))
    return Interval(low, high)
