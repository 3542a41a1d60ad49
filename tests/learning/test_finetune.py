from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from firstread.backbones import probabilities
from firstread.errors import TrainingError
from firstread.learning import Epoch, FeatureBatches, Plan, finetune
from firstread.progress import Step

PLAN = Plan("DATA", "firstread", "none", "none", "scratch", epochs=6, batch_size=8, lr=0.05, seed=3)


class Linear(nn.Module):
    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(5)
        self.layers = nn.Sequential(
            nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, outputs)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layers(self.norm(inputs))

    def with_auxiliary(self, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return self(inputs), []


def batches(count: int = 61, shuffle: bool = True) -> FeatureBatches:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 2, (count,), generator=generator)
    features = torch.randn(1, count, 5, generator=generator) + 2.0 * targets[None, :, None]
    return FeatureBatches(features, targets.numpy(), 8, seed=1, shuffle=shuffle)


def run(plan: Plan, outputs: int = 2) -> tuple[list[Epoch], nn.Module]:
    torch.manual_seed(0)
    network = Linear(outputs)
    events = list(finetune(network, batches(), batches(20, shuffle=False), plan))
    return [event for event in events if isinstance(event, Epoch)], network


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns_and_its_figures_are_those_of_the_network(outputs: int) -> None:
    epochs, network = run(PLAN, outputs)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].loss < epochs[0].loss
    judged = batches(20, shuffle=False)
    network.eval()
    with torch.inference_mode():
        chances = probabilities(network(judged.views[0]))
    targets = torch.from_numpy(judged.targets)
    assert epochs[-1].val_acc == pytest.approx(float((chances.argmax(1) == targets).float().mean()))
    expected = -chances[torch.arange(20), targets].log().mean()
    assert epochs[-1].val_loss == pytest.approx(float(expected), rel=1e-4)


def test_same_seed_same_weights_and_the_callers_randomness_is_left_alone() -> None:
    _, one = run(PLAN)
    torch.manual_seed(9)
    state = torch.random.get_rng_state()
    network = Linear()
    torch.random.set_rng_state(state)
    list(finetune(network, batches(), batches(20), PLAN))
    assert torch.equal(torch.random.get_rng_state(), state)
    _, two = run(PLAN)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    _, other = run(replace(PLAN, seed=4))
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_steps_count_to_the_end() -> None:
    torch.manual_seed(0)
    events = finetune(Linear(), batches(), batches(20), PLAN)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.done for step in steps] == list(range(1, 6 * 8 + 1))
    assert steps[-1].of == len(steps)


def test_cosine_schedule_warms_up_and_falls_to_nothing() -> None:
    rates = [epoch.lr for epoch in run(replace(PLAN, epochs=20))[0]]
    assert max(rates) <= PLAN.lr
    assert rates[-1] < 0.01 * PLAN.lr
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    constant = run(replace(PLAN, schedule="constant"))[0]
    assert {epoch.lr for epoch in constant} == {PLAN.lr}


def test_frozen_norms_keep_their_statistics() -> None:
    _, frozen = run(replace(PLAN, freeze_norm=True))
    assert torch.equal(frozen.norm.running_mean, torch.zeros(5))
    _, moving = run(PLAN)
    assert not torch.equal(moving.norm.running_mean, torch.zeros(5))


def test_a_loss_that_is_no_number_stops_with_step_and_rate() -> None:
    broken = batches()
    broken.views[0, :] = float("inf")
    with pytest.raises(TrainingError, match=r"step 1 \(epoch 1, learning rate .* try --lr 0\.005"):
        list(finetune(Linear(), broken, batches(20), PLAN))


def test_batches_hold_every_image_once_and_never_one_alone() -> None:
    for count in (61, 64, 65):
        sizes = [len(targets) for _, targets in batches(count).epoch(1)]
        assert sum(sizes) == count
        assert max(sizes) - min(sizes) <= 1
    seen = torch.cat([features for features, _ in batches().epoch(2)])
    assert {tuple(row.tolist()) for row in seen} == {tuple(r.tolist()) for r in batches().views[0]}


def test_order_changes_with_the_epoch_and_is_the_same_when_asked_again() -> None:
    def order(epoch: int) -> np.ndarray:
        return torch.cat([features for features, _ in batches().epoch(epoch)]).numpy()

    assert np.array_equal(order(1), order(1))
    assert not np.array_equal(order(1), order(2))
