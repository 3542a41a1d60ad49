"""How far an image lies from the cloud of all that was trained on, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

MOST_FITTED = 2000
"""Images that a cloud's shape is measured on."""
AXES = 256
"""Directions in which a cloud's width is kept apart; all others share one."""
FOLDS = 5

_LEAST = 1e-8
"""Smallest variance of signatures, whose parts have length 1: less is rounding."""


@dataclass(frozen=True)
class Familiar:
    """Normal clouds of training images, one a class, all of one shape.

    Parameters
    ----------
    means
        Their middles, float32, shape (classes, d).
    axes
        Directions of unit length, float32, shape (r, d).
    variances
        Along these, shape (r,).
    rest
        The variance along every other direction.

    References
    ----------
    K. Lee et al., "A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks", NeurIPS 2018, arXiv:1807.03888.
    """

    means: Floats
    axes: Floats
    variances: Floats
    rest: float

    def distance(self, points: Array) -> Array:
        """Return the Mahalanobis distance to the nearest middle, shape (n,).

        Parameters
        ----------
        points
            Signatures, shape (n, d).
        """
        # Along its axes a cloud counts by its width there, and everywhere else by the rest.
        surplus = 1 / self.variances - 1 / self.rest
        found = []
        for middle in self.means:
            away = np.asarray(points - middle, np.float32)
            along = (away @ self.axes.T) ** 2
            whole = np.einsum("nd,nd->n", away, away, dtype=np.float64) / self.rest
            found.append(whole + along.astype(np.float64) @ surplus)
        return np.asarray(np.sqrt(np.clip(np.min(found, axis=0), 0, None)))


def fit_familiar(points: Array, kinds: Array) -> Familiar:
    """Fit clouds, their common covariance shrunk towards a ball, as few images need it.

    Parameters
    ----------
    points
        Signatures of training images, shape (n, d).
    kinds
        What each is of, shape (n,): each kind has a middle of its own.

    References
    ----------
    O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88 (2004).
    """
    names, places = np.unique(kinds, return_inverse=True)
    means = np.stack([points[places == k].mean(axis=0) for k in range(len(names))])
    away = np.asarray(points - means[places], np.float64)
    count, width = away.shape
    # The products of images stand for those of the many more coordinates.
    gram = away @ away.T / count
    values, vectors = np.linalg.eigh(gram)
    kept = np.flatnonzero(values > _LEAST)[::-1][:AXES]
    total, squares = float(np.trace(gram)), float((gram**2).sum())
    mean = total / width
    noise = float(((np.diag(gram) * count) ** 2).sum() / count - squares) / count
    apart = squares - width * mean**2
    share = float(np.clip(noise / apart, 0, 1)) if apart > 0 else 1.0
    left = max(total - float(values[kept].sum()), 0.0) / max(width - len(kept), 1)
    axes = (vectors[:, kept] / np.sqrt(count * values[kept])).T @ away
    return Familiar(
        np.asarray(means, np.float32),
        np.asarray(axes, np.float32),
        np.asarray(np.maximum((1 - share) * values[kept] + share * mean, _LEAST), np.float32),
        max((1 - share) * left + share * mean, _LEAST),
    )


def left_out(points: Array, kinds: Array, groups: Array) -> Array:
    """Return the distance of each training image to clouds without its patient, shape (n,).

    Empty where there is but one patient.

    Parameters
    ----------
    points, kinds
        As of `fit_familiar`.
    groups
        The patient of each.
    """
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2:
        return np.zeros(0)
    found = np.zeros(len(points))
    for learned, left in GroupKFold(folds).split(points, groups=groups):
        found[left] = fit_familiar(points[learned], kinds[learned]).distance(points[left])
    return found
