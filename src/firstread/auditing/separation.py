"""How well small classifiers tell classes apart, and how well they would by chance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

FOLDS = 5
MOST_CASES = 3000
"""Images that a classifier is measured on; of more, a sample by class, whole patients."""

PERMUTATIONS = 999
PERMUTED_FOLDS = 3
PERMUTED_CASES = 600
"""Images, of as many patients, whose labels are permuted."""

Model = Literal["tree", "logistic"]
Targets = npt.NDArray[np.int64]
Columns = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Separation:
    """How well the classes are told apart, on images that the classifier wasn't fitted to.

    Parameters
    ----------
    accuracy
        Balanced accuracy: the mean of the classes' sensitivities, from 0 to 1.
    low, high
        Its 95 % interval; the images of one patient count as one.
    chance
        What guessing gets: one over the number of classes.
    informedness
        Of each class against the rest: sensitivity + specificity - 1, 0 by guessing, at most 1.
    images
        How many it was measured on.
    """

    accuracy: float
    low: float
    high: float
    chance: float
    informedness: tuple[float, ...]
    images: int

    @property
    def skill(self) -> float:
        """How far from guessing (0) to perfect (1) the balanced accuracy lies."""
        return (self.accuracy - self.chance) / (1 - self.chance)

    @property
    def strength(self) -> float:
        """The skill, or the highest informedness where one class alone is told from the rest."""
        return max(self.skill, *self.informedness)

    @property
    def least_skill(self) -> float:
        """The skill at the lower end of the interval."""
        return (self.low - self.chance) / (1 - self.chance)


def classifier(model: Model, classes: int, seed: int) -> Any:
    """Make a classifier that isn't fitted yet, of scikit-learn."""
    if model == "tree":
        return DecisionTreeClassifier(
            max_leaf_nodes=max(4, 2 * classes),
            min_samples_leaf=2,
            class_weight="balanced",
            random_state=seed,
        )
    logistic = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced")
    return make_pipeline(StandardScaler(), logistic)


def sampled(targets: Targets, groups: npt.NDArray[Any], most: int, seed: int) -> Targets:
    """Choose images, whole patients and the same share of each class, as places in order.

    Parameters
    ----------
    targets, groups
        Class and patient of each image, shape (n,).
    most
        How many images to choose, or a few more: at least two patients a class stay.
    seed
        Of the choice.
    """
    count = len(targets)
    if count <= most:
        return np.arange(count)
    rng = np.random.default_rng(seed)
    chosen: set[Any] = set()
    for target in np.unique(targets):
        own = targets == target
        names, sizes = np.unique(groups[own], return_counts=True)
        order = rng.permutation(len(names))
        enough = np.searchsorted(np.cumsum(sizes[order]), most * own.sum() / count) + 1
        chosen.update(names[order[: max(enough, 2)]].tolist())
    return np.flatnonzero(np.isin(groups, np.array(list(chosen), dtype=groups.dtype)))


def fitted(model: Model, columns: Columns, targets: Targets, seed: int) -> Any:
    """Fit a classifier to all the images given."""
    with _quiet():
        return classifier(model, len(np.unique(targets)), seed).fit(columns, targets)


def cross_validated(
    model: Model, columns: Columns, targets: Targets, groups: npt.NDArray[Any], seed: int
) -> npt.NDArray[np.float64]:
    """Predict each image by a classifier fitted to other patients: five folds, fewer if need be.

    Parameters
    ----------
    model
        The kind of classifier.
    columns
        Shape (n, columns).
    targets, groups
        Class and patient of each image, shape (n,).
    seed
        Decides the folds.

    Returns
    -------
    probabilities
        Shape (n, 1 + highest class), 0 for classes that have no image.
    """
    probabilities = np.zeros((len(targets), int(targets.max()) + 1))
    for train, test in _folds(targets, groups, seed):
        small = fitted(model, columns[train], targets[train], seed)
        probabilities[np.ix_(test, small.classes_)] = small.predict_proba(columns[test])
    return probabilities


def judged(targets: Targets, answers: Targets, groups: npt.NDArray[Any]) -> Separation:
    """Measure answers against the truth.

    The interval joins Wilson's of each sensitivity by the method of variance estimates recovery.

    References
    ----------
    G. Y. Zou, W. Huang and X. Zhang, "A note on confidence interval estimation for a linear
    function of binomial proportions", Computational Statistics & Data Analysis 53 (2009).
    """
    numbers = np.unique(targets)
    rates, below, above, informedness = [], [], [], []
    for number in numbers:
        own = targets == number
        rate = float((answers[own] == number).mean())
        people = len(np.unique(groups[own]))
        ends = binomtest(round(rate * people), people).proportion_ci(method="wilson")
        rates.append(rate)
        below.append(min(ends.low - rate, 0.0))
        above.append(max(ends.high - rate, 0.0))
        informedness.append(rate - float((answers[~own] == number).mean()))
    mean, classes = float(np.mean(rates)), len(numbers)
    return Separation(
        mean,
        max(mean - float(np.linalg.norm(below)) / classes, 0.0),
        min(mean + float(np.linalg.norm(above)) / classes, 1.0),
        1 / classes,
        tuple(informedness),
        len(targets),
    )


def p_values(
    tried: Mapping[str, Columns], targets: Targets, groups: npt.NDArray[Any], seed: int
) -> dict[str, float]:
    """Return how often permuted labels are told apart as well, corrected for the number tried.

    One image is taken of each patient, 600 at most in all, so that labels are exchangeable. The
    statistic is the balanced accuracy, in three folds, of a least-squares classifier on columns
    cut at their quartiles, as all permutations of it are one product of matrices. It is compared
    with the highest of all the columns' on each of 999 permutations; the smallest p-value is so
    0.001.

    Parameters
    ----------
    tried
        Columns by name, each of shape (n, columns).
    targets, groups
        Class and patient of each image, shape (n,).
    seed
        Of the choice and the permutations.

    References
    ----------
    P. H. Westfall and S. S. Young, "Resampling-Based Multiple Testing" (1993), section 2.3;
    B. Phipson and G. K. Smyth, "Permutation p-values should never be zero", Statistical
    Applications in Genetics and Molecular Biology 9 (2010).
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(targets))
    _, first = np.unique(groups[shuffled], return_index=True)
    ones = np.sort(shuffled[first])
    places = ones[sampled(targets[ones], groups[ones], PERMUTED_CASES, seed)]
    labels = np.unique(targets[places], return_inverse=True)[1]
    orders = [np.arange(len(labels)), *(rng.permutation(len(labels)) for _ in range(PERMUTATIONS))]
    permuted = labels[np.stack(orders, axis=1)]
    folds = rng.permutation(len(labels)) % PERMUTED_FOLDS
    scores = {
        name: _linear_scores(columns[places], permuted, folds) for name, columns in tried.items()
    }
    highest = np.max(list(scores.values()), axis=0)[1:] if scores else np.empty(0)
    return {
        name: float((1 + (highest >= values[0] - 1e-9).sum()) / (1 + PERMUTATIONS))
        for name, values in scores.items()
    }


def _linear_scores(columns: Columns, permuted: Targets, folds: Targets) -> npt.NDArray[np.float64]:
    """Return the balanced accuracy on each permutation of the labels.

    Parameters
    ----------
    columns
        Shape (n, columns).
    permuted
        Classes from 0, shape (n, permutations).
    folds
        The fold that each image is tested in, shape (n,).
    """
    table = _cut(columns)
    spread = np.zeros((len(table), len(table)))
    for fold in range(PERMUTED_FOLDS):
        train, test = folds != fold, folds == fold
        kernel = table[train] @ table[train].T
        # As strong as the mean of the kernel's own diagonal: half is learnt, half is shrunk.
        kernel.flat[:: len(kernel) + 1] += max(float(np.trace(kernel)) / len(kernel), 1e-9)
        cross = table[test] @ table[train].T
        spread[np.ix_(test, train)] = np.linalg.solve(kernel, cross.T).T
    counts = np.bincount(permuted[:, 0])
    scores = []
    for labels in np.array_split(permuted, max(1, permuted.shape[1] // 100), axis=1):
        own = labels[:, :, None] == np.arange(len(counts))
        share = counts / len(labels)
        standard = (own - share) / np.sqrt(share * (1 - share))
        told = np.einsum("ij,jpk->ipk", spread, standard, optimize=True)
        right = told.argmax(axis=2) == labels
        scores.append(((right[:, :, None] & own).sum(axis=0) / counts).mean(axis=1))
    return np.concatenate(scores)


def _cut(columns: Columns) -> npt.NDArray[np.float64]:
    """Return whether each value lies above each quartile of its column, centred."""
    quartiles = np.nanpercentile(columns, [0, 25, 50, 75], axis=0)
    with np.errstate(invalid="ignore"):
        above = (columns[None] > quartiles[:, None]).astype(np.float64)
    flat = above.transpose(1, 2, 0).reshape(len(columns), -1)
    centred: npt.NDArray[np.float64] = flat - flat.mean(axis=0)
    return centred


def _folds(targets: Targets, groups: npt.NDArray[Any], seed: int) -> Sequence[tuple[Any, Any]]:
    people = [len(np.unique(groups[targets == number])) for number in np.unique(targets)]
    folds = min(FOLDS, *people)
    if len(np.unique(groups)) == len(groups):
        plain = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return list(plain.split(targets, targets))
    grouped = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(grouped.split(targets, targets, groups))


class _quiet(warnings.catch_warnings):  # noqa: N801
    """A classifier that hasn't quite converged is good enough here, and a small fold no news."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return entered
