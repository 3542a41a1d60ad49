"""Intervals around figures that have a closed form: proportions, means, and what is made of them.

Every interval here is a two-sided 95 % one unless a level is given. None of them shrinks to a
point where no error was seen: ten right of ten leave much open, and so must the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import beta, norm
from scipy.stats import t as student

LEVEL = 0.95

Array = npt.NDArray[Any]


class Interval(NamedTuple):
    """A 95 % interval; both ends belong to it."""

    low: float
    high: float


NOTHING = Interval(float("nan"), float("nan"))
"""Of a figure that the data can't give."""


class Trials(NamedTuple):
    """Successes among trials; fractions of them where images of one patient resemble each other.

    Parameters
    ----------
    right, total
        As many independent trials as carry the same information; `total` is 0 for none.
    """

    right: float
    total: float

    @property
    def share(self) -> float:
        """Successes by trials, from 0 to 1; not a number where nothing was tried."""
        return self.right / self.total if self.total else float("nan")


def trials(hit: Array, tried: Array, groups: Array | None = None) -> Trials:
    """Count successes among trials, as independent ones where patients repeat.

    Images of one patient are not independent. Their number is divided by the design effect: the
    variance of the share between patients, over the variance that independent images would have.
    Where all trials came out alike the data can't tell that variance, and a patient counts once.

    Parameters
    ----------
    hit
        Whether each case is a success, shape (n,).
    tried
        Whether each case is a trial at all, shape (n,).
    groups
        The patient of each case as a number from 0, shape (n,); None where each has one case.

    References
    ----------
    E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24 (1998).

    Examples
    --------
    >>> ones = np.ones(10, dtype=bool)
    >>> trials(ones, ones, np.repeat(np.arange(5), 2))
    Trials(right=5.0, total=5.0)
    """
    hit, tried = np.asarray(hit, bool) & np.asarray(tried, bool), np.asarray(tried, bool)
    count, right = int(tried.sum()), int(hit.sum())
    if groups is None or count == 0:
        return Trials(float(right), float(count))
    share = right / count
    patients = len(np.unique(groups[tried]))
    if patients == count:
        return Trials(float(right), float(count))
    if right in (0, count) or patients < 2:
        return Trials(share * patients, float(patients))
    excess = np.bincount(groups[tried], weights=hit[tried] - share)
    variance = patients / (patients - 1) * float(excess @ excess) / count**2
    shrunk = share * (1 - share) / variance if variance else float(count)
    shrunk *= (_student(count - 1) / _student(patients - 1)) ** 2
    effective = min(float(count), shrunk)
    return Trials(share * effective, effective)


def proportion(right: float, count: float, level: float = LEVEL) -> Interval:
    """Return the exact interval of a proportion.

    Parameters
    ----------
    right, count
        Successes among trials; fractions come from `trials`.
    level
        Of confidence.

    References
    ----------
    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934).

    Examples
    --------
    >>> low, high = proportion(10, 10)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    if count == 0:
        return NOTHING
    tail = (1 - level) / 2
    low = 0.0 if right <= 0 else float(beta.ppf(tail, right, count - right + 1))
    high = 1.0 if right >= count else float(beta.ppf(1 - tail, right + 1, count - right))
    return Interval(low, high)


def wilson(right: float, count: float, level: float = LEVEL) -> Interval:
    """Return Wilson's score interval of a proportion: shorter than the exact one, right on average.

    Parameters
    ----------
    right, count
        Successes among trials; fractions come from `trials`.
    level
        Of confidence.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927).
    """
    if count == 0:
        return NOTHING
    z, share = _normal(level), right / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # The ends are exact where nothing or everything succeeded, and rounding must not say else.
    return Interval(
        0.0 if right <= 0 else max(0.0, centre - half),
        1.0 if right >= count else min(1.0, centre + half),
    )


def weighted_sum(
    weights: Sequence[float], values: Sequence[float], intervals: Sequence[Interval]
) -> Interval:
    """Return the interval of a weighted sum of independent figures, from theirs.

    A mean of recalls has weights 1/k, a difference has weights 1 and -1.

    Parameters
    ----------
    weights, values, intervals
        One a figure.

    References
    ----------
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27 (2008): recovery of variances from the limits (MOVER).
    """
    centre, below, above = 0.0, 0.0, 0.0
    for weight, value, (low, high) in zip(weights, values, intervals, strict=True):
        down, up = (low, high) if weight >= 0 else (high, low)
        centre += weight * value
        below += (weight * (value - down)) ** 2
        above += (weight * (up - value)) ** 2
    return Interval(centre - sqrt(below), centre + sqrt(above))


def ratio(top: float, top_limits: Interval, under: float, under_limits: Interval) -> Interval:
    """Return the interval of a ratio of two independent proportions, from theirs.

    Parameters
    ----------
    top, under
        The proportions; they must not both be 0.
    top_limits, under_limits
        Their intervals.

    References
    ----------
    A. Donner and G. Y. Zou, "Closed-form confidence intervals for functions of the normal mean
    and standard deviation", Statistical Methods in Medical Research 21 (2012), equation 9.
    """
    (low, high), (least, most) = top_limits, under_limits
    product = top * under
    lower_root = product**2 - low * most * (2 * top - low) * (2 * under - most)
    upper_root = product**2 - high * least * (2 * top - high) * (2 * under - least)
    lower_base, upper_base = most * (2 * under - most), least * (2 * under - least)
    lower = (product - sqrt(max(lower_root, 0))) / lower_base if lower_base else 0.0
    if upper_base <= 0:
        return Interval(max(lower, 0.0), float("inf"))
    return Interval(max(lower, 0.0), (product + sqrt(max(upper_root, 0))) / upper_base)


def mean(values: Array, groups: Array | None = None) -> Interval:
    """Return Student's interval of a mean; the spread is that between patients where they repeat.

    Parameters
    ----------
    values
        One a case, shape (n,).
    groups
        As of `trials`.
    """
    values = np.asarray(values, float)
    excess = values - values.mean()
    sums = excess if groups is None else np.bincount(groups, weights=excess)
    units = len(sums)
    if units < 2:
        return NOTHING
    error = sqrt(units / (units - 1) * float(sums @ sums)) / len(values)
    half = _student(units - 1) * error
    return Interval(float(values.mean() - half), float(values.mean() + half))


def on_logit_scale(value: float, error: float) -> Interval:
    """Return the interval of a figure in (0, 1) from its standard error, made on the logit scale.

    It stays within 0 and 1 and is longer towards the middle, as such a figure's spread is.
    """
    half = _normal(LEVEL) * error / (value * (1 - value))
    return Interval(float(expit(logit(value) - half)), float(expit(logit(value) + half)))


def repeated_folds(figures: Array, tested: float, trained: float) -> Interval:
    """Return the corrected interval of a mean over folds of repeated cross-validation.

    Folds share training images, so that their figures are no independent measurements: their
    variance is counted with the share of images tested added.

    Parameters
    ----------
    figures
        One a fold of every repeat, shape (folds x repeats,), at least 2.
    tested, trained
        Images in a fold's test and training parts, on average.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003);
    for repeated cross-validation R. R. Bouckaert and E. Frank, PAKDD (2004).
    """
    figures = np.asarray(figures, float)
    count = len(figures)
    error = sqrt((1 / count + tested / trained) * float(figures.var(ddof=1)))
    half = _student(count - 1) * error
    return Interval(float(figures.mean() - half), float(figures.mean() + half))


def _normal(level: float) -> float:
    return float(norm.ppf((1 + level) / 2))


def _student(freedom: float, level: float = LEVEL) -> float:
    return float(student.ppf((1 + level) / 2, freedom))
