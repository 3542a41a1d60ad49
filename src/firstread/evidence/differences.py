"""How far two models differ on the same images in each figure, with paired intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from firstread.evidence.intervals import LEVEL, Interval, mean, weighted_sum
from firstread.evidence.judged import LOSSES, Judged, averaged
from firstread.evidence.ranking import UNPAIRED, auroc, mean_difference

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """A figure of the first model less that of the second.

    Parameters
    ----------
    figure
        One of `FIGURES`.
    value, interval
        The difference with its 95 % interval.
    method
        What the interval is called.
    """

    figure: str
    value: float
    interval: Interval
    method: str


def differences(a: Judged, b: Judged) -> tuple[Difference, ...]:
    """Return how far one model is ahead of another on the same images, accuracy first."""
    return (_accuracy(a, b), _balanced(a, b), *(_loss(name, a, b) for name in LOSSES), _area(a, b))


def lead(a: Judged, b: Judged) -> Array:
    """Return 1 where the first alone is right, -1 where the second is, else 0, shape (n,)."""
    ahead: Array = a.right.astype(int) - b.right.astype(int)
    return ahead


def _accuracy(a: Judged, b: Judged) -> Difference:
    ahead = lead(a, b)
    limits = _paired(ahead, a.groups)
    return Difference("accuracy", float(ahead.mean()), limits, _named("Bonett-Price", a))


def _paired(ahead: Array, groups: Array | None) -> Interval:
    """Return Bonett and Price's interval of a mean of 1, -1 and 0.

    Images of one patient count as fewer.
    """
    n = len(ahead)
    value, spread = float(ahead.mean()), float(ahead.var())
    count = float(n)
    if groups is not None:
        patients = len(np.unique(groups))
        sums = np.bincount(groups, weights=ahead - value)
        between = patients / (patients - 1) * float(sums @ sums) / n**2 if patients > 1 else 0.0
        count = min(count, spread / between) if between and spread else float(patients)
    up, down = ((float((ahead == sign).mean()) * count + 1) / (count + 2) for sign in (1, -1))
    half = float(norm.ppf((1 + LEVEL) / 2)) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


def _balanced(a: Judged, b: Judged) -> Difference:
    """Return the mean difference in what is found of each class, from the classes' own.

    No class's interval shrinks to a point, and so neither does that of their mean; resampled
    images of a class of which all are right, or all wrong, would be so in every sample.
    """
    ahead = a.called.astype(int) - b.called.astype(int)
    classes = [(ahead[of, k], of) for k, of in enumerate(a.yes.T) if of.any()]
    values = [float(some.mean()) for some, _ in classes]
    groups = [None if a.groups is None else a.groups[of] for _, of in classes]
    own = [_paired(some, codes) for (some, _), codes in zip(classes, groups, strict=True)]
    if a.multilabel:  # An image may be of several classes, and the models may err on all together.
        low, high = map(float, np.mean(own, axis=0))
        limits, method = Interval(low, high), "mean of classes' Bonett-Price"
    else:
        limits = weighted_sum([1 / len(own)] * len(own), values, own)
        method = "sum of classes' Bonett-Price (MOVER)"
    return Difference("balanced_accuracy", float(np.mean(values)), limits, _named(method, a))


def _loss(figure: str, a: Judged, b: Judged) -> Difference:
    """Return the difference in the mean of what each image adds.

    A model that is never wrong doesn't show what an error would cost it: the interval follows from
    those of both means then, as if they erred apart.
    """
    one, other = a.losses(figure), b.losses(figure)
    gaps = one[0] - other[0]
    value = float(gaps.mean())
    if not (a.right.all() or b.right.all()):
        return Difference(figure, value, mean(gaps, a.groups), _named("Student's, paired", a))
    sides = ((a, one), (b, other))
    means = [averaged(figure, "", losses, m.right, m.groups) for m, losses in sides]
    limits = weighted_sum((1, -1), [m.value for m in means], [m.interval for m in means])
    return Difference(figure, value, limits, UNPAIRED)


def _area(a: Judged, b: Judged) -> Difference:
    """Return the difference in AUROC: of the last of two classes, else the mean of all of them."""
    one, other = (
        [auroc(yes, p, m.groups) for yes, p in zip(m.yes.T, m.probabilities.T, strict=True)]
        for m in (a, b)
    )
    if not a.multilabel and len(one) == 2:
        one, other = one[1:], other[1:]
    return Difference("auroc", *mean_difference(one, other))


def _named(method: str, judged: Judged) -> str:
    return method if judged.groups is None else f"{method}, by patient"
