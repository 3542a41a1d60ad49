from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from firstread.backbones import probabilities
from firstread.errors import TrainingError
from firstread.learning import Epoch, Plan
from firstread.learning.batches import FeatureBatches, Order, balanced
from firstread.learning.finetune import Learner, finetune, thaw, thawed
from firstread.learning.objective import Objective
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
    return FeatureBatches(features.numpy(), targets.numpy(), Order(count, 8, 1, shuffle))


def learner(plan: Plan, outputs: int = 2, **options: object) -> Learner:
    torch.manual_seed(0)
    network = Linear(outputs)
    return Learner(network, plan, Objective(smoothing=plan.label_smoothing), 8, **options)


def run(plan: Plan, outputs: int = 2) -> tuple[list[Epoch], nn.Module]:
    made = learner(plan, outputs)
    events = list(finetune(made, batches(), batches(20, shuffle=False)))
    return [event for event in events if isinstance(event, Epoch)], made.network


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns_and_its_figures_are_those_of_the_network(outputs: int) -> None:
    epochs, network = run(PLAN, outputs)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].loss < epochs[0].loss
    judged = batches(20, shuffle=False)
    network.eval()
    with torch.inference_mode():
        chances = probabilities(network(torch.from_numpy(judged.views[0])))
    targets = torch.from_numpy(judged.targets)
    assert epochs[-1].val_acc == pytest.approx(float((chances.argmax(1) == targets).float().mean()))
    expected = -chances[torch.arange(20), targets].log().mean()
    assert epochs[-1].val_loss == pytest.approx(float(expected), rel=1e-4)


def test_same_seed_same_weights_and_the_callers_randomness_is_left_alone() -> None:
    _, one = run(PLAN)
    torch.manual_seed(9)
    state = torch.random.get_rng_state()
    made = Learner(Linear(), PLAN, Objective(), 8)
    torch.random.set_rng_state(state)
    list(finetune(made, batches(), batches(20)))
    assert torch.equal(torch.random.get_rng_state(), state)
    _, two = run(PLAN)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    _, other = run(replace(PLAN, seed=4))
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_steps_count_to_the_end() -> None:
    events = finetune(learner(PLAN), batches(), batches(20))
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
        list(finetune(learner(PLAN), broken, batches(20)))


def test_batches_hold_every_image_once_and_never_one_alone() -> None:
    for count in (61, 64, 65):
        sizes = [len(targets) for _, targets in batches(count).epoch(1)]
        assert sum(sizes) == count
        assert max(sizes) - min(sizes) <= 1
    seen = torch.cat([features for features, _ in batches().epoch(2)])
    assert {tuple(row.tolist()) for row in seen} == {
        tuple(row) for row in batches().views[0].tolist()
    }


def test_order_changes_with_the_epoch_and_is_the_same_when_asked_again() -> None:
    def order(epoch: int) -> np.ndarray:
        return torch.cat([features for features, _ in batches().epoch(epoch)]).numpy()

    assert np.array_equal(order(1), order(1))
    assert not np.array_equal(order(1), order(2))


def test_a_training_goes_on_from_any_step_to_the_same_bits() -> None:
    plan = replace(PLAN, label_smoothing=0.1, clip=0.5)
    whole, network = run(plan)
    for stop in (1, 7, 8, 9, 30):
        first = learner(plan)
        events = finetune(first, batches(), batches(20, shuffle=False))
        steps = 0
        while steps < stop:
            steps += isinstance(next(events), Step)
        state = first.state()
        second = learner(replace(plan, seed=plan.seed))
        second.restore(state)
        rest = list(finetune(second, batches(), batches(20, shuffle=False)))
        for name, value in network.state_dict().items():
            assert torch.equal(value, second.network.state_dict()[name]), (stop, name)
        last = [event for event in rest if isinstance(event, Epoch)][-1]
        assert replace(last, seconds=0) == replace(whole[-1], seconds=0)


def test_layers_thaw_from_the_top_and_their_norms_stay_as_they_were_till_then() -> None:
    plan = replace(PLAN, thaw_epochs=2, epochs=4)
    made = learner(plan, layers=[[]])
    head, below = made.network.layers, made.network.norm
    made = Learner(made.network, plan, Objective(), 8, layers=[[head], [below]])
    seen = []
    for event in finetune(made, batches(), batches(20)):
        if isinstance(event, Epoch):
            seen.append((below.weight.clone(), below.running_mean.clone(), head[0].weight.clone()))
    assert torch.equal(seen[1][0], torch.ones(5))
    assert torch.equal(seen[1][1], torch.zeros(5))
    assert not torch.equal(seen[0][2], seen[1][2])
    assert not torch.equal(seen[2][0], torch.ones(5))
    assert not torch.equal(seen[2][1], torch.zeros(5))


def test_how_many_groups_train_when() -> None:
    slow = replace(PLAN, thaw_epochs=2)
    assert [thawed(slow, 4, epoch) for epoch in range(1, 9)] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [thawed(replace(slow, head_first=True), 4, e) for e in range(1, 6)] == [2, 2, 3, 3, 4]
    assert thawed(PLAN, 4, 1) == 4


def test_rates_fall_with_depth() -> None:
    plan = replace(PLAN, depth_decay=0.5, lr=0.01, schedule="constant")
    network = Linear()
    layers = [[network.layers], [network.norm]]
    made = Learner(network, plan, Objective(), 8, layers=layers)
    rates = [group["lr"] for group in made.optimiser.param_groups]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.005])
    thaw(network, layers, 1)
    assert not network.norm.weight.requires_grad
    assert network.layers[0].weight.requires_grad


def test_gradients_are_clipped() -> None:
    # Adam doesn't care for a gradient's length but through the steps' differences: clipping at
    # next to nothing must change the path, clipping at more than any gradient must not.
    free, wide, tight = (
        run(replace(PLAN, clip=clip))[1].layers[0].weight for clip in (0.0, 1e6, 1e-6)
    )
    assert torch.equal(free, wide)
    assert not torch.equal(free, tight)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_too(precision: str) -> None:
    epochs, network = run(replace(PLAN, precision=precision))
    assert epochs[-1].val_acc > 0.8
    assert all(p.dtype == torch.float32 for p in network.parameters())


def test_balanced_sampling_draws_classes_equally_often() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    order = Order(100, 20, 0, True, balanced(targets))
    drawn = np.concatenate(
        [targets[places] for epoch in range(20) for places in order.batches(epoch)]
    )
    assert drawn.mean() == pytest.approx(0.5, abs=0.04)


def test_an_epochs_last_batches_are_the_same_when_the_first_are_skipped() -> None:
    whole = list(batches().epoch(3))
    rest = list(batches().epoch(3, skip=5))
    assert len(rest) == len(whole) - 5
    for (one, _), (other, _) in zip(whole[5:], rest, strict=True):
        assert torch.equal(one, other)
