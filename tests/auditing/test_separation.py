"""Separation: intervals cover, p-values are honest, samples keep patients whole."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from firstread.auditing.separation import cross_validated, judged, p_values, sampled


def alone(count: int) -> np.ndarray:
    """Return patients of one image each."""
    return np.array([f"p{n}" for n in range(count)])


@pytest.mark.parametrize("rates", [(0.9, 0.7), (0.5, 0.5), (0.97, 0.9)])
def test_intervals_cover_the_truth(rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], [40, 60])
    patients = alone(100)
    covered = []
    for _ in range(600):
        right = rng.random(100) < np.array(rates)[targets]
        found = judged(targets, np.where(right, targets, 1 - targets), patients)
        covered.append(found.low <= np.mean(rates) <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.985


def test_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    targets, answers = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    found = judged(targets, answers, alone(200))
    assert found.accuracy == pytest.approx(balanced_accuracy_score(targets, answers))
    sensitivity = (answers[targets == 2] == 2).mean()
    specificity = (answers[targets != 2] != 2).mean()
    assert found.informedness[2] == pytest.approx(sensitivity + specificity - 1)
    assert found.skill == pytest.approx(balanced_accuracy_score(targets, answers, adjusted=True))


def test_images_of_one_patient_count_as_one() -> None:
    targets = np.repeat([0, 1], 40)
    answers = np.where(np.arange(80) % 5 == 0, 1 - targets, targets)
    few = judged(targets, answers, np.array([f"p{n // 4}" for n in range(80)]))
    many = judged(targets, answers, alone(80))
    assert few.accuracy == many.accuracy
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_cross_validation_is_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    columns = rng.normal(size=(90, 4)).astype(np.float32)
    targets = (columns[:, 0] + rng.normal(size=90) > 0).astype(np.int64)
    tree = DecisionTreeClassifier(
        max_leaf_nodes=4, min_samples_leaf=2, class_weight="balanced", random_state=3
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    expected = cross_val_predict(tree, columns, targets, cv=folds, method="predict_proba")
    found = cross_validated("tree", columns, targets, alone(90), 3)
    np.testing.assert_allclose(found, expected)


def test_p_values_are_rarely_small_where_there_is_nothing() -> None:
    rng = np.random.default_rng(4)
    small = 0
    for seed in range(60):
        tried = {f"k{k}": rng.normal(size=(50, 5)).astype(np.float32) for k in range(6)}
        found = p_values(tried, rng.integers(0, 2, 50), alone(50), seed)
        small += min(found.values()) <= 0.05
    assert small <= 8  # Of 60 at 5 %, 8 or fewer in 99 of 100 cases.


def test_p_values_are_small_where_one_kind_tells_the_classes() -> None:
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 3, 90)
    noise = {f"k{k}": rng.normal(size=(90, 5)).astype(np.float32) for k in range(5)}
    telling = (targets + 0.3 * rng.normal(size=90))[:, None].astype(np.float32)
    found = p_values({**noise, "telling": telling}, targets, alone(90), 0)
    assert found.pop("telling") == pytest.approx(0.001)
    assert min(found.values()) > 0.05


def test_unknown_values_are_taken() -> None:
    rng = np.random.default_rng(6)
    targets = rng.integers(0, 2, 60)
    column = np.where(rng.random(60) < 0.2, np.nan, targets)[:, None].astype(np.float32)
    assert p_values({"x": column}, targets, alone(60), 0)["x"] == pytest.approx(0.001)
    answers = cross_validated("tree", column, targets, alone(60), 0).argmax(axis=1)
    assert (answers == targets).mean() > 0.8


def test_samples_keep_patients_whole_and_classes_in_proportion() -> None:
    targets = np.repeat([0, 1], [800, 200])
    groups = np.array([f"{target}-{n // 4}" for n, target in enumerate(targets)])
    places = sampled(targets, groups, 100, 0)
    assert 100 <= len(places) <= 110
    assert (targets[places] == 1).mean() == pytest.approx(0.2, abs=0.03)
    _, sizes = np.unique(groups[places], return_counts=True)
    assert (sizes == 4).all()
    np.testing.assert_array_equal(sampled(targets, groups, 2000, 0), np.arange(1000))
