"""Do probabilities mean what they say? Slope and intercept, calibration error, reliability."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import erf, expit, logit
from scipy.stats import norm

from firstread.evidence.intervals import LEVEL, NOTHING, Interval, proportion, trials

Array = npt.NDArray[Any]

BINS = 10
"""Of equal width from 0 to 1, for the calibration error and the reliability curve."""

CERTAIN = 1e-6
"""Probabilities nearer to 0 or 1 than this are taken to be this far off: logits stay finite."""

_SINGULAR = 1e12
"""Condition of the information from which nothing can be told: all probabilities are alike."""

_MOST = 4
"""Times the distances seen: of a sample too small to be told more, the error is unknown."""


class Recalibration(NamedTuple):
    """A figure of how probabilities would have to be mended.

    Parameters
    ----------
    value
        Not a number where no finite one fits the data.
    interval
        Wald's, with the spread between patients where they repeat.
    """

    value: float
    interval: Interval


UNKNOWN = Recalibration(float("nan"), NOTHING)


def slope(positive: Array, probability: Array, groups: Array | None = None) -> Recalibration:
    """Return the calibration slope: 1 is right, less is too sure, more is too unsure.

    It is the slope of the truth on the probabilities' logits in logistic regression. Where a
    threshold parts the classes without error no finite slope fits.

    Parameters
    ----------
    positive
        Whether each case is a positive one, shape (n,).
    probability
        Of its being so, from 0 to 1, shape (n,).
    groups
        Patients as numbers from 0; None where each has one case.

    References
    ----------
    D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45 (1958);
    B. Van Calster et al., "Calibration: the Achilles heel of predictive analytics", BMC Medicine
    17 (2019).
    """
    truth, x = np.asarray(positive, float), _logits(probability)
    if not _overlap(x[truth == 1], x[truth == 0]):
        return UNKNOWN
    design = np.column_stack([np.ones_like(x), x])

    def loss(fit: Array) -> float:
        linear = design @ fit
        return float(np.mean(np.logaddexp(0, linear) - truth * linear))

    def gradient(fit: Array) -> Array:
        steps: Array = design.T @ (expit(design @ fit) - truth) / len(truth)
        return steps

    def curvature(fit: Array) -> Array:
        p = expit(design @ fit)
        bent: Array = (design.T * (p * (1 - p))) @ design / len(truth)
        return bent

    fit = minimize(loss, [0.0, 1.0], jac=gradient, hess=curvature, method="trust-exact").x
    information = curvature(fit) * len(truth)
    if np.linalg.cond(information) > _SINGULAR:
        return UNKNOWN
    covariance = np.linalg.inv(information)
    if groups is not None:
        scores = design * (truth - expit(design @ fit))[:, None]
        sums = np.column_stack([np.bincount(groups, weights=column) for column in scores.T])
        meat = len(sums) / (len(sums) - 1) * sums.T @ sums
        covariance = covariance @ meat @ covariance
    return _wald(float(fit[1]), sqrt(covariance[1, 1]))


def intercept(positive: Array, probability: Array, groups: Array | None = None) -> Recalibration:
    """Return the calibration intercept: what to add to all logits so that their mean is right.

    0 is right, more than 0 says that the class is called too seldom. The arguments and the source
    are those of `slope`, which stays at 1 here ("calibration in the large").
    """
    truth, x = np.asarray(positive, float), _logits(probability)
    if truth.min() == truth.max():
        return UNKNOWN
    reach = float(np.abs(x).max()) + 20
    value = float(brentq(lambda shift: float(np.sum(truth - expit(x + shift))), -reach, reach))
    p = expit(x + value)
    information = float(np.sum(p * (1 - p)))
    # Where the slope isn't 1 the information alone would promise too much.
    sums = truth - p if groups is None else np.bincount(groups, weights=truth - p)
    return _wald(value, sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / information)


def bin_errors(right: Array, confidence: Array) -> npt.NDArray[np.float32]:
    """Return each case's confidence less its being right, in the column of its bin, (n, BINS).

    The calibration error of any weighting of the cases is the sum of the absolute values of the
    weighted column sums, by the sum of the weights.
    """
    table = np.zeros((len(confidence), BINS), np.float32)
    table[np.arange(len(confidence)), _bins(confidence)] = confidence - np.asarray(right, float)
    return table


def calibration_error(right: Array, confidence: Array) -> float:
    """Return the expected calibration error: mean distance of confidence from the share right.

    Parameters
    ----------
    right
        Whether each answer is right, shape (n,).
    confidence
        Its probability, from 0 to 1, shape (n,).

    References
    ----------
    C. Guo et al., "On calibration of modern neural networks", ICML (2017), equation 3, with
    `BINS` bins.
    """
    errors = bin_errors(right, confidence).astype(float)
    return float(np.abs(errors.sum(axis=0)).sum() / len(confidence))


def calibration_error_interval(
    right: Array, confidence: Array, spread: float, groups: Array | None = None
) -> Interval:
    """Return the calibration error's interval.

    Chance alone makes distances, and so the error of a sample exceeds the true one; no resampling
    undoes that. Here every bin's distance is taken to be a multiple of the one seen. The interval
    holds the multiples, from 0 on, at which the error seen would be no surprise.

    Parameters
    ----------
    right, confidence
        As of `calibration_error`.
    spread
        Standard deviation of the error over bootstrap samples.
    groups
        Patients as numbers from 0; None where each has one case.

    References
    ----------
    Mean and variance of an absolute normal deviate: F. C. Leone, L. S. Nelson and R. B.
    Nottingham, "The folded normal distribution", Technometrics 3 (1961). That the error of a
    sample is too large: J. Bröcker, "Estimating reliability and resolution of probability
    forecasts", Climate Dynamics 39 (2012).
    """
    right = np.asarray(right, bool)
    parted = ((confidence >= 0.5) == right).all()
    if right.all() or parted:
        # No multiple makes anything wrong then, and what could be is as open as the share right.
        sure = confidence if right.all() else np.maximum(confidence, 1 - confidence)
        share = proportion(*trials(np.ones(len(right)), np.ones(len(right)), groups))
        return Interval(0.0, max(abs(float(np.mean(sure)) - end) for end in share))
    places = _bins(confidence)
    held = np.bincount(places, minlength=BINS)
    kept = held > 0
    said = np.bincount(places, weights=confidence, minlength=BINS)[kept] / held[kept]
    came = np.bincount(places, weights=right, minlength=BINS)[kept] / held[kept]
    weight, distance = held[kept] / len(right), said - came
    independent = trials(right, np.ones(len(right)), groups).total / len(right)
    count = held[kept] * independent
    multiples = np.linspace(0, _MOST, 100 * _MOST + 1)[:, None]
    share_right = np.clip(said - multiples * distance, 0.5 / (count + 1), 1 - 0.5 / (count + 1))
    deviation = np.sqrt(share_right * (1 - share_right) / count)
    true = multiples * np.abs(distance)
    folded = deviation * np.sqrt(2 / np.pi) * np.exp(-((true / deviation) ** 2) / 2)
    folded += true * erf(true / deviation / np.sqrt(2))
    variance = (weight**2 * (true**2 + deviation**2 - folded**2)).sum(axis=1)
    seen, expected = float(weight @ np.abs(distance)), (weight * folded).sum(axis=1)
    reach = float(norm.ppf((1 + LEVEL) / 2)) * np.maximum(np.sqrt(variance), spread)
    inside = (weight * true).sum(axis=1)[np.abs(seen - expected) <= reach]
    return Interval(float(min([seen, *inside])), float(max([seen, *inside])))


def reliability(positive: Array, probability: Array, groups: Array | None = None) -> pd.DataFrame:
    """Return the reliability curve: what was said against what came true.

    Returns
    -------
    frame
        One row a bin that holds cases: `predicted` (mean probability), `observed` (share of
        positive cases) with its exact interval `low` and `high`, and `n`.
    """
    positive, places = np.asarray(positive, bool), _bins(probability)
    rows = []
    for place in np.unique(places):
        held = places == place
        tried = trials(positive, held, groups)
        rows.append(
            (float(np.mean(probability[held])), tried.share, *proportion(*tried), int(held.sum()))
        )
    return pd.DataFrame(rows, columns=["predicted", "observed", "low", "high", "n"])


def _bins(probability: Array) -> npt.NDArray[np.int64]:
    scaled = np.floor(np.asarray(probability, float) * BINS).astype(np.int64)
    places: npt.NDArray[np.int64] = np.clip(scaled, 0, BINS - 1)
    return places


def _logits(probability: Array) -> Array:
    clipped = np.clip(np.asarray(probability, float), CERTAIN, 1 - CERTAIN)
    spread: Array = logit(clipped)
    return spread


def _overlap(above: Array, below: Array) -> bool:
    """Tell whether no threshold parts two sets of numbers, either way round."""
    if len(above) == 0 or len(below) == 0:
        return False
    return bool(above.min() < below.max() and below.min() < above.max())


def _wald(value: float, error: float) -> Recalibration:
    half = float(norm.ppf((1 + LEVEL) / 2)) * error
    return Recalibration(value, Interval(value - half, value + half))
