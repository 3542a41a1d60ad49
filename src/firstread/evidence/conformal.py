"""Split-conformal prediction sets: the classes that can't be ruled out, at a promised coverage."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.errors import UsageError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Sets:
    """A rule that gives each image a set of classes.

    Parameters
    ----------
    thresholds
        A class is in the set where its probability is at least this, shape (k,).
    coverage
        Share of images whose true class is in the set, at least, over calibration and new images
        alike drawn.
    counts
        Calibration images of each class, shape (k,).
    conditional
        Whether the coverage holds within each class (Mondrian), or over all images together.
    classes
        Their names.
    """

    thresholds: Array
    coverage: float
    counts: Array
    conditional: bool
    classes: tuple[str, ...]

    def apply(self, probabilities: Array) -> npt.NDArray[np.bool_]:
        """Return which classes are in the set of each image, shape (n, k)."""
        return np.asarray(np.asarray(probabilities, float) >= self.thresholds)

    def sentence(self) -> str:
        """Say what the sets promise, and what that rests on."""
        total = int(self.counts.sum())
        if self.conditional:
            each = ", ".join(f"{c} {n}" for c, n in zip(self.counts, self.classes, strict=True))
            return (
                f"For images like those calibrated on, the true class is in the set for at least "
                f"{100 * self.coverage:g} % of the images of each class (calibrated on {each})."
            )
        return (
            f"For images like those calibrated on, the true class is in the set for at least "
            f"{100 * self.coverage:g} % of all images together (calibrated on {total}); each "
            f"class by itself would need {needed(self.coverage)} images."
        )


def needed(coverage: float) -> int:
    """Return how many calibration images a coverage needs at least.

    Examples
    --------
    >>> needed(0.9), needed(0.95), needed(0.99)
    (9, 19, 99)
    """
    # Of exact decimals, since 0.9 / (1 - 0.9) is a little more than 9.
    return ceil(round(coverage / (1 - coverage), 9))


def quantile(values: Array, level: float) -> float:
    """Return the value that a further one, drawn alike, stays at or below with this probability.

    The ceil((n + 1) level)-th smallest of the n values; infinite where n is too small for it.

    References
    ----------
    V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world" (2005).
    """
    place = ceil(round((len(values) + 1) * level, 9))
    if place > len(values):
        return float("inf")
    return float(np.sort(np.asarray(values, float))[place - 1])


def calibrate(
    targets: Array, probabilities: Array, coverage: float, classes: tuple[str, ...]
) -> Sets:
    """Fit prediction sets on images that the network was not trained on.

    Class by class where each has enough images for it, else over all together. Where an image may
    have several labels, each label by itself: of the images that have it, so many have it in their
    set.

    Parameters
    ----------
    targets
        The classes as numbers, shape (n,), or a 0 or 1 for each, shape (n, k).
    probabilities
        Shape (n, k).
    coverage
        From 0.5 to 0.999.
    classes
        Their names.

    Raises
    ------
    UsageError
        If the coverage is out of range, or the images are too few for it: says how many it needs.

    References
    ----------
    M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous set-valued classifiers with bounded error
    levels", JASA 114 (2019); V. Vovk, "Conditional validity of inductive conformal predictors",
    Machine Learning 92 (2013).
    """
    if not 0.5 <= coverage <= 0.999:
        raise UsageError(f"--coverage {coverage:g}: write a share from 0.5 to 0.999, as 0.9")
    truth, p = np.asarray(targets), np.asarray(probabilities, float)
    marks = truth.astype(bool) if truth.ndim == 2 else truth[:, None] == np.arange(len(classes))
    counts, enough = marks.sum(axis=0), needed(coverage)
    if (counts >= enough).all():
        limits = [quantile(1 - p[marks[:, k], k], coverage) for k in range(len(classes))]
        return Sets(_thresholds(limits), coverage, counts, True, classes)
    if truth.ndim == 2 or len(truth) < enough:
        have = ", ".join(f"{n} {c}" for c, n in zip(classes, counts, strict=True))
        what = "images with each label" if truth.ndim == 2 else "validation images"
        most = _most(int(counts.min()) if truth.ndim == 2 else len(truth))
        raise UsageError(
            f"--coverage {coverage:g} needs at least {enough} {what}, and this run has {have}; "
            f"{most}"
        )
    limit = quantile(1 - p[marks], coverage)
    return Sets(_thresholds([limit] * len(classes)), coverage, counts, False, classes)


def _thresholds(limits: list[float]) -> Array:
    # A little below, so that rounding to float32 can't put a class out of its own set.
    return 1 - np.asarray(limits) - 1e-7


def _most(images: int) -> str:
    """Say what coverage so many images allow."""
    most = int(1000 * images / (images + 1)) / 1000
    if most < 0.5:
        return "train with more images, or predict without --coverage"
    return f"ask for at most {most:g}, or train with more images"
