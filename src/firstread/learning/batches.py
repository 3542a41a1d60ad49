"""What a training loop eats: shuffled batches of images, or of features computed before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from firstread.datasets import PixelStore
from firstread.learning.augment import PLAIN, Augmentation
from firstread.learning.team import ALONE, Team

Batch = tuple[Tensor, Tensor]
Places = npt.NDArray[np.int64]


class Batches(Protocol):
    """Batches of inputs and targets, the same for the same epoch however often they're asked."""

    @property
    def order(self) -> Order:
        """In which order what they are made of comes."""

    def __len__(self) -> int:
        """Return the number of batches an epoch."""

    def of(self, team: Team) -> Batches:
        """Return what comes of the same batches to one process of a team."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, but for the first `skip`."""


@dataclass(frozen=True)
class Part:
    """What one process gets of a batch.

    Parameters
    ----------
    places
        Of its images.
    first, of
        The place of the first one in the batch, and the batch's size.
    """

    places: Places
    first: int
    of: int


@dataclass(frozen=True)
class Order:
    """In which order images come.

    Parameters
    ----------
    count
        Images.
    size
        Images a batch; the batches of an epoch differ by one image at most, so that no last
        batch of a single image upsets batch norm.
    seed
        With the epoch's number it decides the order.
    shuffle
        Whether the order changes; else it is that of the images.
    shares
        How often each image is drawn, relative to the others, where an epoch draws its images
        with repetition; each comes once if not given.
    team
        Who shares each batch.
    """

    count: int
    size: int
    seed: int = 0
    shuffle: bool = False
    shares: npt.NDArray[np.float64] | None = None
    team: Team = ALONE

    def __len__(self) -> int:
        return -(-self.count // self.size)

    @property
    def least(self) -> int:
        """Images in the smallest batch."""
        return self.count // len(self)

    def parts(self, epoch: int) -> list[Part]:
        """Return this process's part of each batch; none of a batch with less than one for each."""
        batches = self.batches(epoch)
        owned = [(places, self.team.own(len(places))) for places in batches]
        parts = [Part(places[own], own.start, len(places)) for places, own in owned]
        return [part for part in parts if len(part.places)]

    def batches(self, epoch: int) -> list[Places]:
        """Return the places of each batch's images."""
        rng = np.random.default_rng([self.seed, epoch])
        if self.shares is not None:
            chances = self.shares / self.shares.sum()
            places = rng.choice(self.count, self.count, p=chances)
        else:
            places = rng.permutation(self.count) if self.shuffle else np.arange(self.count)
        return np.array_split(places, len(self))


def balanced(targets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return shares by which every class is drawn equally often.

    Where an image may have several labels, it is drawn for its rarest one.

    Parameters
    ----------
    targets
        Shape (n,) or (n, classes).
    """
    if targets.ndim == 1:
        return np.asarray(1.0 / np.bincount(targets)[targets])
    each = 1.0 / targets.sum(axis=0).clip(1)
    rarest = (targets * each).max(axis=1)
    none = targets.sum(axis=1) == 0
    rarest[none] = 1.0 / max(1, int(none.sum()))
    return np.asarray(rarest)


@dataclass(frozen=True)
class ImageBatches:
    """Batches of images, distorted anew every epoch.

    Parameters
    ----------
    store
        The images.
    targets
        Their classes as numbers, int64, shape (n,) or (n, classes).
    order
        In which order they come.
    augmentation
        How images are distorted, each batch by the order's seed, the epoch and its own number.
    """

    store: PixelStore
    targets: npt.NDArray[np.int64]
    order: Order
    augmentation: Augmentation = PLAIN

    def __len__(self) -> int:
        return len(self.order)

    def of(self, team: Team) -> ImageBatches:
        """Return what comes of the same batches to one process of a team."""
        return replace(self, order=replace(self.order, team=team))

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield images in [0, 1], shape (b, 1 or 3, S, S), and targets."""
        parts = self.order.parts(number)[skip:]
        batches = zip(parts, self.store.batches(part.places for part in parts), strict=True)
        for place, (part, images) in enumerate(batches, start=skip):
            generator = torch.Generator().manual_seed(_mixed(self.order.seed, number, place))
            pixels = torch.from_numpy(images)
            distorted = self.augmentation(pixels, generator, part.first, part.of)
            yield distorted, torch.from_numpy(self.targets[part.places])


@dataclass(frozen=True)
class FeatureBatches:
    """Batches of features that a fixed network computed once for several views of each image.

    Parameters
    ----------
    views
        float32, shape (v, n, C) or (v, n, C, h, w); epoch k takes view k modulo v. May be mapped
        from a file: a batch is read when it comes.
    targets, order
        As of `ImageBatches`.
    """

    views: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]
    order: Order

    def __len__(self) -> int:
        return len(self.order)

    def of(self, team: Team) -> FeatureBatches:
        """Return what comes of the same batches to one process of a team."""
        return replace(self, order=replace(self.order, team=team))

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield features, shape (b, C) or (b, C, h, w), and targets."""
        view = self.views[number % len(self.views)]
        for part in self.order.parts(number)[skip:]:
            features = torch.from_numpy(np.ascontiguousarray(view[part.places]))
            if features.ndim == 4:
                features = features.contiguous(memory_format=torch.channels_last)
            yield features, torch.from_numpy(self.targets[part.places])


def _mixed(*numbers: int) -> int:
    """Return one seed of several numbers, far from that of their neighbours."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
