"""A network opened at its feature map: what the maps hold, and what the head makes of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from firstread.backbones import Backbone, Network
from firstread.errors import UsageError, unknown

_POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.Dropout)


@dataclass(frozen=True)
class Lens:
    """A network whose feature maps can be looked at, and differentiated through.

    Parameters
    ----------
    network
        Shares its weights with the classifier's, and computes no gradients of them.
    path
        The module of the backbone's network whose output is the feature map; empty for timm's
        networks that pool a whole map.
    """

    network: Network
    path: str

    @classmethod
    def of(cls, network: Network, path: str = "") -> Lens:
        """Open a network at a module, or at its last feature map.

        Parameters
        ----------
        network
            Stays as it is.
        path
            Of `paths`, or a stage's name, which stands for its last module.

        Raises
        ------
        UsageError
            If the backbone has no such module, listing those it has.
        """
        backbone = network.backbone
        if path in backbone.stages:
            path = backbone.end(path)
        if path and path not in dict(backbone.network.named_modules()):
            raise unknown("layer", path, paths(backbone), backbone.entry.name)
        return cls(frozen(network), path or _last_map(backbone))

    def trace(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run images through the network; gradients go from the logits to the maps, no further.

        Parameters
        ----------
        images
            In [0, 1], shape (B, 1 or 3, H, W).

        Returns
        -------
        maps
            As the network has them; `layout` brings them to (B, C, h, w).
        logits
            Shape (B, classes), or (B, 1) for one sigmoid.
        """
        network, inner = self.network, self.network.backbone.network
        with torch.enable_grad():
            if self.path:
                with _leaf(inner.get_submodule(self.path)) as caught:
                    logits = network(images)
                return caught[-1], logits
            maps = inner.forward_features(network.backbone.normalised(images))
            leaf = _as_leaf(maps, network.backbone)
            return leaf, network.head(inner.forward_head(leaf.clone(), pre_logits=True))

    def reach(self, images: Tensor) -> Tensor:
        """Return the maps with the graph below them: gradients go down to the images."""
        network, inner = self.network, self.network.backbone.network
        if not self.path:
            maps: Tensor = inner.forward_features(network.backbone.normalised(images))
            return maps
        caught: list[Tensor] = []

        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            caught.append(output.clone())  # The next layer may write into it.

        handle = inner.get_submodule(self.path).register_forward_hook(hook)
        try:
            network(images)
        finally:
            handle.remove()
        return caught[-1]

    def layout(self, maps: Tensor) -> Tensor:
        """Return maps, or their gradients, as (B, C, h, w), the last map of timm's kinds too.

        Raises
        ------
        UsageError
            If the network has no maps there.
        """
        return arranged(maps, self.network.backbone)


def frozen(network: Network) -> Network:
    """Return a twin over the same weights that computes no gradients of them."""
    shared: dict[int, Any] = {
        id(weight): nn.Parameter(weight.detach(), requires_grad=False)
        for weight in network.parameters()
    }
    shared.update((id(buffer), buffer) for buffer in network.buffers())
    return copy.deepcopy(network, shared).eval()


def paths(backbone: Backbone) -> list[str]:
    """Return the modules that can be looked at: of each stage, or of timm's network its children.

    Dense layers have no feature maps and are left out.
    """
    maps = [name for name in backbone.stages if name != backbone.entry.dense]
    if maps:
        named = [*maps, *(path for name in maps for path in backbone.stages[name])]
        return list(dict.fromkeys(named))  # A stage may be called as its one module.
    info = getattr(backbone.network, "feature_info", None) or []
    return [one["module"] for one in info if isinstance(one, dict) and "module" in one]


def scores(logits: Tensor, places: Tensor) -> Tensor:
    """Return the logit of one class an image, shape (B,).

    Parameters
    ----------
    logits
        Shape (B, classes), or (B, 1): one sigmoid, high for the second class.
    places
        The classes as numbers, shape (B,).
    """
    if logits.shape[1] == 1:
        return torch.where(places == 1, logits[:, 0], -logits[:, 0])
    return logits.gather(1, places[:, None])[:, 0]


def arranged(maps: Tensor, backbone: Backbone) -> Tensor:
    """Return a network's maps as (B, C, h, w): timm keeps some as tokens or channels last."""
    inner, width = backbone.network, getattr(backbone.network, "num_features", None)
    if maps.ndim == 4:
        last = not backbone.stages and maps.shape[1] != width and maps.shape[3] == width
        return maps.permute(0, 3, 1, 2) if last else maps
    if maps.ndim == 3 and not backbone.stages:
        tokens = maps[:, getattr(inner, "num_prefix_tokens", 0) or 0 :]
        side = isqrt(tokens.shape[1])
        if side * side == tokens.shape[1]:
            return tokens.mT.reshape(len(tokens), -1, side, side)
    raise UsageError(
        f"{backbone.entry.name} has no feature map there (its output has the shape "
        f"{tuple(maps.shape)}); use --method occlusion or integrated, which need none"
    )


def _last_map(backbone: Backbone) -> str:
    """Return the module behind which the network's last feature map is, before any pooling."""
    for stage in reversed(list(backbone.stages)):
        for path in reversed(backbone.stages[stage] if stage != backbone.entry.dense else ()):
            if not isinstance(backbone.network.get_submodule(path), _POOLING):
                return path
    inner = backbone.network
    if getattr(inner, "num_prefix_tokens", 0) and hasattr(inner, "blocks"):
        # The class token alone leaves the last block: gradients reach the others before it.
        return f"blocks.{len(inner.blocks) - 1}.norm1"
    return ""


@contextmanager
def _leaf(module: nn.Module) -> Iterator[list[Tensor]]:
    """Cut the graph at a module: what it returns becomes a leaf, which is handed out."""
    caught: list[Tensor] = []

    def hook(module: nn.Module, inputs: object, output: Any) -> Tensor:
        caught.append(_cut(output))
        return caught[-1].clone()  # A layer that writes in place must not write into a leaf.

    handle = module.register_forward_hook(hook)
    try:
        yield caught
    finally:
        handle.remove()


def _cut(output: Tensor) -> Tensor:
    return output.detach().clone().requires_grad_()


def _as_leaf(maps: Any, backbone: Backbone) -> Tensor:
    if not isinstance(maps, Tensor):
        raise UsageError(
            f"{backbone.entry.name} makes several feature maps at once; use --method occlusion or "
            "integrated, which need none"
        )
    return _cut(maps)
