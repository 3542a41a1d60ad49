"""What a training loop eats: shuffled batches of images, or of features computed before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from firstread.datasets import PixelStore
from firstread.learning.augment import PLAIN, Augmentation

Batch = tuple[Tensor, Tensor]
Places = npt.NDArray[np.int64]


class Batches(Protocol):
    """Batches of inputs and targets, the same for the same epoch however often they're asked."""

    def __len__(self) -> int:
        """Return the number of batches an epoch."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, but for the first `skip`."""


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
    """

    count: int
    size: int
    seed: int = 0
    shuffle: bool = False
    shares: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return -(-self.count // self.size)

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

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield images in [0, 1], shape (b, 1 or 3, S, S), and targets."""
        orders = self.order.batches(number)[skip:]
        batches = zip(orders, self.store.batches(orders), strict=True)
        for place, (order, images) in enumerate(batches, start=skip):
            generator = torch.Generator().manual_seed(_mixed(self.order.seed, number, place))
            distorted = self.augmentation(torch.from_numpy(images), generator)
            yield distorted, torch.from_numpy(self.targets[order])


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

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield features, shape (b, C) or (b, C, h, w), and targets."""
        view = self.views[number % len(self.views)]
        for order in self.order.batches(number)[skip:]:
            features = torch.from_numpy(np.ascontiguousarray(view[order]))
            if features.ndim == 4:
                features = features.contiguous(memory_format=torch.channels_last)
            yield features, torch.from_numpy(self.targets[order])


def _mixed(*numbers: int) -> int:
    """Return one seed of several numbers, far from that of their neighbours."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
