from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, recall_score

from firstread.evidence import Metrics, score

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
    assert metrics.log_loss == pytest.approx(log_loss(targets, exact))
    record = metrics.record()
    recalls = [record["classes"][c]["right"] / record["classes"][c]["images"] for c in CLASSES]
    assert recalls == pytest.approx(recall_score(targets, answers, average=None).tolist())
    assert metrics.majority == (targets == 2).sum()


def test_a_class_without_images_has_no_interval() -> None:
    metrics = score(("a", "b"), np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0]))
    assert metrics.record()["classes"]["b"] == {"images": 0, "right": 0, "interval_95": None}
    assert metrics.sentence().startswith("1 of 2 right; with 2 images")
