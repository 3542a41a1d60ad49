"""Batch norms folded into the convolutions before them: the same features with less work."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from firstread.backbones.backbone import Backbone

TOLERANCE = 1e-3
"""Largest difference of folded features from unfolded ones, as a share of the largest feature."""


def folded(backbone: Backbone) -> Backbone:
    """Return a copy for inference with batch norms folded into their convolutions.

    In inference a batch norm scales and shifts each channel by fixed numbers, which may as well
    be multiplied into the weights of the convolution that it follows. Which follows which is
    found by running the network once, not guessed from names. Where the copy's features of that
    run differ from the network's own, a plain copy is returned.

    Parameters
    ----------
    backbone
        Stays as it is. The copy is on the CPU.

    References
    ----------
    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", CVPR 2018, arXiv:1712.05877, section 3.2.
    """
    fast = copy.deepcopy(backbone).cpu().eval()
    if not any(type(module) is nn.BatchNorm2d for module in fast.modules()):
        return fast
    size = backbone.preprocessing.size
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), _watched(fast) as pairs:
        plain = _stages(fast, images)
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(
            fast.get_submodule(convolution),  # type: ignore[type-var]
            fast.get_submodule(norm),  # type: ignore[arg-type]
        )
        fast.set_submodule(convolution, fused)
        fast.set_submodule(norm, nn.Identity())
    with torch.no_grad():
        made = _stages(fast, images)
    same = all(
        float((one - other).abs().max()) <= TOLERANCE * float(other.abs().max())
        for one, other in zip(made, plain, strict=True)
    )
    return fast if same else copy.deepcopy(backbone).cpu().eval()


def _stages(backbone: Backbone, images: Tensor) -> list[Tensor]:
    """Return what comes out of each stage, copied before the next layer writes over it."""
    ends = {backbone.end(stage) for stage in backbone.stages or ("",)}
    return [output.clone() for path, output in backbone.walk(images) if path in ends]


@contextmanager
def _watched(backbone: Backbone) -> Iterator[list[tuple[str, str]]]:
    """Note the paths of each convolution and the batch norm that takes its output as it is."""
    convolutions: dict[int, tuple[str, Tensor]] = {}
    pairs: list[tuple[str, str]] = []

    def after(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            # Holding on to the output keeps its id from being given to another tensor.
            convolutions[id(output)] = path, output

        return hook

    def before(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in convolutions:
                pairs.append((convolutions[id(inputs[0])][0], path))

        return hook

    # Exactly these types: a subclass may do more than its parent.
    handles = [
        module.register_forward_hook(after(path))
        if type(module) is nn.Conv2d
        else module.register_forward_pre_hook(before(path))
        for path, module in backbone.named_modules()
        if type(module) in (nn.Conv2d, nn.BatchNorm2d)
    ]
    try:
        yield pairs
    finally:
        for handle in handles:
            handle.remove()
