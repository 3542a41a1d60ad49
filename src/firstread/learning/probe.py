"""A head on fixed features: the backbone runs once a view, the head trains on what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from firstread.backbones import Network
from firstread.learning.augment import Augmentation
from firstread.learning.batches import FeatureBatches, ImageBatches
from firstread.learning.finetune import Epoch, finetune
from firstread.learning.plan import Plan
from firstread.progress import Step

VIEWS = 4
"""Views of each training image: itself, and three distorted ones."""


def probe(
    network: Network, training: ImageBatches, validation: ImageBatches, plan: Plan
) -> Iterator[Step | Epoch]:
    """Train a network's head in place on the features of its fixed backbone.

    Parameters
    ----------
    network
        On the plan's device; its backbone stays as it is.
    training, validation
        Images; the training ones are seen in `VIEWS` views.
    plan
        Epochs, learning rate and the rest of the head's training.
    """
    plain = replace(training, augmentation=Augmentation(), shuffle=False)
    distorted = replace(training, shuffle=False)
    passes = [(plain, 0), *((distorted, k) for k in range(1, VIEWS)), (validation, 0)]
    steps = sum(len(batches) for batches, _ in passes)
    done, features = 0, []
    network.eval()
    for batches, number in passes:
        maps = []
        for images, _ in batches.epoch(number):
            with torch.inference_mode():
                maps.append(network.features(images.to(plan.device)).cpu())
            done += 1
            yield Step("computing features", done, steps)
        features.append(torch.cat(maps).clone())
    *views, validated = features
    seen = torch.stack(views) if training.augmentation != Augmentation() else views[0][None]
    head = _Standardised(network.head, seen)
    yield from finetune(
        head.to(plan.device),
        FeatureBatches(seen, training.targets, plan.batch_size, plan.seed, shuffle=True),
        FeatureBatches(validated[None], validation.targets, plan.batch_size),
        plan,
    )
    head.fold()


class _Standardised(nn.Module):
    """A head behind features brought to mean 0 and deviation 1, so that one rate fits them all."""

    mean: Tensor
    std: Tensor

    def __init__(self, head: nn.Sequential, views: Tensor) -> None:
        super().__init__()
        self.head = head
        flat = views.flatten(0, 1)
        std = flat.std(0)
        self.register_buffer("mean", flat.mean(0))
        # A feature that never varies says nothing; it mustn't be blown up.
        self.register_buffer("std", torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head((features - self.mean) / self.std)
        return logits

    def with_auxiliary(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self(features), []

    def fold(self) -> None:
        """Write the standardisation into the head's first layer, which then takes raw features."""
        first = self.head[0]
        assert isinstance(first, nn.Linear)
        with torch.no_grad():
            first.weight /= self.std
            first.bias.sub_(first.weight @ self.mean)
