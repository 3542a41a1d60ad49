"""Is a map worth anything? Random weights, covering and uncovering, small shifts."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional

from firstread.backbones import Network
from firstread.explaining.explanation import Checks, Floats
from firstread.explaining.lens import Lens, frozen, scores
from firstread.explaining.methods import Method
from firstread.progress import Step

CELLS = 14
"""Squares a side that images are covered in."""
PARTS = 6
"""Parts that a network is made random in, at most."""
_STEPS, _ORDERS = 6, 9
_DRAWS = 3
_SHIFT = 0.04
_SIGMA = 0.06

Array = npt.NDArray[np.float64]


def checking(
    lens: Lens,
    method: Method,
    images: Tensor,
    places: Tensor,
    maps: Tensor,
    whole: Tensor | None = None,
    multilabel: bool = False,
    seed: int = 0,
) -> Generator[Step, None, list[Checks]]:
    """Check the maps of a batch; yield steps.

    Parameters
    ----------
    lens, images, places
        As the method took them.
    method
        That made the maps.
    maps
        Shape (B, h, w).
    whole
        The same laid over the image, at any resolution; the maps themselves if not given.
    multilabel
        Whether an image may be of several classes.
    seed
        Of shuffled weights and random orders.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = list(parts_of(lens.network))
    if not method.cheap:
        parts = [parts[0], parts[len(parts) // 2], parts[-1]]
    draws = _DRAWS if method.cheap else 1
    steps = draws * len(parts) + 3
    agreement = np.zeros((draws, len(parts), len(images)))
    done = 0
    for draw in range(draws):
        for place, twin in enumerate(_randomised(lens.network, parts, generator)):
            made = method.compute(replace(lens, network=twin), images, places)
            agreement[draw, place] = np.abs(rank_correlation(maps, made))
            done += 1
            yield Step("checking: random weights", done, steps)
    stability = _stability(lens, method, images, places, maps)
    yield Step("checking: small shifts", done + 1, steps)
    ordered = _orders(maps if whole is None else whole, generator)
    deleted = _covered(lens.network, images, places, ordered, False, multilabel)
    yield Step("checking: covering", done + 2, steps)
    inserted = _covered(lens.network, images, places, ordered, True, multilabel)
    yield Step("checking: uncovering", done + 3, steps)
    mean = agreement.mean(axis=0)
    return [
        Checks(
            tuple(zip(parts, map(float, mean[:, n]), strict=True)),
            deleted[n, 0],
            inserted[n, 0],
            deleted[n, 1:],
            inserted[n, 1:],
            float(stability[n]),
        )
        for n in range(len(images))
    ]


def rank_correlation(one: Tensor, other: Tensor) -> Array:
    """Return Spearman's correlation of the maps of each image, shape (B,); 0 with a flat map."""
    ranks = [rankdata(maps.flatten(1).numpy(), axis=1) for maps in (one, other)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    below = np.sqrt(np.prod([(rank**2).sum(axis=1) for rank in centred], axis=0))
    product = (centred[0] * centred[1]).sum(axis=1)
    return np.asarray(np.divide(product, below, out=np.zeros_like(product), where=below > 0))


def parts_of(network: Network) -> dict[str, list[nn.Module]]:
    """Return a network's parts from the top down: the head, then stage by stage."""
    backbone = network.backbone
    if backbone.stages:
        below = {name: backbone.modules_of(name) for name in reversed(list(backbone.stages))}
        return {"head": [network.head], **below}
    blocks = _blocks(backbone.network)
    cut = np.array_split(np.arange(len(blocks)), min(PARTS, len(blocks)))
    groups = [[blocks[place] for place in places] for places in reversed(cut)]
    return {
        "head": [network.head],
        **{group[0][0]: [module for _, module in group] for group in groups},
    }


def _blocks(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return a network's modules with weights in order, sequences of blocks taken apart."""
    found: list[tuple[str, nn.Module]] = []
    for name, child in network.named_children():
        if not any(True for _ in child.parameters()):
            continue
        inner = isinstance(child, nn.Sequential | nn.ModuleList)
        found += [(f"{name}.{n}", m) for n, m in child.named_children()] if inner else []
        found += [] if inner else [(name, child)]
    return found


def _randomised(
    network: Network, down_to: Sequence[str], generator: torch.Generator
) -> Iterator[Network]:
    """Yield the network with the weights of each part named, and all above it, shuffled.

    Shuffling the values within each tensor keeps their distribution, as a fresh initialisation
    would, but for any kind of layer, and in the scale that trained batch norms expect.
    """
    twin = frozen(network)
    for name, modules in parts_of(twin).items():
        for weight in (weight for module in modules for weight in module.parameters()):
            order = torch.randperm(weight.numel(), generator=generator)
            weight.data = weight.data.flatten()[order].view_as(weight).contiguous()
        if name in down_to:
            yield twin


def _stability(lens: Lens, method: Method, images: Tensor, places: Tensor, maps: Tensor) -> Array:
    """Return the mean rank correlation of maps with those of images moved and moved back."""
    height, width = images.shape[2:]
    far = [max(1, round(_SHIFT * side)) for side in (height, width)]
    moves = [(far[0], 0), (-far[0], 0), (0, far[1]), (0, -far[1])]
    whole = _enlarged(maps, (height, width))
    found = []
    for down, right in moves if method.cheap else moves[::3]:
        made = method.compute(lens, _moved(images, down, right), places)
        back = _moved(_enlarged(made, (height, width)), -down, -right)
        rows, columns = (slice(far[0], height - far[0]), slice(far[1], width - far[1]))
        small = [_cells(m[..., rows, columns], CELLS) for m in (whole, back)]
        found.append(rank_correlation(*small))
    return np.asarray(np.mean(found, axis=0))


def _moved(images: Tensor, down: int, right: int) -> Tensor:
    """Move images by so many pixels, the edge continued."""
    height, width = images.shape[-2:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return images[..., rows, :][..., columns]


def _orders(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Return ranks of cells, 0 first: the map's order and random ones, shape (B, orders, h, w).

    Random orders are the map's own, rolled to a random place and mirrored: patches as large as
    the map's, since scattered squares have more edges and so do more harm.
    """
    cells = _cells(maps[:, None], CELLS)
    side = cells.shape[1]
    drawn = [cells]
    for _ in range(_ORDERS):
        down, right, mirrored, turned = torch.randint(0, 2 * side, (4,), generator=generator)
        rolled = cells.roll((int(down), int(right)), (1, 2))
        rolled = rolled.flip(2) if mirrored % 2 else rolled
        drawn.append(rolled.flip(1) if turned % 2 else rolled)
    flat = torch.stack(drawn, dim=1).flatten(2)
    return flat.argsort(dim=2, descending=True).argsort(dim=2).reshape(len(maps), -1, side, side)


def _covered(
    network: Network,
    images: Tensor,
    places: Tensor,
    ordered: Tensor,
    uncover: bool,
    multilabel: bool,
) -> Floats:
    """Return the class's log-odds step by step, shape (B, orders, steps + 1).

    What is covered is the image's mean gray; what is not uncovered yet is a blurred image, as in
    the source, so that neither has edges of its own.
    """
    count = ordered.shape[2] * ordered.shape[3]
    hidden = _blurred(images) if uncover else images.mean((2, 3), keepdim=True).expand_as(images)
    curves = []
    for share in np.linspace(0, 1, _STEPS + 1):
        reached = (ordered < round(share * count)).float()
        chosen = functional.interpolate(reached, images.shape[2:], mode="nearest")
        shown = chosen if uncover else 1 - chosen
        rows = []
        for order in range(shown.shape[1]):
            mask = shown[:, order, None]
            with torch.no_grad():
                logits = network(images * mask + hidden * (1 - mask))
            rows.append(_log_odds(logits, places, multilabel))
        curves.append(torch.stack(rows, dim=1))
    return torch.stack(curves, dim=2).numpy()


def _log_odds(logits: Tensor, places: Tensor, multilabel: bool) -> Tensor:
    """Return the log-odds of one class an image, shape (B,), free of rounding near 0 and 1."""
    own = scores(logits, places)
    if multilabel or logits.shape[1] == 1:
        return own
    others = logits.scatter(1, places[:, None], -torch.inf)
    return own - others.logsumexp(dim=1)


def _blurred(images: Tensor) -> Tensor:
    sigma = _SIGMA * max(images.shape[2:])
    reach = min(int(2.5 * sigma), min(images.shape[2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    padded = functional.pad(images, (reach,) * 4, mode="reflect")
    across = functional.conv2d(padded, kernel[:, :, None], groups=images.shape[1])
    return functional.conv2d(across, kernel[..., None], groups=images.shape[1])


def _enlarged(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    return functional.interpolate(maps[:, None], shape, mode="bilinear", align_corners=False)


def _cells(maps: Tensor, most: int) -> Tensor:
    """Return maps (B, 1, H, W) as the means of so many squares a side, shape (B, h, w)."""
    side = min(most, *maps.shape[2:])
    return functional.adaptive_avg_pool2d(maps, side)[:, 0]
