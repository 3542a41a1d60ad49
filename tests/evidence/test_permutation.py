from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from firstread.evidence.crossvalidation import folds
from firstread.evidence.permutation import Control, permuted
from firstread.progress import returned

CLASSES = ("well", "ill")


def simulated(seed: int, n: int = 120, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, n)
    return targets, rng.normal(size=(n, 3)) + gap * targets[:, None]


def logistic(features: np.ndarray) -> object:
    def fit_predict(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> np.ndarray:
        return LogisticRegression().fit(features[train], targets).predict_proba(features[test])

    return fit_predict


def nearest_mean(features: np.ndarray) -> object:
    def fit_predict(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> np.ndarray:
        ill, well = (features[train][targets == k].mean(axis=0) for k in (1, 0))
        p = 1 / (1 + np.exp(-(features[test] - (ill + well) / 2) @ (ill - well)))
        return np.column_stack([1 - p, p])

    return fit_predict


def test_shuffled_labels_show_nothing_and_true_ones_something() -> None:
    targets, features = simulated(4, 80, gap=1.5)
    control = returned(
        permuted(CLASSES, targets, folds(targets, count=4), logistic(features), times=30)
    )
    assert control.accuracy > 0.8
    assert np.mean(control.shuffled) == pytest.approx(0.5, abs=0.08)
    assert control.p_value == pytest.approx(1 / 31)
    assert "shuffled 30 times" in control.sentence()


def test_where_there_is_nothing_p_is_small_as_seldom_as_it_says() -> None:
    small = []
    for seed in range(40):
        nothing, noise = simulated(seed, 60, gap=0)
        parted = folds(nothing, count=3)
        work = permuted(CLASSES, nothing, parted, nearest_mean(noise), times=19, seed=seed)
        control = returned(work)
        small.append(control.p_value <= 0.1)
        if not small[-1]:
            assert "may be chance" in control.sentence()
    # A tenth of 40, and three standard deviations either way.
    assert 0 <= sum(small) <= 4 + 3 * (40 * 0.1 * 0.9) ** 0.5


def test_labels_move_with_whole_patients() -> None:
    rng = np.random.default_rng(6)
    patients = np.repeat(np.arange(24), 4)
    targets = (np.arange(24) % 2)[patients]
    # Each patient looks like itself alone: images shuffled one by one would hide the memorising.
    features = rng.normal(size=(24, 5))[patients] + 0.01 * rng.normal(size=(96, 5))
    parted = folds(targets, patients, count=4)
    control = returned(
        permuted(CLASSES, targets, parted, logistic(features), groups=patients, times=25)
    )
    assert control.whole_patients
    assert control.p_value > 0.05
    mixed = targets.copy()
    mixed[0] = 1 - mixed[0]
    work = permuted(CLASSES, mixed, parted, logistic(features), groups=patients, times=1)
    assert not returned(work).whole_patients


def test_too_few_shuffles_are_said_to_be() -> None:
    assert "at least 19 times" in Control(0.9, (0.5, 0.4), True).sentence()
