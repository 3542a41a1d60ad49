"""From judged images to figures: of one class against the rest, and of all classes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.evidence.answers import squared, surprise
from firstread.evidence.bootstrap import Resampling
from firstread.evidence.calibration import (
    BINS,
    bin_errors,
    calibration_error,
    calibration_error_interval,
    intercept,
    slope,
)
from firstread.evidence.decisions import accuracy, decided, rates
from firstread.evidence.estimate import Estimate
from firstread.evidence.intervals import (
    NOTHING,
    Interval,
    mean,
    on_logit_scale,
    proportion,
    trials,
    weighted_sum,
    wilson,
)
from firstread.evidence.precision_recall import Ranking, auprc, auprc_interval
from firstread.evidence.ranking import auroc, mean_auroc

Array = npt.NDArray[Any]

LOSSES = {"log_loss": surprise, "brier": squared}
"""What is averaged over images, and how each image's is computed."""

_AVERAGED = ("specificity", "ppv", "npv", "f1", "auprc")


@dataclass(frozen=True)
class Judged:
    """Images with the truth and what a classifier says.

    Parameters
    ----------
    classes
        Class names in order.
    multilabel
        Whether an image can be of several classes.
    yes, called
        Whether each image is of each class, and was called so, bool, shape (n, k).
    probabilities
        float, shape (n, k).
    groups
        Patients as numbers from 0; None where each has one image.
    prevalence
        Of classes, where they are given.
    """

    classes: tuple[str, ...]
    multilabel: bool
    yes: Array
    called: Array
    probabilities: Array
    groups: Array | None
    prevalence: Mapping[str, float]

    @property
    def right(self) -> Array:
        """Whether all that was said of an image is right, bool, shape (n,)."""
        right: Array = (self.yes == self.called).all(axis=1)
        return right

    @property
    def otherwise(self) -> Array:
        """The truth that would be the least surprise among those that make the answer wrong.

        The second likeliest class, or where there may be several the least sure label the other
        way round; bool, shape (n, k).
        """
        places = np.arange(len(self.yes))
        if self.multilabel:
            doubtful = np.abs(self.probabilities - 0.5).argmin(axis=1)
            turned = self.yes.copy()
            turned[places, doubtful] = ~turned[places, doubtful]
            return turned
        second = np.argsort(self.probabilities, axis=1)[:, -2]
        other: Array = second[:, None] == np.arange(len(self.classes))
        return other

    def losses(self, figure: str) -> tuple[Array, Array]:
        """Return each image's loss, and what it would be if the answer were wrong, shapes (n,).

        Parameters
        ----------
        figure
            One of `LOSSES`.
        """
        loss = LOSSES[figure]
        values, otherwise = (
            loss(truth, self.probabilities, self.multilabel) for truth in (self.yes, self.otherwise)
        )
        return values, otherwise


@dataclass(frozen=True)
class Sampled:
    """Figures of every bootstrap sample.

    Parameters
    ----------
    rates
        Of `decisions.rates`, each of shape (samples, k).
    auprc, ece
        Of each class, shape (samples, k).
    top_ece
        Of the answers, shape (samples,).
    """

    rates: Mapping[str, Array]
    auprc: Array
    ece: Array
    top_ece: Array


def sample(judged: Judged, resampling: Resampling) -> Sampled:
    """Compute in one pass over the weights what has no interval in closed form."""
    yes, called = judged.yes, judged.called
    count = len(judged.classes)
    rankings = [Ranking.of(yes[:, k], judged.probabilities[:, k]) for k in range(count)]
    errors = [bin_errors(yes[:, k], judged.probabilities[:, k]) for k in range(count)]
    errors.append(bin_errors(judged.right, judged.probabilities.max(axis=1)))
    counted = np.hstack([yes & called, ~yes & called, yes & ~called, ~yes & ~called, *errors])
    counted = counted.astype(np.float32)
    sums, areas = [], []
    for block in resampling.weights():
        sums.append(block @ counted)
        areas.append(np.stack([r.average_precision(block) for r in rankings], axis=1))
    table = np.concatenate(sums).astype(float)
    counts = np.moveaxis(table[:, : 4 * count].reshape(-1, 4, count), 1, 0)
    binned = np.abs(table[:, 4 * count :]).reshape(len(table), count + 1, BINS).sum(axis=2)
    calibration = binned / counts[:, :, 0].sum(axis=0)[:, None]
    return Sampled(
        rates(counts, _prevalences(judged)),
        np.concatenate(areas),
        calibration[:, :-1],
        calibration[:, -1],
    )


def of_class(judged: Judged, k: int, sampled: Sampled) -> list[Estimate]:
    """Return the figures of one class against the rest."""
    name, groups, n = judged.classes[k], judged.groups, len(judged.yes)
    yes, p = judged.yes[:, k], judged.probabilities[:, k]
    area = auroc(yes, p, groups)
    precision = auprc(yes, p)
    limits, method = auprc_interval(yes, precision, sampled.auprc[:, k], groups)
    alone = Judged((name,), True, yes[:, None], p[:, None] >= 0.5, p[:, None], groups, {})
    figures = [
        *decided(name, yes, judged.called[:, k], groups, judged.prevalence.get(name)),
        Estimate.of("auroc", name, area.value, area.interval, area.method, n),
        Estimate.of("auprc", name, precision, limits, method, n),
        *(averaged(loss, name, alone.losses(loss), alone.right, groups) for loss in LOSSES),
        _calibration(name, yes, p, sampled.ece[:, k], groups),
    ]
    wald = "Wald's" if groups is None else "Wald's, by patient"
    for figure, measure in (("calibration_slope", slope), ("calibration_intercept", intercept)):
        value, limits = measure(yes, p, groups)
        figures.append(Estimate.of(figure, name, value, limits, wald, n))
    if judged.multilabel:
        figures.append(accuracy(name, yes == judged.called[:, k], groups))
    return figures


def overall(judged: Judged, each: Sequence[Estimate], sampled: Sampled) -> list[Estimate]:
    """Return the figures of all classes together: their own, and means over classes."""
    groups, n = judged.groups, len(judged.yes)
    if judged.multilabel:
        calibration = _mean("ece", each, sampled.ece, groups)
    else:
        sure = judged.probabilities.max(axis=1)
        calibration = _calibration("", judged.right, sure, sampled.top_ece, groups)
    areas = [
        auroc(yes, p, groups) for yes, p in zip(judged.yes.T, judged.probabilities.T, strict=True)
    ]
    value, limits, method = mean_auroc(areas if judged.multilabel or len(areas) > 2 else areas[1:])
    moved = {**sampled.rates, "auprc": sampled.auprc}
    return [
        accuracy("", judged.right, groups),
        *_found(judged, each, moved["sensitivity"]),
        *(_mean(figure, each, moved[figure], groups) for figure in _AVERAGED),
        Estimate.of("auroc", "", value, limits, method, n),
        *(averaged(loss, "", judged.losses(loss), judged.right, groups) for loss in LOSSES),
        calibration,
    ]


def _found(judged: Judged, each: Sequence[Estimate], resampled: Array) -> list[Estimate]:
    """Return the mean share found of each class, which is the balanced accuracy too.

    Where each image is of one class the shares come from different images, and their intervals
    make that of the mean.
    """
    if judged.multilabel:
        return [_mean("sensitivity", each, resampled, judged.groups)]
    present = [k for k in range(len(judged.classes)) if judged.yes[:, k].any()]
    found = [trials(judged.called[:, k], judged.yes[:, k], judged.groups) for k in present]
    shares = [tried.share for tried in found]
    weights = [1 / len(present)] * len(present)
    limits = weighted_sum(weights, shares, [wilson(*tried) for tried in found])
    method = "sum of Wilson's (MOVER)"
    if judged.groups is not None:
        method += ", by patient (Korn-Graubard)"
    value, n = float(np.mean(shares)), len(judged.yes)
    return [
        Estimate.of(figure, "", value, limits, method, n)
        for figure in ("balanced_accuracy", "sensitivity")
    ]


def _mean(
    figure: str, each: Sequence[Estimate], resampled: Array, groups: Array | None
) -> Estimate:
    """Return a figure's mean over the classes that have it, with the bootstrap's interval.

    A class of which nothing is wrong moves in no sample, and the bootstrap would say that all is
    known of it; the classes' own intervals are averaged then, as if they erred together.
    """
    ours = [e for e in each if e.figure == figure]
    places = [k for k, e in enumerate(ours) if e.known]
    if not places:
        return Estimate.of(figure, "", float("nan"), NOTHING, "", ours[0].n)
    known = np.array([(ours[k].value, ours[k].low, ours[k].high) for k in places])
    value, *ends = map(float, known.mean(axis=0))
    n, spread = max(e.n for e in ours), float(np.nanstd(resampled[:, places].mean(axis=1)))
    at_an_end = np.isin(known[:, 0], (0.0, 1.0)).any()
    if figure == "ece" or at_an_end or not spread > 0:
        return Estimate.of(figure, "", value, Interval(*ends), "mean of the classes' intervals", n)
    method = f"bootstrap{'' if groups is None else ' of patients'} on the logit scale"
    return Estimate.of(figure, "", value, on_logit_scale(value, spread), method, n)


def averaged(
    figure: str, name: str, losses: tuple[Array, Array], right: Array, groups: Array | None
) -> Estimate:
    """Return the mean of one loss an image.

    Parameters
    ----------
    figure, name
        As of `Estimate`.
    losses
        As of `Judged.losses`. Where no answer is wrong, the ones don't tell what a wrong one
        costs, and the upper end is that of the share wrong at the cost of the others.
    right
        Whether each answer is right, shape (n,).
    groups
        As of `Judged`.
    """
    values, otherwise = losses
    value, n = float(values.mean()), len(values)
    low, high = mean(values, groups)
    # An error can't be below 0.
    low = float(np.maximum(low, 0))
    if not right.all():
        method = "Student's" if groups is None else "Student's, by patient"
        return Estimate.of(figure, name, value, Interval(low, high), method, n)
    share = proportion(*trials(right, np.ones(n), groups)).low
    worst = share * value + (1 - share) * float(otherwise.mean())
    method = "from the exact interval of the share right (nothing is wrong)"
    return Estimate.of(figure, name, value, Interval(min(low, value), max(high, worst)), method, n)


def _calibration(
    name: str, right: Array, confidence: Array, resampled: Array, groups: Array | None
) -> Estimate:
    """Return the calibration error of confidences in what is right or wrong."""
    error = calibration_error(right, confidence)
    limits = calibration_error_interval(right, confidence, float(resampled.std()), groups)
    method = (
        "folded normal, bootstrap" if groups is None else "folded normal, bootstrap of patients"
    )
    return Estimate.of("ece", name, error, limits, method, len(right))


def _prevalences(judged: Judged) -> Array:
    return np.array([judged.prevalence.get(name, np.nan) for name in judged.classes])
