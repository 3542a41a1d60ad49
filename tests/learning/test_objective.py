from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from firstread.learning.objective import Objective, Tally, class_weights

RNG = np.random.default_rng(0)
LOGITS = torch.from_numpy(RNG.normal(size=(40, 3)).astype(np.float32))
CLASSES = torch.from_numpy(RNG.integers(0, 3, 40))
MARKS = torch.from_numpy(RNG.integers(0, 2, (40, 3)))


def test_classes_that_exclude_each_other_lose_as_scikit_learn_has_it() -> None:
    expected = log_loss(CLASSES.numpy(), LOGITS.double().softmax(1).numpy())
    assert float(Objective().loss(LOGITS, CLASSES)) == pytest.approx(expected, rel=1e-5)


def test_labels_by_themselves_lose_the_mean_of_their_binary_losses() -> None:
    chances = LOGITS.sigmoid().double().numpy()
    expected = np.mean([log_loss(MARKS[:, k].numpy(), chances[:, k]) for k in range(3)])
    assert float(Objective(multilabel=True).loss(LOGITS, MARKS)) == pytest.approx(
        expected, rel=1e-5
    )


def test_one_sigmoid_is_two_classes() -> None:
    one, targets = LOGITS[:, :1], CLASSES.clamp(max=1)
    two = torch.cat([torch.zeros_like(one), one], 1)
    for objective in (Objective(), Objective(weights=torch.tensor([1.0, 1.0]))):
        assert float(objective.loss(one, targets)) == pytest.approx(
            float(objective.loss(two, targets)), rel=1e-5
        )


def test_weights_give_each_class_the_same_say() -> None:
    targets = np.array([0] * 30 + [1] * 10)
    weights = class_weights(targets, 2)
    assert float(weights[0]) * 30 == pytest.approx(float(weights[1]) * 10)
    marks = np.array([[1, 0]] * 5 + [[0, 1]] * 15)
    assert class_weights(marks, 2).tolist() == pytest.approx([3.0, 1 / 3])


def test_a_tally_counts_as_scikit_learn_does_and_goes_on_from_its_state() -> None:
    tally = Tally()
    tally.add(1.0, LOGITS[:25], CLASSES[:25])
    other = Tally()
    other.restore(tally.state())
    other.add(2.0, LOGITS[25:], CLASSES[25:])
    assert other.acc == pytest.approx(accuracy_score(CLASSES, LOGITS.argmax(1)))
    assert other.loss == pytest.approx((25 * 1.0 + 15 * 2.0) / 40)


def test_accuracy_with_several_labels_is_the_share_of_labels_right() -> None:
    tally = Tally(multilabel=True)
    tally.add(0.0, LOGITS, MARKS)
    assert tally.acc == pytest.approx(((LOGITS > 0) == MARKS.bool()).float().mean().item())


def test_figures_are_told_without_smoothing_and_weights() -> None:
    objective = Objective(smoothing=0.2, weights=torch.tensor([1.0, 5.0, 2.0]))
    assert objective.plain() == Objective()
