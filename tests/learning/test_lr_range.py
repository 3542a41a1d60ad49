from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from firstread.errors import TrainingError
from firstread.learning import Plan, RangeTest
from firstread.learning.batches import FeatureBatches, Order
from firstread.learning.finetune import Learner
from firstread.learning.lr_range import EXPLODED, range_test
from firstread.learning.objective import Objective
from firstread.progress import returned

PLAN = Plan("DATA", "firstread", "none", "none", "scratch", epochs=2, batch_size=10)


class Straight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs)

    def with_auxiliary(self, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return self(inputs), []


def setting(value: float = 1.0) -> tuple[Learner, FeatureBatches]:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 60)
    features = (rng.normal(size=(1, 60, 4)) + 2 * targets[None, :, None]).astype(np.float32)
    torch.manual_seed(0)
    batches = FeatureBatches(features * value, targets, Order(60, 10, 0, True))
    return Learner(Straight(), PLAN, Objective(), len(batches)), batches


def test_the_rate_is_a_tenth_of_that_with_the_lowest_loss_and_the_network_stays() -> None:
    learner, batches = setting()
    before = learner.network.layer.weight.clone()
    found = returned(range_test(learner, batches))
    assert isinstance(found, RangeTest)
    assert torch.equal(learner.network.layer.weight, before)
    assert learner.step == 0
    assert list(found.rates) == sorted(found.rates)
    lowest = found.rates[int(np.argmin(found.losses))]
    assert found.chosen == pytest.approx(lowest / 10)
    assert min(found.losses) < found.losses[0]


def test_it_ends_where_the_loss_explodes() -> None:
    learner, batches = setting(30.0)
    with torch.no_grad():
        learner.network.layer.weight.zero_()
    found = returned(range_test(learner, batches))
    assert len(found.rates) < 60
    assert found.losses[-1] > EXPLODED * min(found.losses)


def test_a_loss_that_is_no_number_from_the_start_is_an_error() -> None:
    learner, batches = setting(float("inf"))
    with pytest.raises(TrainingError, match="step 1"):
        returned(range_test(learner, batches))
