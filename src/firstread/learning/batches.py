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


class Batches(Protocol):
    """Batches of inputs and targets, the same for the same epoch however often they're asked."""

    def __len__(self) -> int:
        """Return the number of batches an epoch."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""


@dataclass(frozen=True)
class ImageBatches:
    """Batches of images, distorted anew every epoch.

    Parameters
    ----------
    store
        The images.
    targets
        Their classes as numbers, int64, shape (n,).
    size
        Images a batch; the batches of an epoch differ by one image at most, so that no last
        batch of a single image upsets batch norm.
    augmentation
        How images are distorted.
    seed
        With the epoch's number it decides order and distortion.
    shuffle
        Whether the order changes.
    """

    store: PixelStore
    targets: npt.NDArray[np.int64]
    size: int
    augmentation: Augmentation = PLAIN
    seed: int = 0
    shuffle: bool = False

    def __len__(self) -> int:
        return _batches(len(self.targets), self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield images in [0, 1], shape (b, 1 or 3, S, S), and targets, shape (b,)."""
        orders = _orders(len(self.targets), self.size, self.seed, number, self.shuffle)
        generator = torch.Generator().manual_seed(_mixed(self.seed, number))
        for order, images in zip(orders, self.store.batches(orders), strict=True):
            distorted = self.augmentation(torch.from_numpy(images), generator)
            yield distorted, torch.from_numpy(self.targets[order])


@dataclass(frozen=True)
class FeatureBatches:
    """Batches of features that a fixed backbone computed once for several views of each image.

    Parameters
    ----------
    views
        float32, shape (v, n, C); epoch k takes view k modulo v.
    targets
        The classes as numbers, shape (n,).
    size, seed, shuffle
        As of `ImageBatches`.
    """

    views: Tensor
    targets: npt.NDArray[np.int64]
    size: int
    seed: int = 0
    shuffle: bool = False

    def __len__(self) -> int:
        return _batches(len(self.targets), self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield features, shape (b, C), and targets, shape (b,)."""
        view = self.views[number % len(self.views)]
        for order in _orders(len(self.targets), self.size, self.seed, number, self.shuffle):
            yield view[order], torch.from_numpy(self.targets[order])


def _batches(count: int, size: int) -> int:
    return -(-count // size)


def _orders(
    count: int, size: int, seed: int, epoch: int, shuffle: bool
) -> list[npt.NDArray[np.int64]]:
    rng = np.random.default_rng([seed, epoch])
    places = rng.permutation(count) if shuffle else np.arange(count)
    return np.array_split(places, _batches(count, size))


def _mixed(seed: int, epoch: int) -> int:
    """Return one seed of two numbers, far from that of their neighbours."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
