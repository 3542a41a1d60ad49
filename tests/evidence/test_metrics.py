from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, log_loss

from firstread.evidence import Metrics, proportion, score

CLASSES = ("a", "b", "c")


@pytest.fixture
def judged() -> tuple[np.ndarray, np.ndarray, Metrics]:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 50)
    probabilities = rng.dirichlet([1, 1, 1], 50).astype(np.float32)
    return targets, probabilities, score(CLASSES, targets, probabilities, np.array([2, 2, 0, 1]))


def test_figures_equal_scikit_learns(judged: tuple[np.ndarray, np.ndarray, Metrics]) -> None:
    targets, probabilities, metrics = judged
    answers = probabilities.argmax(axis=1)
    assert metrics.accuracy == pytest.approx(accuracy_score(targets, answers))
    exact = probabilities.astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    record = json.loads(json.dumps(metrics.record(), allow_nan=False))
    assert record["log_loss"] == pytest.approx(log_loss(targets, exact))
    assert record["accuracy_interval_95"] == pytest.approx(list(proportion(metrics.right, 50)))
    assert record["images"] == 50
    assert {"figures", "confusion", "classes"} <= record.keys()
    guess = DummyClassifier().fit(np.zeros((4, 1)), [2, 2, 0, 1]).predict(np.zeros((50, 1)))
    assert metrics.majority == (guess == targets).sum()


def test_few_images_are_said_to_tell_little() -> None:
    metrics = score(("a", "b"), np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0]))
    assert metrics.sentence().startswith("1 of 2 right; with 2 images")
    assert metrics.baseline() == "Always answering the most frequent class gets 2 of 2."


def test_patients_that_repeat_widen_the_interval(
    judged: tuple[np.ndarray, np.ndarray, Metrics],
) -> None:
    targets, probabilities, metrics = judged
    whose = np.arange(50) // 10
    grouped = score(CLASSES, targets, probabilities, targets, groups=whose)
    assert grouped.accuracy == metrics.accuracy
    assert grouped.interval.low <= metrics.interval.low
    assert "with 50 images of 5 patients" in grouped.sentence()


def test_several_labels_an_image() -> None:
    targets = np.array([[1, 0], [0, 0], [1, 1], [0, 0]])
    probabilities = np.array([[0.9, 0.2], [0.4, 0.4], [0.8, 0.3], [0.1, 0.6]])
    training = np.array([[1, 0], [1, 0], [0, 0]])
    metrics = score(("a", "b"), targets, probabilities, training)
    assert metrics.right == round(4 * accuracy_score(targets, probabilities >= 0.5)) == 2
    # "a" is the answer to two of three training images, "b" to none.
    assert metrics.baseline() == "Always answering the most frequent labels gets 1 of 4."
