"""Where on the image each place of a feature map is centred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from firstread.backbones import Network

_NAMES = ("kernel_size", "stride", "padding")
_KINDS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class Spots:
    """The centres of a map's places along one side of the image.

    A padded convolution of stride 2 is centred on every second pixel beginning with the first,
    not between pairs: five of them, and the map of an image of 224 pixels is centred 16 pixels
    further up and left than 7 equal tiles would be.

    Parameters
    ----------
    first
        The first place's centre, in pixels from the first pixel's centre.
    step
        Pixels from one to the next.
    """

    first: float
    step: float

    def spread(self, maps: Tensor, size: int) -> Tensor:
        """Return maps (B, h, w) at every pixel of a square, shape (B, size, size), bilinear."""
        for axis in (1, 2):
            count = maps.shape[axis]
            at = ((torch.arange(size) - self.first) / self.step).clamp(0, count - 1)
            low = at.floor().long()
            share = (at - low).to(maps.dtype).view([-1 if k == axis else 1 for k in range(3)])
            high = (low + 1).clamp(max=count - 1)
            maps = maps.index_select(axis, low).lerp(maps.index_select(axis, high), share)
        return maps


@dataclass
class _Track:
    """Follows centres through the layers that change a map's size."""

    side: int
    first: float = 0.0
    step: float = 1.0

    def follow(self, module: Any, before: int, after: int) -> None:
        # Branches side by side reduce the same map: the first of them counts.
        if before != self.side or after == before:
            return
        kernel, stride, pad = (_one(getattr(module, n)) for n in _NAMES)
        dilation = _one(getattr(module, "dilation", 1))
        reach = dilation * (kernel - 1)
        self.first += self.step * (reach / 2 - pad)
        self.step *= stride
        self.side = after


def spots(network: Network, size: int, count: int) -> Spots:
    """Return where the places of a map are, along either side.

    Followed through the convolutions and poolings that change the size, in one pass; where other
    layers do, the places are taken for equal tiles.

    Parameters
    ----------
    network
        Stays as it is.
    size
        Side of the images in pixels.
    count
        Places along a side of the map.

    References
    ----------
    A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural networks",
    Distill (2019), doi:10.23915/distill.00021.
    """
    tiles = Spots((size / count - 1) / 2, size / count)
    if count == size:
        return Spots(0.0, 1.0)
    track = _Track(size)
    reached: list[Spots] = []
    with _watched(network.backbone.network, track, reached, count), torch.no_grad():
        network.backbone(torch.zeros(1, 1, size, size))
    return reached[0] if reached else tiles


@contextmanager
def _watched(network: nn.Module, track: _Track, reached: list[Spots], count: int) -> Iterator[None]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if inputs[0].ndim == output.ndim == 4:
            track.follow(module, inputs[0].shape[2], output.shape[2])
            if track.side == count and not reached:
                reached.append(Spots(track.first, track.step))

    handles = [
        module.register_forward_hook(hook)
        for module in network.modules()
        if type(module) in _KINDS  # A subclass may pad in its own way.
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _one(value: Any) -> float:
    return float(value[0] if isinstance(value, tuple) else value)
