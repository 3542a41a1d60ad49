"""Parameters, multiply-adds, depth and receptive field of any network, without computing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from firstread.backbones.catalogue import Entry

aten = torch.ops.aten
_WINDOWS = {
    # operator: places of the kernel or the weight, the stride and the dilation
    aten.convolution.default: (1, 3, 5),
    aten.max_pool2d_with_indices.default: (1, 2, 4),
    aten.avg_pool2d.default: (1, 2, None),
}
# Every output sees the whole input behind these.
_GLOBAL = {
    aten._adaptive_avg_pool2d.default,
    aten.adaptive_max_pool2d.default,
    aten.mean.dim,
    aten.amax.default,
    aten.linalg_vector_norm.default,
    aten.bmm.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
    aten._scaled_dot_product_attention_math.default,
}
# operator: neighbours that it mixes
_UPSAMPLING = {
    aten.upsample_nearest2d.default: 1,
    aten.upsample_bilinear2d.default: 2,
    aten.upsample_bicubic2d.default: 4,
}
# operator: place of the features
_MATRICES = {aten.mm.default: 0, aten.addmm.default: 1}
_WEIGHTED = {aten.convolution.default, *_MATRICES}


@dataclass(frozen=True)
class StageMeasure:
    """One stage, or any stack of layers: what comes out, what it costs.

    Parameters
    ----------
    name
        Of the stage.
    shape
        (C, h, w) of a feature map, (tokens, C) of a sequence, (C,) behind dense layers.
    parameters
        Of the stage alone.
    macs
        Multiply-adds of the stage alone, for one image.
    receptive_field
        At its end, in input pixels; `inf` for the whole image.
    layers
        Weighted layers on the longest path from the input to its end.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    receptive_field: float
    layers: int


@dataclass(frozen=True)
class Architecture:
    """A network's measurements, with its official top for 1,000 classes.

    Parameters
    ----------
    name
        In the zoo.
    size
        Side of the input in pixels.
    stages
        In order.
    top
        All that follows the last stage.
    parameters, macs
        Of the whole network, auxiliary classifiers not counted.
    layers
        Weighted layers on the longest path, as in "ResNet-50".
    receptive_field
        At the last feature map, in input pixels.
    """

    name: str
    size: int
    stages: tuple[StageMeasure, ...]
    top: StageMeasure
    parameters: int
    macs: int
    layers: int
    receptive_field: float


def measure(entry: Entry, size: int | None = None) -> Architecture:
    """Measure a network of the zoo.

    The network is made on torch's meta device, where tensors have shapes and no values, so this
    takes a moment and no memory whatever the network's size.

    A receptive field is the theoretical one along the height, padding included (Araujo, Norris
    and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019,
    doi:10.23915/distill.00021). Attention, and a gate that a pooled map opens, count as a look at
    the whole image.

    Parameters
    ----------
    entry
        Its row.
    size
        Side of the input in pixels; the network's usual size by default.
    """
    side = size or entry.preprocessing.size
    with torch.device("meta"):
        network = entry.construct().eval()
    ends = _stage_ends(entry, network)
    marks = _run(network, (entry.channels, side, side), ends, stem=not entry.stages)
    *stages, top = [
        replace(mark, parameters=mark.parameters - before.parameters, macs=mark.macs - before.macs)
        for before, mark in pairwise([StageMeasure("", (), 0, 0, 1, 0), *marks])
    ]
    whole = marks[-1]
    seen = [stage.receptive_field for stage in stages if len(stage.shape) == 3]
    return Architecture(
        entry.name,
        side,
        tuple(stages),
        top,
        whole.parameters,
        whole.macs,
        whole.layers,
        seen[-1] if seen else math.inf,
    )


def weigh(construct: Callable[[], nn.Module], shape: tuple[int, ...]) -> StageMeasure:
    """Measure any stack of layers, as `measure` does a whole network.

    Parameters
    ----------
    construct
        Builds it.
    shape
        Of one input, without the batch.

    Examples
    --------
    >>> from torch import nn
    >>> stack = weigh(lambda: nn.Conv2d(3, 8, kernel_size=5, padding=2), (3, 32, 32))
    >>> stack.shape, stack.parameters, stack.receptive_field
    ((8, 32, 32), 608, 5.0)
    """
    with torch.device("meta"):
        module = construct().eval()
    return _run(module, shape, {}, stem=False)[-1]


def _run(
    module: nn.Module, shape: tuple[int, ...], ends: Mapping[str, str], stem: bool
) -> list[StageMeasure]:
    """Send one image through; measure all that lies before each stage's end, and before the top's.

    With `stem`, what runs before the first stage counts as a stage of its own, unless that stage
    is a bare activation.
    """
    images = torch.empty(1, *shape, device="meta")
    marks: dict[str, StageMeasure] = {}
    # The counter takes some operators apart: the watch stands in front of it to see them whole.
    with FlopCounterMode(display=False) as counter, _Watching(images) as watching:

        def mark(name: str, output: Any) -> None:
            for leaf in tree_leaves(output):
                if (sight := watching.sight(leaf)) is not None:
                    met, macs = sum(watching.met.values()), counter.get_total_flops() // 2
                    marks[name] = StageMeasure(
                        name, _shape(leaf), met, macs, sight.field, sight.depth
                    )
                    return

        for name, path in ends.items():
            module.get_submodule(path).register_forward_hook(
                lambda _, inputs, output, name=name: mark(name, output)
            )
        first = module.get_submodule(next(iter(ends.values()))) if stem and ends else None
        if first is not None and "stem" not in ends and any(True for _ in first.parameters()):
            first.register_forward_pre_hook(
                lambda _, inputs: mark("stem", inputs) if watching.met else None
            )
        mark("top", module(images))
    return list(marks.values())


class _Sight(NamedTuple):
    """What one value in a feature map has behind it."""

    field: float  # Pixels a side of the input that can reach it; inf for all.
    stride: float  # Pixels of the input between two neighbouring values.
    depth: int  # Weighted layers on the longest path from the input.
    positions: int  # Places in the map, as the last window left it.


class _Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # Torch leaves it untyped.
    """Follows every operator and notes what each tensor has behind it."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        start = _Sight(1.0, 1.0, 0, math.prod(images.shape[2:]))
        # Tensors are kept so that no identity is used twice.
        self._sights: dict[int, tuple[Tensor, _Sight]] = {id(images): (images, start)}
        self.met: dict[int, int] = {}

    def sight(self, tensor: Any) -> _Sight | None:
        return self._sights[id(tensor)][1] if id(tensor) in self._sights else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs))
        self.met |= {id(p): p.numel() for p in leaves if isinstance(p, nn.Parameter)}
        behind = [sight for leaf in leaves if (sight := self.sight(leaf)) is not None]
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        if behind and results:
            # A sum or a concatenation sees what its widest branch sees.
            widest = _Sight._make(map(max, zip(*behind, strict=True)))
            sight = _after(func, args, widest, math.prod(results[0].shape[2:]))
            self._sights |= {id(leaf): (leaf, sight) for leaf in results}
        return out


def _after(func: Any, args: tuple[Any, ...], before: _Sight, positions: int) -> _Sight:
    """Return what lies behind an operator's output, given what lies behind its input."""
    depth = before.depth + (func in _WEIGHTED)
    if func in _WINDOWS:
        kernel_at, stride_at, dilation_at = _WINDOWS[func]
        kernel = _along(args, kernel_at, 1)
        stride, dilation = _along(args, stride_at, kernel), _along(args, dilation_at, 1)
        field = before.field + (kernel - 1) * dilation * before.stride
        return _Sight(field, before.stride * stride, depth, positions)
    if func in _UPSAMPLING:
        field = before.field + (_UPSAMPLING[func] - 1) * before.stride
        stride = before.stride * args[0].shape[2] / args[1][0]
        return _Sight(field, stride, depth, positions)
    # A matrix product with one row a place works on each place alone: a 1x1 convolution.
    mixes = func in _MATRICES and args[_MATRICES[func]].shape[0] != before.positions
    field = math.inf if mixes or func in _GLOBAL else before.field
    return _Sight(field, before.stride, depth, before.positions)


def _along(args: tuple[Any, ...], place: int | None, default: int) -> int:
    """Return an argument's size along the height: of a weight, or the first of a pair."""
    value = args[place] if place is not None and place < len(args) else None
    if isinstance(value, Tensor):
        return value.shape[2]
    return int(value[0]) if value else default


def _shape(features: Tensor) -> tuple[int, ...]:
    """Return a shape without the batch, and with the channels first."""
    shape = tuple(features.shape[1:])
    if len(shape) == 3 and shape[0] == shape[1] != shape[2]:
        return shape[2], shape[0], shape[1]
    return shape


def _stage_ends(entry: Entry, network: nn.Module) -> dict[str, str]:
    """Return each stage's last module; for timm's networks what timm lists as such."""
    if entry.stages:
        return {name: paths[-1] for name, paths in entry.stages.items()}
    listed = [info.get("module") for info in getattr(network, "feature_info", None) or []]
    modules = dict(network.named_modules())
    return {path: path for path in listed if path in modules and path}
