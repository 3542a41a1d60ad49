"""A network without its top: named stages run in order over normalised images."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from firstread.backbones.catalogue import Entry
from firstread.errors import unknown
from firstread.images import Preprocessing


class Backbone(nn.Module):
    """A network without its top.

    It takes images in [0, 1], gray (B, 1, H, W) or colour (B, 3, H, W), and does the rest of what
    its weights expect itself: gray is spread over three channels, or colour brought to gray for a
    network of one channel, and every channel normalised just before the first layer, so that no
    caller can get it wrong.

    Parameters
    ----------
    entry
        The network's row in the zoo.
    preprocessing
        Mean and standard deviation to normalise with, and the size that images come in.
    stage
        The last stage to run; modules behind it are dropped. The network's last by default.
    """

    mean: Tensor
    std: Tensor
    network: Any

    def __init__(self, entry: Entry, preprocessing: Preprocessing, stage: str = "") -> None:
        super().__init__()
        self.entry = entry
        self.preprocessing = preprocessing
        self.stages = _cut(entry, stage)
        self.stage = stage or (list(self.stages)[-1] if self.stages else "")
        mean, std = (
            torch.tensor(values[: entry.channels]).view(-1, 1, 1)
            for values in (preprocessing.mean, preprocessing.std)
        )
        self.register_buffer("mean", mean, False)
        self.register_buffer("std", std, False)
        self.network = entry.construct()
        if self.stages:
            kept = [path for paths in self.stages.values() for path in paths]
            _prune(self.network, "", [*kept, *(entry.aux[p] for p in kept if p in entry.aux)])
        else:
            self.network.reset_classifier(0)

    def forward(self, images: Tensor) -> Tensor:
        """Return features: a map (B, C, h, w), or (B, C) behind dense layers and from timm."""
        return deque(self.walk(images), maxlen=1)[0][1]

    def walk(self, images: Tensor, after: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield every module's path with its output, in the order they run.

        Parameters
        ----------
        images
            Images in [0, 1], or the output of a stage.
        after
            That stage; the modules behind it run.
        """
        features = images if after else self.normalised(images)
        if not self.stages:
            maps = self.network.forward_features(features)
            yield "features", self.network.forward_head(maps, pre_logits=True)
            return
        for path in self.behind(after):
            module = self.network.get_submodule(path)
            if isinstance(module, nn.Linear) and features.ndim == 4:
                features = features.flatten(1)
            features = module(features)
            yield path, features

    def behind(self, stage: str = "") -> tuple[str, ...]:
        """Return the paths of the modules behind a stage, in order; of all where it is empty."""
        names = list(self.stages)
        left = names[names.index(stage) + 1 :] if stage else names
        return tuple(path for name in left for path in self.stages[name])

    def modules_of(self, stage: str) -> list[nn.Module]:
        """Return the modules of a stage; of the whole network where it isn't cut into stages."""
        return [self.network.get_submodule(path) for path in (self.stages or {"": ("",)})[stage]]

    def end(self, stage: str) -> str:
        """Return the path of a stage's last module, as `walk` yields it."""
        return self.stages[stage][-1] if self.stages else "features"

    def fingerprints(self) -> dict[str, str]:
        """Return for each stage the SHA-256 of all weights up to and with it, in hexadecimal."""
        digest, found = hashlib.sha256(), {}
        for stage, paths in (self.stages or {"": ("",)}).items():
            for path in paths:
                for name, tensor in self.network.get_submodule(path).state_dict().items():
                    if name.endswith("num_batches_tracked"):  # Of no use in inference.
                        continue
                    digest.update(f"{path}.{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                    flat = tensor.detach().cpu().contiguous().reshape(-1)
                    digest.update(flat.view(torch.uint8).numpy())
            found[stage] = digest.hexdigest()
        return found

    def keep_auxiliary(self, names: Sequence[str]) -> None:
        """Replace the auxiliary classifiers that are not named by the identity, in place."""
        for name in self.entry.aux.values():
            if name not in names:
                setattr(self.network, name, nn.Identity())

    def normalised(self, images: Tensor) -> Tensor:
        """Return images as the first layer takes them: its channels, mean and std applied."""
        if self.entry.channels == 1 and images.shape[1] == 3:
            images = _luma(images)
        spread = (images.expand(-1, self.entry.channels, -1, -1) - self.mean) / self.std
        return spread.contiguous(memory_format=torch.channels_last)


def _luma(images: Tensor) -> Tensor:
    """Bring colour to gray, (B, 3, H, W) to (B, 1, H, W), by the weights of ITU-R BT.601.

    Written as steps away from green, so that gray in three channels comes back to the bit. A gray
    image among colour ones, or in an exported graph, is then the one that it is by itself;
    torchvision's weights, of four digits, sum to 0.9999 and would darken it.
    """
    red, green, blue = (images[:, place : place + 1] for place in range(3))
    return green + 0.299 * (red - green) + 0.114 * (blue - green)


def _cut(entry: Entry, stage: str) -> Mapping[str, tuple[str, ...]]:
    """Return the stages up to and with the named one."""
    if not stage:
        return entry.stages
    if stage not in entry.stages:
        raise unknown("stage", stage, entry.stages, entry.name)
    names = list(entry.stages)
    return {name: entry.stages[name] for name in names[: names.index(stage) + 1]}


def _prune(module: nn.Module, prefix: str, kept: list[str]) -> None:
    """Replace every module outside the kept paths by the identity, in place."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if path in kept:
            continue
        if any(other.startswith(f"{path}.") for other in kept):
            _prune(child, f"{path}.", kept)
        else:
            setattr(module, name, nn.Identity())
