"""The zoo as data: one row a network. Adding a network is adding a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import timm
import torchvision.models as tv
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from firstread.backbones.zfnet import ZFNet
from firstread.errors import UsageError, unknown
from firstread.images import Interpolation, Preprocessing

TIMM = "timm/"
Stages = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Checkpoint:
    """Official weights, as their publisher's own record describes them.

    Parameters
    ----------
    url
        Where the file is; its name carries the first digits of its SHA-256. Empty for weights
        that live on the Hugging Face hub.
    hub
        Their repository there.
    top1
        ImageNet top-1 accuracy in percent, as published with them.
    licence
        As published.
    preprocessing
        What they were trained under.
    """

    url: str
    hub: str
    top1: float | None
    licence: str
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Entry:
    """One network of the zoo.

    Parameters
    ----------
    name
        As typed after `--backbone`.
    year
        Of the paper.
    idea
        What it stands for, in a few words.
    construct
        Builds the whole official network with random weights, module names as published.
    top
        The module that holds its last, class-specific layer.
    stages
        Stage names, each with the modules that run in it, in order; empty for timm's networks,
        which timm itself runs.
    dense
        The stage of dense layers, in networks that have one: not a feature map.
    aux
        Modules behind which an auxiliary classifier sits, and that classifier.
    aux_weight
        The share of each auxiliary loss in the sum.
    checkpoint
        Its official weights, if there are any.
    channels
        Of the input: 3, or 1 for a network that is native to gray.
    shipped
        Name of the weights that come with firstread; empty if there are none.
    """

    name: str
    year: int | None
    idea: str
    construct: Callable[[], nn.Module]
    top: str
    preprocessing: Preprocessing
    stages: Stages = field(default_factory=dict)
    dense: str = ""
    aux: Mapping[str, str] = field(default_factory=dict)
    aux_weight: float = 0.0
    checkpoint: Checkpoint | None = None
    published_top1: float | None = None
    channels: int = 3
    shipped: str = ""


def entry(name: str) -> Entry:
    """Look up a network: one of `NAMES`, or `timm/NAME` for anything that timm has.

    Raises
    ------
    UsageError
        If there is no such network; the message lists close names.
    """
    if name in ZOO:
        return ZOO[name]
    if name.startswith(TIMM):
        return _timm_entry(name)
    raise unknown("network", name, [*NAMES, "timm/NAME"])


def _torchvision(
    name: str,
    year: int,
    idea: str,
    record: str,
    stages: Stages,
    *,
    top: str = "fc",
    mean: tuple[float, float, float] | None = None,
    options: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Entry:
    """Make a row from torchvision's own record of a network's weights."""
    weights = tv.get_weight(record)
    transform = weights.transforms()
    preprocessing = Preprocessing(
        transform.crop_size[0],
        tuple(transform.mean),
        tuple(transform.std),
        _interpolation(transform.interpolation.value),
    )
    if mean is not None:
        preprocessing = replace(preprocessing, mean=mean, std=mean)
    top1 = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    return Entry(
        name,
        year,
        idea,
        partial(tv.get_model, name, weights=None, **(options or {})),
        top,
        preprocessing,
        stages,
        checkpoint=Checkpoint(weights.url, "", top1, "BSD-3-Clause", preprocessing),
        published_top1=top1,
        **fields,
    )


def _timm_preprocessing(config: Any) -> Preprocessing:
    size, interpolation = config.input_size[-1], _interpolation(config.interpolation)
    return Preprocessing(size, config.mean, config.std, interpolation)


def _interpolation(named: str) -> Interpolation:
    return "bilinear" if named == "bilinear" else "bicubic"


def _timm_checkpoint(config: Any) -> Checkpoint | None:
    if not (config.url or config.hf_hub_id):
        return None
    hub = config.hf_hub_id or ""
    if hub.endswith("/"):
        hub += f"{config.architecture}.{config.tag}"
    return Checkpoint(
        "" if hub else config.url,
        hub,
        None,
        config.license or "not stated",
        _timm_preprocessing(config),
    )


def _timm_entry(name: str) -> Entry:
    """Make a row for any network of timm's from timm's own record of it."""
    architecture = name.removeprefix(TIMM)
    try:
        known = timm.is_model(architecture)
        config = timm.get_pretrained_cfg(architecture) if known else None
    except RuntimeError:  # An unknown tag after the dot.
        config = None
    if config is None:
        close = unknown("network", architecture, timm.list_models())
        raise UsageError(str(close).split(" All: ")[0] + " timm.list_models() lists them all.")
    return Entry(
        name,
        None,
        config.description or "from timm",
        partial(timm.create_model, architecture, pretrained=False),
        config.classifier or "",
        _timm_preprocessing(config),
        checkpoint=_timm_checkpoint(config),
    )


def _span(prefix: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{prefix}.{number}" for number in range(first, last + 1))


def _blocks(*ends: int) -> dict[str, tuple[str, ...]]:
    """Cut a plain `features` sequence behind the given places into conv1, conv2, ..."""
    starts = [0, *(end + 1 for end in ends)]
    return {
        f"conv{n}": _span("features", start, end)
        for n, (start, end) in enumerate(zip(starts, ends, strict=False), start=1)
    }


def _gray_resnet() -> Any:
    """Build a ResNet-18-D (arXiv:1512.03385, arXiv:1812.01187) for one channel, about half as wide.

    Dense convolutions rather than depthwise ones: for the same time on a CPU they do several times
    the arithmetic, and bfloat16 makes them twice as fast, in training too.
    """
    block: Any = BasicBlock  # timm's annotation asks for a block, and means its class.
    return ResNet(
        block,
        (2, 2, 2, 2),
        in_chans=1,
        channels=(32, 64, 128, 320),
        stem_type="deep",
        stem_width=16,
        avg_down=True,
    )


_DENSE = {"dense": ("avgpool", *_span("classifier", 0, 5))}
_RESNET = {
    "stem": ("conv1", "bn1", "relu", "maxpool"),
    **{f"layer{n}": (f"layer{n}",) for n in (1, 2, 3, 4)},
}
_GOOGLENET = {
    "stem": ("conv1", "maxpool1", "conv2", "conv3", "maxpool2"),
    "inception3": ("inception3a", "inception3b", "maxpool3"),
    "inception4": (*(f"inception4{letter}" for letter in "abcde"), "maxpool4"),
    "inception5": ("inception5a", "inception5b"),
}
_INCEPTION_V3 = {
    "stem": (
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1"),
        *("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
    ),
    "mixed5": tuple(f"Mixed_5{letter}" for letter in "bcd"),
    "mixed6": tuple(f"Mixed_6{letter}" for letter in "abcde"),
    "mixed7": tuple(f"Mixed_7{letter}" for letter in "abc"),
}
_XCEPTION = {
    "stem": ("conv1", "bn1", "act1", "conv2", "bn2", "act2"),
    "entry": ("block1", "block2", "block3"),
    "middle": tuple(f"block{n}" for n in range(4, 12)),
    "exit": ("block12", "conv3", "bn3", "act3", "conv4", "bn4", "act4"),
}
_MOBILENET_V2 = {
    "stem": _span("features", 0, 1),
    "block2": _span("features", 2, 3),
    "block3": _span("features", 4, 6),
    "block4": _span("features", 7, 13),
    "block5": _span("features", 14, 17),
    "last": ("features.18",),
}
_RESNET_D = {**_RESNET, "stem": ("conv1", "bn1", "act1", "maxpool")}
# torchvision renormalises inputs of its two Inception ports to mean and standard deviation 0.5;
# asking for 0.5 in the first place is the same arithmetic once.
_INCEPTION = {"init_weights": True, "aux_logits": True, "transform_input": False}
_HALF = (0.5, 0.5, 0.5)
_V1 = "_Weights.IMAGENET1K_V1"
_XCEPTION_RECORD = timm.get_pretrained_cfg("legacy_xception")

_ROWS = [
    _torchvision(
        *("alexnet", 2012, "ReLU, dropout, augmentation and GPUs: depth starts to win"),
        f"AlexNet{_V1}",
        {**_blocks(2, 5, 7, 9, 12), **_DENSE},
        top="classifier.6",
        dense="dense",
    ),
    Entry(
        *("zfnet", 2013, "AlexNet with a 7x7 stride-2 first layer, found by looking inside"),
        ZFNet,
        "classifier.6",
        Preprocessing(224),
        {**_blocks(3, 7, 9, 11, 14), **_DENSE},
        dense="dense",
        published_top1=61.6,  # Table 2 of the paper, one network as in figure 3, validation.
    ),
    _torchvision(
        *("vgg16", 2014, "only 3x3 convolutions, stacked"),
        f"VGG16{_V1}",
        {**_blocks(4, 9, 16, 23, 30), **_DENSE},
        top="classifier.6",
        dense="dense",
    ),
    _torchvision(
        *("vgg19", 2014, "VGG with three more layers"),
        f"VGG19{_V1}",
        {**_blocks(4, 9, 18, 27, 36), **_DENSE},
        top="classifier.6",
        dense="dense",
    ),
    _torchvision(
        *("googlenet", 2014, "parallel branches behind 1x1 bottlenecks, no dense layers"),
        f"GoogLeNet{_V1}",
        _GOOGLENET,
        mean=_HALF,
        options=_INCEPTION,
        aux={"inception4a": "aux1", "inception4d": "aux2"},
        aux_weight=0.3,  # Section 5 of arXiv:1409.4842.
    ),
    _torchvision(
        *("inception_v3", 2015, "large convolutions factorised into small ones"),
        f"Inception_V3{_V1}",
        _INCEPTION_V3,
        mean=_HALF,
        options=_INCEPTION,
        aux={"Mixed_6e": "AuxLogits"},
        aux_weight=0.4,  # As the weights were trained by their authors (TF-Slim).
    ),
    *(
        _torchvision(f"resnet{depth}", 2015, "residual connections", f"ResNet{depth}{_V1}", _RESNET)
        for depth in (18, 34, 50, 101, 152)
    ),
    Entry(
        *("xception", 2017, "depthwise separable convolutions throughout"),
        partial(timm.create_model, "legacy_xception", pretrained=False),
        "fc",
        _timm_preprocessing(_XCEPTION_RECORD),
        _XCEPTION,
        checkpoint=_timm_checkpoint(_XCEPTION_RECORD),
        published_top1=79.0,  # Table 1 of arXiv:1610.02357.
    ),
    _torchvision(
        *("mobilenet_v2", 2018, "inverted residuals: small and fast on a CPU"),
        f"MobileNet_V2{_V1}",
        _MOBILENET_V2,
        top="classifier.1",
    ),
    Entry(
        *("phantom_s", 2026, "gray images alone; trained on computed patients, ships with us"),
        _gray_resnet,
        "fc",
        Preprocessing(128, (0.4,) * 3, (0.3,) * 3),
        _RESNET_D,
        channels=1,
        shipped="phantom_s",
    ),
]

ZOO = {row.name: row for row in _ROWS}
NAMES = tuple(ZOO)
if len(ZOO) != len(_ROWS):
    raise AssertionError("two rows of the zoo share a name")
