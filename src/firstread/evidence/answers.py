"""From targets and probabilities to truth, answers and losses, an image a row, a class a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_EPSILON = float(np.finfo(float).eps)


def marks(targets: Array, classes: int) -> Array:
    """Return whether each image is of each class, bool, shape (n, k).

    Parameters
    ----------
    targets
        Class numbers, shape (n,), or where an image can be of several classes 0 or 1 for each,
        shape (n, k).
    classes
        How many there are.
    """
    truth = np.asarray(targets)
    yes: Array = truth.astype(bool) if truth.ndim == 2 else truth[:, None] == np.arange(classes)
    return yes


def called(probabilities: Array, multilabel: bool) -> Array:
    """Return whether each image is called each class, bool, shape (n, k).

    It is called what is likeliest, or where it can be of several classes everything that is as
    likely as not.
    """
    p = np.asarray(probabilities)
    answer: Array = p >= 0.5 if multilabel else p.argmax(axis=1)[:, None] == np.arange(p.shape[1])
    return answer


def surprise(yes: Array, probabilities: Array, multilabel: bool) -> Array:
    """Return each image's log loss in nats, shape (n,); the mean over classes of several labels."""
    p = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    if multilabel:
        labels: Array = -np.where(yes, np.log(p), np.log1p(-p)).mean(axis=1)
        return labels
    true: Array = -np.log(p[yes])
    return true


def squared(yes: Array, probabilities: Array, multilabel: bool) -> Array:
    """Return each image's Brier score, shape (n,): from 0 to 1, or to 2 for more than two classes.

    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78 (1950); for two classes the half of his, as is usual, and for several labels an image
    their mean.
    """
    classes = yes.shape[1]
    shared = classes if multilabel else 2 if classes == 2 else 1
    errors: Array = ((probabilities - yes) ** 2).sum(axis=1) / shared
    return errors
