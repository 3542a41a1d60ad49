"""The whole way from displayed pixels to probabilities as one module that can be exported."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from firstread.backbones import probabilities
from firstread.classifier import Classifier
from firstread.errors import ExportError
from firstread.outlets.export.resizing import resized

IN_GRAPH = ("size",)
"""Ways to neutralise that a graph holds; the others look at each image's content first."""


class Graph(nn.Module):
    """What `Classifier.predict` does from the displayed image on.

    Parameters
    ----------
    classifier
        Stays as it is.
    temperature
        What its logits are divided by for the second output.

    Raises
    ------
    ExportError
        If its preprocessing can't be in a graph.
    """

    def __init__(self, classifier: Classifier, temperature: float = 1.0) -> None:
        super().__init__()
        beyond = [n for n in classifier.preprocessing.neutralise if n not in IN_GRAPH]
        if beyond:
            names = " and ".join(beyond)
            raise ExportError(
                f"this model neutralises {names}, which depends on what each image holds and is "
                "no part of a graph; train it without, or go on with `firstread predict`"
            )
        self.name = classifier.network.backbone.entry.name
        self.preprocessing = classifier.preprocessing
        self.multilabel = classifier.multilabel
        self.temperature = temperature
        self.network = classifier.fast.network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities as they are and calibrated, both of shape (N, classes).

        Parameters
        ----------
        pixels
            Images as displayed, uint8 or uint16 over its whole range, shape (N, H, W, 1 or 3).
        """
        deep = pixels.dtype != torch.uint8
        values = pixels.permute(0, 3, 1, 2).to(torch.float32)
        size = self.preprocessing.size
        if "size" in self.preprocessing.neutralise:
            values = _squared(values)
        if self.preprocessing.display.spacing is not None:
            square = _placed(values, size)
        else:
            square = resized(values, size, self.preprocessing.interpolation, deep=deep)
        # Channels 0, 0, 0 of a gray image and 0, 1, 2 of a colour one.
        channels = torch.arange(3).clamp(max=values.shape[1] - 1)
        logits = self.network((square * (1 / (65535 if deep else 255)))[:, channels])
        plain = probabilities(logits, self.multilabel)
        return plain, probabilities(logits / self.temperature, self.multilabel)


def _squared(values: Tensor) -> Tensor:
    """Pad the shorter side as `neutralise.squared` does."""
    height, width = values.shape[2:]
    side = torch.sym_max(height, width)
    return values[:, :, _mirrored(height, side)][..., _mirrored(width, side)]


def _mirrored(length: int, side: int | torch.SymInt) -> Tensor:
    """Return which of a line's pixels lie at each place of a longer one that continues it."""
    both = torch.full((), 2 * length)
    place = torch.remainder(torch.arange(side) - (side - length) // 2, both)
    return torch.where(place < length, place, both - 1 - place)


def _placed(values: Tensor, size: int) -> Tensor:
    """Cut or pad about the middle as `Image.placed` does."""
    rows, inside = _centred(values.shape[2], size)
    columns, within = _centred(values.shape[3], size)
    square = values[:, :, rows][..., columns]
    return square * (inside[:, None] & within)


def _centred(side: int, size: int) -> tuple[Tensor, Tensor]:
    """Return which of a line's pixels lie at each place of another, and whether any does."""
    length = torch.full((), side)
    taken = length.clamp(max=size)
    shift = (length - taken) // 2 - (size - taken) // 2
    place = torch.arange(size) + shift
    return torch.minimum(place.clamp(min=0), length - 1), (place >= 0) & (place < length)
