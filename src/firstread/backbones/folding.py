"""Batch norms folded into the convolutions before them: the same features with less work."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

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
        Stays as it is; on the CPU.

    References
    ----------
    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", CVPR 2018, arXiv:1712.05877, section 3.2.
    """
    plain = copy.deepcopy(backbone).eval()
    fast = copy.deepcopy(plain)
    size = backbone.preprocessing.size
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, size, size, generator=generator)
    with torch.no_grad():
        for convolution, norm in _pairs(fast, images):
            fused = fuse_conv_bn_eval(
                fast.get_submodule(convolution),  # type: ignore[type-var]
                fast.get_submodule(norm),  # type: ignore[arg-type]
            )
            fast.set_submodule(convolution, fused)
            fast.set_submodule(norm, nn.Identity())
        same = all(
            torch.allclose(one, other, rtol=0, atol=TOLERANCE * float(other.abs().max()))
            for (_, one), (_, other) in zip(fast.walk(images), plain.walk(images), strict=True)
        )
    return fast if same else plain


def _pairs(backbone: Backbone, images: Tensor) -> Iterator[tuple[str, str]]:
    """Yield the paths of each convolution and the batch norm that takes its output as it is."""
    convolutions: dict[int, tuple[str, Tensor]] = {}
    pairs: list[tuple[str, str]] = []

    def after(path: str) -> Any:
        # Holding on to the output keeps its id from being given to another tensor.
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            convolutions[id(output)] = path, output

        return hook

    def before(path: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in convolutions:
                pairs.append((convolutions[id(inputs[0])][0], path))

        return hook

    hooks = []
    for path, module in backbone.named_modules():
        if type(module) is nn.Conv2d:
            hooks.append(module.register_forward_hook(after(path)))
        elif type(module) is nn.BatchNorm2d:
            hooks.append(module.register_forward_pre_hook(before(path)))
    backbone(images)
    for handle in hooks:
        handle.remove()
    yield from pairs
