from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from firstread.evidence.answers import called, marks, squared, surprise

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.35, 0.25]])


def test_one_class_an_image() -> None:
    yes = marks(np.array([0, 2, 1]), 3)
    assert yes.tolist() == [[True, False, False], [False, False, True], [False, True, False]]
    assert called(P, False).argmax(axis=1).tolist() == [0, 2, 0]
    assert surprise(yes, P, False).mean() == pytest.approx(log_loss([0, 2, 1], P))
    # (0.3^2 + 0.2^2 + 0.1^2), of 0 to 2.
    assert squared(yes, P, False)[0] == pytest.approx(0.14)


def test_two_classes_halve_the_brier_score() -> None:
    truth, p = np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4])
    both = np.column_stack([1 - p, p])
    score = squared(marks(truth, 2), both, False).mean()
    assert score == pytest.approx(brier_score_loss(truth, p))


def test_several_labels_an_image() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]])
    yes = marks(targets, 3)
    assert called(P, True).tolist() == [[True, False, False], [False, False, True], [False] * 3]
    expected = np.mean([log_loss(targets[:, k], P[:, k], labels=[0, 1]) for k in range(3)])
    assert surprise(yes, P, True).mean() == pytest.approx(expected)
    expected = np.mean([brier_score_loss(targets[:, k], P[:, k]) for k in range(3)])
    assert squared(yes, P, True).mean() == pytest.approx(expected)


def test_certainty_that_is_wrong_is_a_finite_surprise() -> None:
    wrong = surprise(np.array([[True, False]]), np.array([[0.0, 1.0]]), False)
    assert wrong == pytest.approx([-np.log(np.finfo(float).eps)])
