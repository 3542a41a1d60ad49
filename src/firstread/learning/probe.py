"""A linear classifier on fixed features, its regularisation chosen by inner cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from firstread.progress import Step
from firstread.threads import single_threaded

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

GRID = tuple(10.0**power for power in range(-5, 2))
"""What C (the inverse of the regularisation's strength) is chosen from, weakest last."""

INNER_FOLDS = 5
_ITERATIONS = 300
_CONSTANT = 1e-4
_FAR = 8.0


@dataclass(frozen=True)
class Trial:
    """One strength of regularisation that was tried.

    Parameters
    ----------
    c
        Inverse of the strength, as scikit-learn has it.
    loss, acc
        Mean cross-entropy in nats and accuracy on the images that were learned from.
    val_loss, val_acc
        The same on those that were held out, over the inner cross-validation.
    """

    c: float
    loss: float
    acc: float
    val_loss: float
    val_acc: float


@dataclass(frozen=True)
class Linear:
    """A fitted linear classifier.

    Parameters
    ----------
    weight, bias
        Of the logits, float32, shapes (classes, C) and (classes,).
    c
        The inverse of the regularisation's strength that was chosen.
    trials
        All that were tried; empty where the images were too few to try.
    """

    weight: Floats
    bias: Floats
    c: float
    trials: tuple[Trial, ...] = ()

    def logits(self, features: Floats) -> Floats:
        """Return logits, shape (n, classes), of features, shape (n, C)."""
        return np.asarray(features @ self.weight.T + self.bias)


def chances(logits: Floats, multilabel: bool) -> Floats:
    """Turn logits, shape (n, classes), into probabilities of the same shape."""
    return np.asarray(expit(logits) if multilabel else softmax(logits, axis=1))


def judged(logits: Floats, targets: Ints) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy, as the training loop counts them."""
    return float(losses(logits, targets).mean()), float(hits(logits, targets).mean())


def losses(logits: Floats, targets: Ints) -> Floats:
    """Return each image's cross-entropy in nats, shape (n,)."""
    if targets.ndim == 2:
        signs = 2 * targets - 1
        return np.asarray(-log_expit(signs * logits).mean(axis=1))
    return np.asarray(-log_softmax(logits, axis=1)[np.arange(len(targets)), targets])


def hits(logits: Floats, targets: Ints) -> Floats:
    """Return whether each image is right, or what share of its labels, shape (n,)."""
    if targets.ndim == 2:
        return np.asarray(((logits >= 0) == targets.astype(bool)).mean(axis=1))
    return np.asarray((logits.argmax(axis=1) == targets).astype(float))


def folds(
    targets: Ints, groups: Sequence[object] | npt.NDArray[np.object_], count: int, seed: int
) -> list[tuple[Ints, Ints]]:
    """Part images into folds with the classes in proportion and every group on one side.

    Parameters
    ----------
    targets
        Shape (n,) or (n, classes).
    groups
        One an image.
    count
        Folds; as many as the class with the fewest groups has, if that is less.
    seed
        Decides which go together.

    Returns
    -------
    folds
        Places to learn from and places held out; none where a class has only one group.
    """
    names = pd.factorize(np.asarray(groups, dtype=object))[0]
    # Where an image may have several labels, each combination of them counts as a class.
    strata = targets if targets.ndim == 1 else np.unique(targets, axis=0, return_inverse=True)[1]
    strata = np.asarray(strata).reshape(-1)
    if targets.ndim == 1:
        count = min(count, *(len(set(names[strata == k])) for k in np.unique(strata)))
    else:
        count = min(count, len(set(names)))
    if count < 2:
        return []
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A rare combination of labels may have fewer images than there are folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(strata, strata, names))


def fit(
    features: Floats,
    targets: Ints,
    groups: Sequence[object] | npt.NDArray[np.object_],
    *,
    classifier: str = "softmax",
    classes: int,
    balance: bool = False,
    grid: Sequence[float] = GRID,
    inner: int = INNER_FOLDS,
    seed: int = 0,
) -> Generator[Step, None, Linear]:
    """Fit a linear classifier, its regularisation chosen by inner grouped cross-validation.

    Parameters
    ----------
    features
        Of several views of each image, float32, shape (views, n, C). All views are learned from;
        view 0, the image itself, is judged.
    targets
        The classes as numbers, shape (n,), or 0 and 1 of shape (n, classes).
    groups
        What stays together, the patient for instance; one an image.
    classifier
        `softmax` (multinomial logistic regression), or `svm` (linear, one against the rest, its
        scores scaled to probabilities by one factor: J. Platt, "Probabilistic Outputs for Support
        Vector Machines", 1999).
    classes
        How many.
    balance
        Whether every class gets the same say.
    grid
        What C is chosen from; a single one is taken without trying.
    inner
        Folds.
    seed
        Of the folds.
    """
    scaled, mean, std = _standardised(features)
    parted = folds(targets, groups, inner, seed) if len(grid) > 1 or classifier == "svm" else []
    make = _Maker(classifier, classes, balance)
    held = {c: np.zeros((len(targets), classes)) for c in grid}
    seen: dict[float, list[tuple[Floats, Ints]]] = {c: [] for c in grid}
    for number, (learned, left) in enumerate(parted):
        rows, turn = _turned(scaled[:, learned])
        for place, c in enumerate(grid):
            weight, bias = make(rows, np.concatenate([targets[learned]] * len(scaled)), c)
            held[c][left] = (scaled[0, left] @ turn) @ weight.T + bias
            fitted = rows[: len(learned)] @ weight.T + bias
            seen[c].append((fitted, targets[learned]))
            done = number * len(grid) + place + 1
            yield Step("choosing the regularisation", done, len(parted) * len(grid))
    scores = classifier == "svm" and bool(parted)
    factors = {c: _factor(held[c], targets) if scores else 1.0 for c in grid}
    trials = tuple(
        _trial(c, seen[c], held[c], targets, factors[c]) for c in (grid if parted else ())
    )
    chosen = grid[len(grid) // 2]
    if trials:
        # Of equally good ones the strongest: `min` takes the first.
        chosen = min(trials, key=lambda trial: round(trial.val_loss, 4)).c
    rows, turn = _turned(scaled)
    weight, bias = make(rows, np.concatenate([targets] * len(scaled)), chosen)
    weight = factors[chosen] * (weight @ turn.T) / std
    bias = factors[chosen] * bias - weight @ mean
    return Linear(weight.astype(np.float32), bias.astype(np.float32), chosen, trials)


def _trial(
    c: float, seen: list[tuple[Floats, Ints]], held: Floats, targets: Ints, factor: float
) -> Trial:
    loss, acc = np.mean([judged(factor * logits, known) for logits, known in seen], axis=0)
    val_loss, val_acc = judged(factor * held, targets)
    return Trial(c, float(loss), float(acc), val_loss, val_acc)


def out_of_fold(
    features: Floats,
    targets: Ints,
    groups: npt.NDArray[np.object_],
    parted: Sequence[tuple[Ints, Ints]],
    **options: Any,
) -> Iterator[Step | Floats]:
    """Yield steps, then the logits of every image by a classifier that didn't learn from it.

    Parameters
    ----------
    features, targets, groups
        As of `fit`.
    parted
        The outer folds.
    **options
        As of `fit`; everything is chosen anew within each fold.
    """
    logits = np.zeros((len(targets), options["classes"]))
    for learned, left in parted:
        fitted = yield from fit(features[:, learned], targets[learned], groups[learned], **options)
        logits[left] = fitted.logits(features[0, left])
    yield logits


def _standardised(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Return features of mean 0 and deviation 1, with the mean and deviation they had."""
    flat = features.reshape(-1, features.shape[-1])
    mean, std = flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)
    # A feature that hardly varies says nothing; it mustn't be blown up.
    std[std <= _CONSTANT * max(float(np.median(std)), 1e-12)] = np.inf
    return np.asarray((features - mean) / std), mean, std


def _turned(features: Floats) -> tuple[Floats, Floats]:
    """Return all views as rows in the few directions that they span, and those directions.

    The penalty on a linear classifier's weights doesn't change when features are turned, so the
    solution is the same, and found in a fraction of the time where images are fewer than features.
    """
    flat = features.reshape(-1, features.shape[-1])
    if len(flat) >= flat.shape[1]:
        return flat, np.eye(flat.shape[1])
    with single_threaded():
        left, lengths, right = np.linalg.svd(flat, full_matrices=False)
    return left * lengths, right.T


@dataclass(frozen=True)
class _Maker:
    """Fits weights and bias, shapes (classes, C) and (classes,), for one strength."""

    classifier: str
    classes: int
    balance: bool

    def __call__(self, rows: Floats, targets: Ints, c: float) -> tuple[Floats, Floats]:
        if targets.ndim == 2:
            fitted = [self._one(rows, targets[:, k], c, 2) for k in range(self.classes)]
            weights = [weight[1] - weight[0] for weight, _ in fitted]
            return np.stack(weights), np.array([bias[1] - bias[0] for _, bias in fitted])
        return self._one(rows, targets, c, self.classes)

    def _one(self, rows: Floats, targets: Ints, c: float, classes: int) -> tuple[Floats, Floats]:
        present = np.unique(targets)
        weight, bias = np.zeros((classes, rows.shape[1])), np.full(classes, -_FAR)
        if len(present) == 1:
            bias[present] = 0.0
            return weight, bias
        weighting = "balanced" if self.balance else None
        model = (
            LogisticRegression(C=c, max_iter=_ITERATIONS, class_weight=weighting)
            if self.classifier == "softmax"
            else LinearSVC(C=c, class_weight=weighting, random_state=0)
        )
        with single_threaded(), warnings.catch_warnings():
            # The strength that is chosen is one that generalises, converged or not.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows, targets)
        if len(present) == 2:
            half, middle = model.coef_[0] / 2, model.intercept_[0] / 2
            weight[present], bias[present] = np.stack([-half, half]), [-middle, middle]
        else:
            weight[present], bias[present] = model.coef_, model.intercept_
        return weight, bias


def _factor(logits: Floats, targets: Ints) -> float:
    """Return the factor that makes scores the best logits, from 0.01 to 100."""
    found = minimize_scalar(
        lambda power: float(losses(10.0**power * logits, targets).mean()),
        bounds=(-2.0, 2.0),
        method="bounded",
    )
    return float(10.0**found.x)
