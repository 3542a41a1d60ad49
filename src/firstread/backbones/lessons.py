"""What the tutorial says about architectures, worked out on the modules themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from firstread.backbones.catalogue import ZOO
from firstread.backbones.measure import Architecture, StageMeasure, measure, weigh

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rival:
    """One side of a comparison.

    Parameters
    ----------
    name
        What it is.
    parameters, macs
        Numbers to learn, and multiply-adds for one input.
    receptive_field
        Pixels a side of its own input that one output sees.
    channels
        That it hands on.
    """

    name: str
    parameters: int
    macs: int
    receptive_field: float
    channels: int


@dataclass(frozen=True)
class Lesson:
    """A comparison of two ways to the same end.

    Parameters
    ----------
    title
        Of the comparison.
    sentence
        What it teaches, with the computed ratio.
    setting
        What both get as their input.
    source
        The papers it comes from.
    rivals
        The one with more parameters first.
    """

    title: str
    sentence: str
    setting: str
    source: str
    rivals: tuple[Rival, Rival]

    def frame(self) -> pd.DataFrame:
        """Return one row a rival, with the lesson's title in front."""
        import pandas as pd

        columns = [field.name for field in fields(Rival)]
        rows = [[self.title, *(getattr(rival, name) for name in columns)] for rival in self.rivals]
        return pd.DataFrame(rows, columns=["lesson", *columns])


def lessons() -> tuple[Lesson, ...]:
    """Work out the tutorial's four comparisons.

    Every number comes from building both modules and sending an input through them on torch's
    meta device. The modules have neither biases nor normalisation, as in the papers' own counts;
    the last lesson compares two whole networks as the zoo has them.
    """
    return (_small_filters(), _bottlenecks(), _separable(), _dense_layers())


def _small_filters() -> Lesson:
    large, small = _rivals(
        {
            "one 5x5": lambda: _convolution(64, 64, 5),
            "two 3x3": lambda: nn.Sequential(_convolution(64, 64, 3), _convolution(64, 64, 3)),
        },
        (64, 56, 56),
    )
    saved = 1 - small.parameters / large.parameters
    return Lesson(
        "Two 3x3 convolutions against one 5x5",
        f"Two 3x3 convolutions see the same {small.receptive_field:.0f} x "
        f"{small.receptive_field:.0f} pixels as one 5x5, with {saved:.0%} fewer parameters and "
        "multiply-adds, and one more ReLU between them to bend what they compute.",
        "64 channels in and out, 56 x 56 px",
        "VGG, arXiv:1409.1556, section 2.3",
        (large, small),
    )


def _bottlenecks() -> Lesson:
    naive, reduced = _rivals({"naive": _naive, "with 1x1 bottlenecks": _reduced}, (192, 28, 28))
    return Lesson(
        "The naive Inception module against the one with 1x1 bottlenecks",
        f"Squeezing the channels with 1x1 convolutions before the large filters makes the module "
        f"{naive.macs / reduced.macs:.1f} times cheaper, though it sees just as far; and it hands "
        f"on {reduced.channels} channels instead of {naive.channels}, so the next module is "
        "cheaper too.",
        "GoogLeNet's module 3a: 192 channels in, 28 x 28 px",
        "GoogLeNet, arXiv:1409.4842, figure 2 and table 1",
        (naive, reduced),
    )


def _separable() -> Lesson:
    plain, separable = _rivals(
        {
            "plain 3x3": lambda: _convolution(728, 728, 3),
            "depthwise separable 3x3": lambda: nn.Sequential(
                _convolution(728, 728, 3, groups=728), _convolution(728, 728, 1)
            ),
        },
        (728, 19, 19),
    )
    return Lesson(
        "A plain convolution against a depthwise separable one",
        "Filtering each channel by itself and mixing the channels with a 1x1 convolution "
        f"afterwards takes {plain.parameters / separable.parameters:.1f} times fewer parameters "
        "and multiply-adds than doing both at once.",
        "Xception's middle: 728 channels in and out, 19 x 19 px",
        "Xception, arXiv:1610.02357; MobileNets, arXiv:1704.04861, section 3.1",
        (plain, separable),
    )


def _dense_layers() -> Lesson:
    alexnet, googlenet = measure(ZOO["alexnet"]), measure(ZOO["googlenet"])
    before, after = _whole("AlexNet", alexnet), _whole("GoogLeNet", googlenet)
    maps = sum(stage.parameters for stage in alexnet.stages if len(stage.shape) == 3)
    return Lesson(
        "AlexNet against GoogLeNet",
        f"GoogLeNet has {googlenet.layers} layers against {alexnet.layers}, and "
        f"{before.parameters / after.parameters:.1f} times fewer parameters: "
        f"{1 - maps / before.parameters:.0%} of AlexNet's sit in its dense layers, which GoogLeNet "
        "replaces by average pooling. Fewer parameters don't mean less work: it takes "
        f"{after.macs / before.macs:.1f} times as many multiply-adds.",
        "one image of 224 x 224 px, 1,000 classes, as torchvision has both: its GoogLeNet filters "
        "3x3 where the paper has 5x5",
        "GoogLeNet, arXiv:1409.4842, sections 1 and 5",
        (before, after),
    )


def _rivals(
    modules: Mapping[str, Callable[[], nn.Module]], shape: tuple[int, ...]
) -> tuple[Rival, Rival]:
    """Weigh two modules under the same input."""
    first, second = (_rival(name, weigh(build, shape)) for name, build in modules.items())
    return first, second


def _rival(name: str, stack: StageMeasure) -> Rival:
    return Rival(name, stack.parameters, stack.macs, stack.receptive_field, stack.shape[0])


def _whole(name: str, network: Architecture) -> Rival:
    """Return a whole network as a rival; what it hands on is its last map's channels."""
    maps = [stage.shape for stage in network.stages if len(stage.shape) == 3]
    return Rival(name, network.parameters, network.macs, network.receptive_field, maps[-1][0])


class _Parallel(nn.Module):
    """Branches side by side over one input, their channels stacked: an Inception module."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([branch(features) for branch in self.branches], dim=1)


def _convolution(width: int, out: int, kernel: int, groups: int = 1) -> nn.Conv2d:
    """Make a convolution that keeps the map's side."""
    return nn.Conv2d(width, out, kernel, padding=kernel // 2, groups=groups, bias=False)


def _pooling() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=1, padding=1)


def _naive() -> _Parallel:
    """Build figure 2(a) of arXiv:1409.4842, with the widths of module 3a in its table 1."""
    return _Parallel(
        _convolution(192, 64, 1),
        _convolution(192, 128, 3),
        _convolution(192, 32, 5),
        _pooling(),
    )


def _reduced() -> _Parallel:
    """Build figure 2(b) of arXiv:1409.4842, with the widths of module 3a in its table 1."""
    return _Parallel(
        _convolution(192, 64, 1),
        nn.Sequential(_convolution(192, 96, 1), _convolution(96, 128, 3)),
        nn.Sequential(_convolution(192, 16, 1), _convolution(16, 32, 5)),
        nn.Sequential(_pooling(), _convolution(192, 32, 1)),
    )
