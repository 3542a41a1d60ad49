from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from firstread.backbones import Network
from firstread.datasets import load, with_validation
from firstread.errors import TrainingError, UsageError
from firstread.learning import Epoch, FeatureCache, Material, Plan, RangeTest, Trial, learn
from firstread.learning.batches import ImageBatches, Order
from firstread.learning.finetune import Learner, finetune
from firstread.learning.material import places
from firstread.learning.objective import Objective
from firstread.learning.plan import DEFAULTS
from firstread.learning.strategies import network_of
from firstread.progress import Step

Write = Callable[..., Path]
BASE = Plan(
    "DATA", "firstread", "resnet18", "none", "scratch", image_size=32, epochs=2, batch_size=4,
    augment="none", precision="float32",
)  # fmt: skip


@pytest.fixture
def material(two_classes: Path, tmp_path: Path) -> Material:
    return Material(with_validation(load(two_classes), 0), FeatureCache(tmp_path / "cache"))


def trained(plan: Plan, material: Material) -> tuple[Network, list[Any]]:
    network, _ = network_of(plan, len(material.dataset.classes))
    return network, list(learn(network, plan, material))


def state(network: Network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_a_probe_leaves_the_backbone_alone_and_tells_bright_from_dark(material: Material) -> None:
    plan = replace(BASE, strategy="probe")
    fresh, _ = network_of(plan, 2)
    network, events = trained(plan, material)
    for name, value in fresh.backbone.state_dict().items():
        assert torch.equal(value, network.backbone.state_dict()[name])
    assert any(isinstance(event, Trial) for event in events)
    network.eval()
    store, _ = _value(material.pixels(network.backbone.preprocessing))
    batch = next(store.batches([np.arange(len(store))]))
    with torch.inference_mode():
        answers = network(torch.from_numpy(batch)).argmax(1).numpy()
    assert np.array_equal(answers, material.dataset.targets)


def test_frozen_layers_keep_every_number_and_their_output_is_computed_once(
    material: Material,
) -> None:
    plan = replace(BASE, strategy="finetune", frozen="layer2", epochs=3)
    fresh, _ = network_of(plan, 2)
    network, _ = network_of(plan, 2)
    ran: list[int] = []
    network.backbone.network.layer1.register_forward_hook(
        lambda _, inputs, output: ran.append(len(inputs[0]))
    )
    list(learn(network, plan, material))
    # Each image once; and one image twice for each part, where batch norms are folded.
    assert sum(ran) == len(material.dataset) + 4
    before, after = state(fresh), state(network)
    assert all(
        torch.equal(before[n], after[n]) for n in before if n.split(".")[2] in ("layer1", "layer2")
    )
    assert not torch.equal(
        before["backbone.network.layer3.0.conv1.weight"],
        after["backbone.network.layer3.0.conv1.weight"],
    )


def test_training_above_frozen_layers_is_training_the_whole_with_them_frozen(
    material: Material,
) -> None:
    # The same steps, once over maps computed before and once through the whole network.
    plan = replace(BASE, strategy="finetune", frozen="layer3", epochs=2, freeze_norm=True)
    above, _ = trained(plan, material)
    whole, _ = network_of(plan, 2)
    dataset = material.dataset
    store, _ = _value(material.pixels(whole.backbone.preprocessing))
    parts = {split: store.part(places(dataset, split)) for split in ("train", "val")}
    training = ImageBatches(
        parts["train"], dataset.part("train").targets, Order(len(parts["train"]), 4, 0, True)
    )
    validation = ImageBatches(
        parts["val"], dataset.part("val").targets, Order(len(parts["val"]), 4)
    )
    layers = [[whole.head], whole.backbone.modules_of("layer4")]
    learner = Learner(whole, plan, Objective(), len(training), layers)
    list(finetune(learner, training, validation))
    torch.testing.assert_close(above.head[0].weight, whole.head[0].weight, rtol=1e-3, atol=1e-4)


def test_fine_tuning_starts_from_the_heads_solution(material: Material) -> None:
    plan = replace(BASE, **DEFAULTS["finetune"], strategy="finetune")
    plan = replace(plan, epochs=1, lr=1e-12, batch_size=4)
    network, events = trained(plan, material)
    probed, _ = trained(replace(plan, strategy="probe", views=1), material)
    torch.testing.assert_close(network.head[0].weight, probed.head[0].weight)
    assert not any(isinstance(event, Trial) for event in events)
    epoch = next(event for event in events if isinstance(event, Epoch))
    assert epoch.val_acc == 1.0


def test_the_range_test_settles_the_rate(material: Material) -> None:
    plan = replace(BASE, find_lr=True, epochs=1)
    network, _ = network_of(plan, 2)
    work = learn(network, plan, material)
    events: list[Any] = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            settled = end.value
            break
    found = next(event for event in events if isinstance(event, RangeTest))
    assert settled.lr == found.chosen
    assert settled.find_lr is False


@pytest.mark.parametrize("balance", ["none", "weights", "sampling"])
def test_every_way_to_balance_trains(material: Material, balance: str) -> None:
    _, events = trained(replace(BASE, balance=balance), material)
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2]


def test_a_stage_that_the_network_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(UsageError, match=r"'layer9' is not a stage of resnet18.*layer4"):
        network_of(replace(BASE, frozen="layer9"), 2)


def test_a_loss_that_is_no_number_leaves_the_last_good_state(
    material: Material, tmp_path: Path
) -> None:
    plan = replace(BASE, epochs=3, lr=0.01)
    network, _ = network_of(plan, 2)
    saved = tmp_path / "c.pt"
    events = learn(network, plan, material, saved)
    for event in events:
        if isinstance(event, Epoch):
            break
    next(events)
    good = torch.load(saved, weights_only=True)["learner"]["network"]
    with torch.no_grad():
        network.head[0].bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"not a number at step 6 \(epoch 2"):
        list(events)
    again = torch.load(saved, weights_only=True)["learner"]["network"]
    assert all(torch.equal(good[name], again[name]) for name in good)
    assert torch.isfinite(again["head.0.bias"]).all()


def test_same_seed_same_bits(material: Material) -> None:
    plan = replace(BASE, augment="mild", label_smoothing=0.1)
    one, _ = trained(plan, material)
    two, _ = trained(plan, material)
    assert all(torch.equal(value, state(two)[name]) for name, value in state(one).items())


def _value(work: Any) -> Any:
    while True:
        try:
            assert isinstance(next(work), Step)
        except StopIteration as end:
            return end.value
