from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from firstread.errors import UsageError
from firstread.evidence.crossvalidation import cross_validate, folds
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


def test_folds_keep_patients_together_and_classes_in_proportion() -> None:
    patients = np.repeat(np.arange(60), 3)
    targets = (np.arange(60) % 3 == 0).astype(int)[patients]
    parted = folds(targets, [f"P{k}" for k in patients], count=5, repeats=2)
    assert [(f.repeat, f.number) for f in parted] == [(r, k) for r in range(2) for k in range(5)]
    for fold in parted:
        assert not set(patients[fold.train]) & set(patients[fold.test])
        assert len(fold.train) + len(fold.test) == 180
        assert targets[fold.test].mean() == pytest.approx(1 / 3, abs=0.1)
    for repeat in (parted[:5], parted[5:]):
        assert sorted(np.concatenate([fold.test for fold in repeat])) == list(range(180))
    assert set(parted[0].test) != set(parted[5].test)


def test_several_labels_are_kept_in_proportion_by_the_rarest() -> None:
    rng = np.random.default_rng(1)
    targets = (rng.random((300, 3)) < [0.5, 0.3, 0.05]).astype(int)
    for fold in folds(targets, count=3):
        assert targets[fold.test, 2].sum() == pytest.approx(targets[:, 2].sum() / 3, abs=1)


def test_labels_rarer_than_the_folds_are_parted_with_the_rest() -> None:
    targets = np.zeros((40, 3), int)
    targets[:20, 0] = 1
    targets[:2, 1] = 1
    assert len(folds(targets, count=5)) == 5
    assert len(folds(targets[:20], count=5)) == 5


def test_too_few_patients_are_named() -> None:
    with pytest.raises(UsageError, match="one class has 3; use up to 3 folds"):
        folds(np.repeat([0, 1], [20, 3]), count=5)
    with pytest.raises(UsageError, match="folds is 1"):
        folds(np.repeat([0, 1], 20), count=1)


def test_figures_of_each_fold_equal_scikit_learns() -> None:
    targets, features = simulated(2)
    parted = folds(targets, count=4, repeats=2)
    result = returned(cross_validate(CLASSES, targets, parted, logistic(features)))
    scores = result.scores()
    for k, fold in enumerate(parted):
        p = logistic(features)(fold.train, targets[fold.train], fold.test)
        truth = targets[fold.test]
        assert scores.loc[k, "accuracy"] == pytest.approx(accuracy_score(truth, p[:, 1] > 0.5))
        assert scores.loc[k, "auroc"] == pytest.approx(roc_auc_score(truth, p[:, 1]))
        assert scores.loc[k, "log_loss"] == pytest.approx(log_loss(truth, p))
    estimates = {e.figure: e for e in result.estimates()}
    values = scores["accuracy"].to_numpy()
    # t of 7 degrees of freedom at 97.5 %: 2.364624; 30 images tested, 90 trained on.
    half = 2.364624 * np.sqrt((1 / 8 + 30 / 90) * values.var(ddof=1))
    assert estimates["accuracy"].value == pytest.approx(values.mean())
    assert estimates["accuracy"].high - estimates["accuracy"].low == pytest.approx(2 * half)
    assert json.dumps(result.record(), allow_nan=False)
    assert "4 folds, 2 times" in result.sentence()


def test_predictions_are_out_of_fold_and_steps_are_told() -> None:
    targets, features = simulated(3, 40)
    parted = folds(targets, count=4)
    seen = []

    def spying(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
        assert not set(train) & set(test)
        assert (labels == targets[train]).all()
        return logistic(features)(train, labels, test)

    work = cross_validate(CLASSES, targets, parted, spying)
    while True:
        try:
            seen.append(next(work).done)
        except StopIteration as end:
            frame = end.value.predictions()
            break
    assert seen == [1, 2, 3, 4]
    assert list(frame) == ["repeat", "fold", "case", "p_well", "p_ill"]
    assert sorted(frame["case"]) == list(range(40))


def nearest_mean(features: np.ndarray) -> object:
    def fit_predict(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> np.ndarray:
        ill, well = (features[train][targets == k].mean(axis=0) for k in (1, 0))
        p = 1 / (1 + np.exp(-(features[test] - (ill + well) / 2) @ (ill - well)))
        return np.column_stack([1 - p, p])

    return fit_predict


def test_intervals_of_the_accuracy_are_not_too_short() -> None:
    unseen, others = simulated(99, 4000)
    intervals, corrected, naive = [], [], []
    for seed in range(200):
        targets, features = simulated(seed, 80)
        parted = folds(targets, count=5, repeats=3)
        result = returned(cross_validate(CLASSES, targets, parted, nearest_mean(features)))
        intervals.append(result.estimates()[0].interval)
        both = np.concatenate([features, others])
        p = nearest_mean(both)(np.arange(64), targets[:64], np.arange(80, 4080))
        corrected.append(((p[:, 1] > 0.5) == unseen).mean())
        values = result.scores()["accuracy"]
        naive.append((values.mean(), 2.1448 * values.std() / 15**0.5))
    truth = np.mean(corrected)
    assert 0.93 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.99
    # What the correction is for: folds taken for independent ones give far too short intervals.
    assert np.mean([abs(mean - truth) <= half for mean, half in naive]) < 0.8


def test_a_wrong_shape_is_refused() -> None:
    targets, _ = simulated(7, 40)
    work = cross_validate(
        CLASSES, targets, folds(targets, count=2), lambda a, b, c: np.ones((len(c), 3))
    )
    with pytest.raises(ValueError, match="fit_predict gave"):
        returned(work)
