"""Which way up an image lies: told from what a network makes of images turned on purpose."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from firstread.evidence.conformal import needed, quantile
from firstread.threads import single_threaded

Array = npt.NDArray[Any]

_FOLDS = 5
_USEFUL = 0.5
"""Share of turned images that must be told for the rule to be worth its false alarms."""
_STRENGTH = 0.1


@dataclass(frozen=True)
class Turner:
    """Tells turned images from upright ones.

    Parameters
    ----------
    weight, bias
        Of softmax regression on normalised features, upright first, shapes (ways + 1, d) and
        (ways + 1,); without rows where it can't tell, as of images that have no up.
    limit
        The largest log-odds of any way against upright that is not refused.
    told
        Share of turned images beyond it, out of fold.
    flagged
        Which of the training images, out of fold, and of the validation images behind them are
        beyond it nevertheless: bool, shape (n + m,).
    """

    weight: Array
    bias: Array
    limit: float
    told: float
    flagged: npt.NDArray[np.bool_]


def fit_turner(
    bank: Array,
    turned: Array,
    which: npt.NDArray[np.int64],
    groups: Array,
    fresh: Array,
    rate: float,
) -> Turner:
    """Fit and calibrate a linear classifier of how an image was turned.

    Parameters
    ----------
    bank, fresh
        Normalised features of training and validation images.
    turned
        Of training images turned every way, all ways of one image after each other.
    which
        Places in the bank of those images.
    groups
        Of the bank: patients.
    rate
        False alarms of the whole refusal, a fifth of which are this classifier's; half where
        images are few.

    References
    ----------
    D. Hendrycks et al., "Using self-supervised learning can improve model robustness and
    uncertainty", NeurIPS 2019 (rotations tell what is out of distribution).
    """
    width = bank.shape[1]
    none = np.zeros(len(bank) + len(fresh), bool)
    nothing = Turner(np.zeros((0, width), np.float32), np.zeros(0, np.float32), 0.0, 0.0, none)
    names = pd.factorize(groups[which])[0] if len(which) else np.zeros(0, int)
    folds = min(_FOLDS, len(set(names.tolist())))
    if folds < 2:
        return nothing
    ways = len(turned) // len(which)
    upright, views = bank[which], turned.reshape(len(which), ways, -1)
    own = np.zeros((len(which), ways))
    theirs = np.zeros((len(which), ways))
    for learned, left in GroupKFold(folds).split(upright, groups=names):
        fitted = _linear(upright[learned], views[learned])
        own[left] = turn_odds(upright[left], *fitted)
        theirs[left] = np.stack(
            [turn_odds(views[left, way], *fitted).max(axis=1) for way in range(ways)], axis=1
        )
    weight, bias = _linear(upright, views)
    upright_odds = turn_odds(np.concatenate([bank, fresh]), weight, bias)
    upright_odds[which] = own
    worst = upright_odds.max(axis=1)
    mine = rate / 5 if len(worst) >= needed(1 - rate / 5) else rate / 2
    limit = quantile(worst, 1 - mine)
    told = float((theirs > limit).mean())
    if not np.isfinite(limit) or told < _USEFUL:
        return nothing
    return Turner(weight, bias, limit, told, worst > limit)


def turn_odds(points: Array, weight: Array, bias: Array) -> Array:
    """Return the log-odds of each turn against upright, shape (n, turns)."""
    logits = points @ weight.T + bias
    return np.asarray(logits[:, 1:] - logits[:, :1])


def _linear(upright: Array, views: Array) -> tuple[Array, Array]:
    """Fit softmax regression of the ways images were turned, upright first."""
    rows = np.concatenate([upright, *views.swapaxes(0, 1)])
    targets = np.repeat(np.arange(views.shape[1] + 1), len(upright))
    scale = np.sqrt(rows.shape[1])
    with single_threaded(), warnings.catch_warnings():
        # A classifier whose odds are calibrated serves, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=_STRENGTH, max_iter=200).fit(rows * scale, targets)
    weight = np.asarray(model.coef_ * scale, np.float32)
    return weight, np.asarray(model.intercept_, np.float32)
