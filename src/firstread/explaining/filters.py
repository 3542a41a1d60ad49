"""What the filters of a layer respond to: their strongest crops of the data, and the gradients."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from firstread.backbones import Network
from firstread.datasets import stack, stream
from firstread.errors import DataError, ImageError, UsageError
from firstread.explaining.lens import Lens
from firstread.explaining.overlay import SIGNED
from firstread.images import Image
from firstread.progress import Step

MOST = 1000
"""Images that are looked through, spread evenly over the data."""
FILTERS, CROPS = 8, 6
_BATCH = 32
_SMALL = 16
_FAINT = 0.02

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Crop:
    """Where one filter responds most in one image.

    Parameters
    ----------
    path
        The image.
    response
        The filter's.
    pixels, gradient
        The part of the image that the response depends on, in [0, 1], and the response's gradient
        there, added up over channels; float32, shape (h, w).
    """

    path: Path
    response: float
    pixels: Floats
    gradient: Floats


@dataclass(frozen=True)
class Filter:
    """One filter of a layer with the crops that it responds to most.

    Parameters
    ----------
    number
        Among the layer's channels, from 0.
    crops
        Of different images, the strongest first.
    """

    number: int
    crops: tuple[Crop, ...]


def looking(
    network: Network, layer: str, files: Sequence[Path], count: int = FILTERS, crops: int = CROPS
) -> Generator[Step, None, list[Filter]]:
    """Find what a layer's filters respond to; yield steps.

    Parameters
    ----------
    network
        Of a classifier.
    layer
        A stage or module of its backbone.
    files
        The data; files that can't be read are passed over.
    count
        How many filters: those whose responses vary most from image to image, relative to their
        mean, and so tell images apart.
    crops
        Images for each.

    Raises
    ------
    UsageError
        If there is no such layer, or it has no feature maps.
    DataError
        If no file can be read.

    References
    ----------
    M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
    figure 2; gradients instead of a deconvnet: K. Simonyan et al., arXiv:1312.6034.
    """
    lens = Lens.of(network, layer)
    kept = [files[n] for n in np.unique(np.linspace(0, len(files) - 1, MOST).astype(int))]
    read, responses = [], []
    for batch in _batches(network, kept):
        with torch.no_grad():
            maps = lens.layout(lens.trace(_pixels([image for _, image in batch]))[0].detach())
        if min(maps.shape[2:]) < 1 or maps.ndim != 4:
            raise UsageError(f"{layer}: has no feature maps to look at")
        responses.append(maps.amax((2, 3)))
        read += batch
        yield Step(f"responses of {layer}", len(read), len(kept))
    if not read:
        raise DataError([f"none of {len(files)} images can be read"])
    table = torch.cat(responses)
    spread = table.std(0, correction=0) / table.mean(0).abs().clamp(min=1e-6)
    # A filter that answers one image alone, or none, is dead or a fluke.
    alive = (table > table.amax(0) / 4).float().mean(0) >= min(0.05, crops / len(read))
    order = torch.where(alive, spread, -1.0).argsort(descending=True)[:count]
    found = []
    for place, number in enumerate(order.tolist(), start=1):
        best = table[:, number].argsort(descending=True)[:crops].tolist()
        found.append(Filter(number, tuple(_crop(lens, number, *read[n]) for n in best)))
        yield Step("gradients", place, len(order))
    return found


def filters_figure(filters: Sequence[Filter], layer: str, images: int) -> Figure:
    """Draw each filter as two rows: crops, and what in them drives the filter."""
    wide = max(len(one.crops) for one in filters)
    figure = Figure(figsize=(2.1 * wide + 0.6, 2.1 * -(-len(filters) // 2) + 0.6))
    blocks = figure.subfigures(-(-len(filters) // 2), 2, squeeze=False, hspace=0, wspace=0)
    figure.subplots_adjust(top=0.9)
    for block, one in zip(blocks.flat, filters, strict=False):
        grid = block.subplots(2, wide, squeeze=False)
        block.subplots_adjust(left=0.09, right=0.99, top=0.84, bottom=0.02, hspace=0.05, wspace=0.1)
        block.text(0.03, 0.45, f"filter {one.number}", rotation=90, fontsize=8, va="center")
        for axes in grid.flat:
            axes.set_axis_off()
        for column, crop in enumerate(one.crops):
            top = float(np.abs(crop.gradient).max()) or 1.0
            grid[0, column].imshow(crop.pixels, cmap="gray", vmin=0, vmax=1)
            grid[0, column].set_title(f"{crop.response:.2g}", fontsize=7, pad=2)
            grid[1, column].imshow(crop.gradient, cmap=SIGNED, vmin=-top, vmax=top)
    figure.suptitle(
        f"{layer}: the crops of {images} images that its filters respond to most, with the "
        "response above; below each, its gradient (orange: brighter there is more response)",
        fontsize=8,
        y=0.995,
    )
    return figure


def _batches(network: Network, files: Sequence[Path]) -> Iterator[list[tuple[Path, Image]]]:
    """Yield batches of files with their images at the network's size."""
    batch: list[tuple[Path, Image]] = []
    outcomes = stream(files, network.backbone.preprocessing)
    for path, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, ImageError):
            continue
        batch.append((path, outcome[0]))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _crop(lens: Lens, number: int, path: Path, image: Image) -> Crop:
    """Return the part of an image that a filter's strongest response depends on."""
    pixels = _pixels([image]).requires_grad_()
    with torch.enable_grad():
        maps = lens.layout(lens.reach(pixels))
        response = maps[0, number].max()
        (gradient,) = torch.autograd.grad(response, pixels)
    summed = gradient[0].sum(0)
    gray = pixels.detach()[0].mean(0)
    rows, columns = (_reach(summed.abs().amax(axis)) for axis in (1, 0))
    return Crop(
        path, float(response.detach()), gray[rows, columns].numpy(), summed[rows, columns].numpy()
    )


def _reach(strength: Tensor) -> slice:
    """Return where a profile is more than faint, widened to a size that can be seen."""
    places = torch.nonzero(strength > _FAINT * strength.max()).flatten().tolist() or [0]
    first, last, side = places[0], places[-1] + 1, len(strength)
    more = max(0, min(_SMALL, side) - (last - first))
    first = max(0, min(first - more // 2, side - (last - first) - more))
    return slice(first, max(last, first + min(_SMALL, side)))


def _pixels(images: Sequence[Image]) -> Tensor:
    return torch.from_numpy(stack(images, all(image.gray for image in images)))
