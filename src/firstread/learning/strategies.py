"""How each strategy of a plan is carried out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from firstread.backbones import Network, Origin, assemble, build, entry
from firstread.datasets import Dataset
from firstread.errors import unknown
from firstread.images import Display, neutralisers
from firstread.learning.augment import PLAIN, augmentation
from firstread.learning.batches import Batches, FeatureBatches, ImageBatches, Order, balanced
from firstread.learning.finetune import Epoch
from firstread.learning.loop import Loop, Train, train_here
from firstread.learning.lr_range import RangeTest
from firstread.learning.material import Material, places
from firstread.learning.objective import Objective, class_weights
from firstread.learning.plan import ALL, Plan
from firstread.learning.precision import choose_precision
from firstread.learning.probe import Trial, fit
from firstread.progress import Notice, Step

Event = Step | Notice | Epoch | Trial | RangeTest
Work = Generator[Event, None, Any]


def network_of(plan: Plan, classes: int) -> tuple[Network, Origin]:
    """Build the network of a plan, with a fresh head; the plan's seed decides its random weights.

    Raises
    ------
    FirstreadError
        If a name is unknown, or the weights can't be had or don't fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        backbone, origin = build(
            plan.backbone,
            plan.weights,
            stage="" if plan.stage == ALL else plan.stage,
            image_size=plan.image_size or None,
            normalise=plan.normalise,
            neutralise=neutralisers(plan.neutralise),
            display=Display(plan.window, plan.spacing or None),
        )
        if plan.frozen and plan.frozen not in backbone.stages:
            raise unknown("stage", plan.frozen, backbone.stages, plan.backbone)
        network = assemble(backbone, plan.head, classes, auxiliary=plan.auxiliary)
    return network, origin


def settle_precision(plan: Plan, network: Network) -> Plan:
    """Return a plan with the number format that its own work is fastest in.

    Parameters
    ----------
    plan
        Whose precision may be `auto`.
    network
        Its own.
    """
    precision = choose_precision(
        plan.precision,
        plan.device,
        network,
        network.backbone.preprocessing.size,
        training=plan.strategy in ("finetune", "scratch"),
    )
    return replace(plan, precision=precision)


def learn(
    network: Network,
    plan: Plan,
    material: Material,
    saved: Path | None = None,
    train: Train = train_here,
) -> Work:
    """Train a network in place as a plan says, and yield what happens.

    Parameters
    ----------
    network
        As `network_of` the plan made it.
    plan
        Complete, its strategy not `auto`.
    material
        Of a data set with the parts `train` and `val`.
    saved
        Where the state is saved and, if it is there, gone on from.
    train
        Runs the loop of a training by gradients.

    Returns
    -------
    plan
        With the learning rate that was used.
    """
    return _LEARNERS[plan.strategy](network, plan, material, saved, train)


def _probe(network: Network, plan: Plan, material: Material, *_: object) -> Work:
    """Put a linear classifier of fixed features on a network; yield each strength tried."""
    backbone, stage = network.backbone, network.backbone.stage
    training = material.dataset.part("train")
    features = yield from material.features(
        backbone,
        [stage],
        split="train",
        views=plan.views,
        augmentation=augmentation(plan.augment),
        seed=plan.seed,
    )
    linear = yield from fit(
        features.stages[stage],
        training.targets,
        training.groups,
        classifier=plan.classifier,
        classes=len(training.classes),
        balance=plan.balance != "none",
        seed=plan.seed,
    )
    top = network.head[0]
    assert isinstance(top, nn.Linear)
    with torch.no_grad():
        top.weight.copy_(torch.from_numpy(linear.weight))
        top.bias.copy_(torch.from_numpy(linear.bias))
    yield from linear.trials
    return plan


def _gradients(
    network: Network, plan: Plan, material: Material, saved: Path | None, train: Train
) -> Work:
    """Train layers step by step."""
    resumed = saved is not None and saved.exists()
    if plan.head_first and not resumed:
        # The figures of the head's solution are not those of the training to come.
        for event in _probe(network, replace(plan, views=1), material):
            if not isinstance(event, Trial):
                yield event
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    training, validation = yield from _batches(network, plan, material)
    trained = network.above(plan.frozen) if plan.frozen else network
    targets = material.dataset.part("train").targets
    multilabel = material.dataset.multilabel
    weights = class_weights(targets, len(material.dataset.classes))
    objective = Objective(
        multilabel, plan.label_smoothing, weights if plan.balance == "weights" else None
    )
    layers, share = _layers(network, plan), entry(plan.backbone).aux_weight
    loop = Loop(trained, plan, objective, layers, share, training, validation)
    plan = yield from train(loop, saved)
    network.requires_grad_(True)
    return plan


_LEARNERS: Mapping[str, Callable[[Network, Plan, Material, Path | None, Train], Work]] = {
    "probe": _probe,
    "finetune": _gradients,
    "scratch": _gradients,
}


def _layers(network: Network, plan: Plan) -> list[Sequence[nn.Module]]:
    """Return the groups of layers that may train, from the head down."""
    backbone = network.backbone
    names = list(backbone.stages) or [""]
    above = names[names.index(plan.frozen) + 1 :] if plan.frozen else names
    return [[network.head, *network.auxiliary], *map(backbone.modules_of, reversed(above))]


def _batches(
    network: Network, plan: Plan, material: Material
) -> Generator[Step | Notice, None, tuple[Batches, Batches]]:
    """Return batches to train and to validate on: of images, or of what frozen layers make."""
    dataset = material.dataset
    training, validation = dataset.part("train"), dataset.part("val")
    drawn = balanced(training.targets) if plan.balance == "sampling" else None
    order = Order(len(training), plan.batch_size, plan.seed, True, drawn)
    still = Order(len(validation), plan.batch_size)
    if not plan.frozen:
        store, _ = yield from material.pixels(network.backbone.preprocessing)
        parts = [store.part(places(dataset, split)) for split in ("train", "val")]
        distorted = augmentation(plan.augment)
        return (
            ImageBatches(parts[0], training.targets, order, distorted),
            ImageBatches(parts[1], validation.targets, still),
        )
    views = []
    for split, kind in (("train", augmentation(plan.augment)), ("val", PLAIN)):
        maps = yield from material.features(
            network.backbone,
            [plan.frozen],
            split=split,
            pooled=False,
            views=plan.views,
            augmentation=kind,
            seed=plan.seed,
        )
        views.append(maps.stages[plan.frozen])
    return (
        FeatureBatches(views[0], training.targets, order),
        FeatureBatches(views[1], validation.targets, still),
    )


def logits_of(network: Network, plan: Plan, material: Material, split: str) -> Work:
    """Yield steps; return a trained network's logits of one split, float32, (n, classes)."""
    dataset: Dataset = material.dataset
    store, _ = yield from material.pixels(network.backbone.preprocessing)
    part = store.part(places(dataset, split))
    batches = ImageBatches(part, dataset.part(split).targets, Order(len(part), plan.batch_size))
    network.eval()
    with torch.inference_mode():
        made = [network(images.to(plan.device)).float().cpu() for images, _ in batches.epoch(0)]
    return torch.cat(made).numpy().astype(np.float32)
