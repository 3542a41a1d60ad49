"""Figures of yes-or-no decisions: sensitivity, specificity, predictive values, F1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.evidence.estimate import Estimate
from firstread.evidence.intervals import (
    NOTHING,
    Interval,
    Trials,
    proportion,
    ratio,
    trials,
    weighted_sum,
    wilson,
)

Array = npt.NDArray[Any]


def decided(
    class_name: str,
    truth: Array,
    called: Array,
    groups: Array | None = None,
    prevalence: float | None = None,
) -> list[Estimate]:
    """Judge decisions on one class.

    Parameters
    ----------
    class_name
        The class decided on.
    truth, called
        Whether each image is of the class, and was called so, shape (n,).
    groups
        Patients as numbers from 0; None where each has one image.
    prevalence
        Share of the class where the classifier is to be used, within 0 and 1, for the predictive
        values; None takes the images as they are.

    References
    ----------
    F1: K. F. Y. Lam, V. Gopal and J. Qian, "Confidence intervals for the F1 score: a comparison
    of four methods", arXiv:2309.14621 (2023): F1 is a function of the share of hits among images
    that are of the class or called so. Predictive values at a prevalence: N. D. Mercaldo, K. F.
    Lau and X. H. Zhou, Statistics in Medicine 26 (2007), with the interval of the likelihood
    ratio as of `intervals.ratio`.
    """
    truth, called = np.asarray(truth, bool), np.asarray(called, bool)
    found = trials(called, truth, groups)
    spared = trials(~called, ~truth, groups)
    balanced = weighted_sum(
        [0.5, 0.5], [found.share, spared.share], [wilson(*found), wilson(*spared)]
    )
    exact = _named("exact (Clopper-Pearson)", groups)
    return [
        _share("sensitivity", class_name, found, exact, int(truth.sum())),
        _share("specificity", class_name, spared, exact, int((~truth).sum())),
        Estimate.of(
            "balanced_accuracy",
            class_name,
            (found.share + spared.share) / 2,
            balanced,
            _named("sum of Wilson's (MOVER)", groups),
            len(truth),
        ),
        *_predictive(class_name, truth, called, groups, prevalence, found, spared),
        _f1(class_name, trials(truth & called, truth | called, groups), groups, len(truth)),
    ]


def accuracy(class_name: str, right: Array, groups: Array | None = None) -> Estimate:
    """Return the share of images that are right; `right` has shape (n,)."""
    tried = trials(right, np.ones(len(right)), groups)
    return _share(
        "accuracy", class_name, tried, _named("exact (Clopper-Pearson)", groups), len(right)
    )


def rates(counts: Array, prevalence: Array) -> dict[str, Array]:
    """Return the figures of decisions from counts, for many samples and classes at once.

    Parameters
    ----------
    counts
        Hits, false alarms, misses and other images, shape (4, ..., k).
    prevalence
        As of `decided`, one a class, shape (k,); not a number where the images' own is meant.
    """
    hits, alarms, misses, rest = counts
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity, specificity = hits / (hits + misses), rest / (rest + alarms)
        own = np.isnan(prevalence)
        share = np.where(own, 0.5, prevalence)
        ppv = share * sensitivity / (share * sensitivity + (1 - share) * (1 - specificity))
        npv = (1 - share) * specificity
        npv = npv / (npv + share * (1 - sensitivity))
        return {
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": np.where(own, hits / (hits + alarms), ppv),
            "npv": np.where(own, rest / (rest + misses), npv),
            "f1": 2 * hits / (2 * hits + alarms + misses),
        }


def _predictive(
    class_name: str,
    truth: Array,
    called: Array,
    groups: Array | None,
    prevalence: float | None,
    found: Trials,
    spared: Trials,
) -> list[Estimate]:
    if prevalence is None:
        exact = _named("exact (Clopper-Pearson)", groups)
        right, clear = trials(truth, called, groups), trials(~truth, ~called, groups)
        return [
            _share("ppv", class_name, right, exact, int(called.sum())),
            _share("npv", class_name, clear, exact, int((~called).sum())),
        ]
    method = _named(f"ratio of Wilson's (MOVER) at a prevalence of {100 * prevalence:g} %", groups)
    odds = (1 - prevalence) / prevalence
    alarm, missed = _complement(spared), _complement(found)
    # PPV = 1 / (1 + odds / LR+) and NPV = 1 / (1 + LR- / odds).
    likely = _likelihood_ratio(found, alarm)
    unlikely = _likelihood_ratio(missed, spared)
    ppv, ppv_low, ppv_high = (1 / (1 + odds / lr) if lr else 0.0 for lr in likely)
    npv, npv_high, npv_low = (1 / (1 + lr / odds) for lr in unlikely)
    return [
        Estimate.of("ppv", class_name, ppv, Interval(ppv_low, ppv_high), method, len(truth)),
        Estimate.of("npv", class_name, npv, Interval(npv_low, npv_high), method, len(truth)),
    ]


def _likelihood_ratio(top: Trials, under: Trials) -> tuple[float, float, float]:
    """Return a ratio of shares with the ends of its interval."""
    if not (top.total and under.total) or (top.right == 0 and under.right == 0):
        return (float("nan"), *NOTHING)
    value = top.share / under.share if under.right else float("inf")
    return (value, *ratio(top.share, wilson(*top), under.share, wilson(*under)))


def _complement(tried: Trials) -> Trials:
    return Trials(tried.total - tried.right, tried.total)


def _f1(class_name: str, tried: Trials, groups: Array | None, n: int) -> Estimate:
    low, high = wilson(*tried)
    value, low, high = (2 * share / (1 + share) for share in (tried.share, low, high))
    method = _named("Wilson's of the Jaccard index", groups)
    return Estimate.of("f1", class_name, value, Interval(low, high), method, n)


def _share(figure: str, class_name: str, tried: Trials, method: str, n: int) -> Estimate:
    return Estimate.of(figure, class_name, tried.share, proportion(*tried), method, n)


def _named(method: str, groups: Array | None) -> str:
    return method if groups is None else f"{method}, by patient (Korn-Graubard)"
