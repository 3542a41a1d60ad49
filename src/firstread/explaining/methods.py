"""Ways to ask a network where it looked: one row a method, all over batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from firstread.backbones import Network
from firstread.errors import InstallError, UsageError, unknown
from firstread.explaining.lens import Lens, scores

NOISE, NOISY, STEPS = 0.02, 4, 16
"""SmoothGrad's deviation as a share of an image's range, its samples, and the path's steps."""

_WINDOWS = 6
"""Occlusion's square has this part of a side, and moves by half of itself."""
_AT_ONCE = 32
_BLOCK = 4
"""Pixels a side whose integrated gradients are added up: single pixels are mostly noise."""


@dataclass(frozen=True)
class Method:
    """One way to explain.

    Parameters
    ----------
    title
        For people.
    compute
        Takes a lens, images in [0, 1] of shape (B, C, H, W) and one class an image, as numbers of
        shape (B,); returns maps (B, h, w) over the square that the network saw.
    signed
        Whether values below 0 speak against the class; else all are at least 0.
    adds_up
        What a map adds up to, of the class's logit: `mean` (of all places) is the logit; `sum` is
        the logit less that of an image of one gray level; empty: nothing.
    cheap
        Whether it costs about one pass.
    source
        The paper.
    """

    title: str
    compute: Callable[[Lens, Tensor, Tensor], Tensor]
    signed: bool
    adds_up: str
    cheap: bool
    source: str


def gradcam(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """Weight each feature map by its mean gradient, add them up, keep what is above 0."""
    maps, gradients, _ = _differentiated(lens, images, places)
    return (gradients.mean((2, 3), keepdim=True) * maps).sum(1).relu()


def gradcam_plus_plus(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """Weight each place's positive gradient by its share, so that several small things count.

    Equation 19 of the paper, for the exponential of the logit, whose higher derivatives are powers
    of the first.
    """
    maps, gradients, _ = _differentiated(lens, images, places)
    squared = gradients.square()
    below = 2 * squared + maps.sum((2, 3), keepdim=True) * squared * gradients
    shares = torch.where(below == 0, 0.0, squared / torch.where(below == 0, 1.0, below))
    weights = (shares * gradients.relu()).sum((2, 3), keepdim=True)
    return (weights * maps).sum(1).relu()


def evidence(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """Apply a linear head to every place of the map that it averages: exact, no approximation.

    The head is linear and so is the mean, so the logit is the mean over places of the head's
    answer at each.

    Raises
    ------
    UsageError
        If the head isn't one linear layer on the average of a feature map.
    """
    network, top = lens.network, lens.network.head[0]
    if len(network.head) > 1 or not isinstance(top, nn.Linear):
        raise UsageError(_NOT_LINEAR.format(name=network.backbone.entry.name))
    maps = _pooled_map(network, images)
    if maps is None or maps.shape[1] != top.in_features:
        raise UsageError(_NOT_LINEAR.format(name=network.backbone.entry.name))
    answers = torch.einsum("bchw,kc->bkhw", maps, top.weight) + top.bias.view(1, -1, 1, 1)
    logits = network(images)
    if not torch.allclose(answers.mean((2, 3)), logits, rtol=1e-3, atol=1e-4):
        raise UsageError(_NOT_LINEAR.format(name=network.backbone.entry.name))
    return answers[torch.arange(len(images)), places]


def integrated(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """Integrate gradients from an image of its mean gray to the image, over noisy copies.

    Added up over blocks of 4 x 4 pixels.

    Raises
    ------
    InstallError
        If captum is missing.
    """
    attr = _captum()
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(_Score(lens.network)))
    spread = float((images.amax((1, 2, 3)) - images.amin((1, 2, 3))).mean())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = tunnel.attribute(
            images,
            nt_samples=NOISY,
            nt_samples_batch_size=1,
            stdevs=max(NOISE * spread, 1e-6),
            baselines=_gray(images),
            additional_forward_args=places,
            n_steps=STEPS,
            internal_batch_size=_AT_ONCE,
        )
    blocks: Tensor = functional.avg_pool2d(made.sum(1).float(), _BLOCK) * _BLOCK**2
    return blocks


def occlusion(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """Cover one square after another with the image's mean gray; see what the logit loses.

    Raises
    ------
    InstallError
        If captum is missing.
    """
    attr = _captum()
    channels, height, width = images.shape[1:]
    window = [max(2, side // _WINDOWS) for side in (height, width)]
    stride = [max(1, side // 2) for side in window]
    with torch.no_grad():
        made = attr.Occlusion(_Score(lens.network)).attribute(
            images,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *stride),
            baselines=_gray(images),
            additional_forward_args=places,
            perturbations_per_eval=max(1, _AT_ONCE // len(images)),
        )
    lost: Tensor = made.mean(1).float()
    return lost


METHODS: Mapping[str, Method] = {
    "gradcam": Method(
        *("Grad-CAM", gradcam, False, "", True),
        "R. R. Selvaraju et al., ICCV 2017, arXiv:1610.02391",
    ),
    "gradcam++": Method(
        *("Grad-CAM++", gradcam_plus_plus, False, "", True),
        "A. Chattopadhay et al., WACV 2018, arXiv:1710.11063",
    ),
    "evidence": Method(
        *("Evidence of a linear head", evidence, True, "mean", True),
        "B. Zhou et al., CVPR 2016, arXiv:1512.04150",
    ),
    "integrated": Method(
        *("Integrated gradients with SmoothGrad", integrated, True, "sum", False),
        "M. Sundararajan et al., ICML 2017, arXiv:1703.01365; D. Smilkov et al., arXiv:1706.03825",
    ),
    "occlusion": Method(
        *("Occlusion", occlusion, True, "", False),
        "M. D. Zeiler and R. Fergus, ECCV 2014, arXiv:1311.2901",
    ),
}
"""By the name that is typed after `--method`."""

_NOT_LINEAR = (
    "{name}: exact evidence needs a linear head on the average of a feature map, which this "
    "network hasn't; use --method gradcam"
)


def method(name: str) -> Method:
    """Look a method up.

    Raises
    ------
    UsageError
        If there is none of that name, with the close ones.
    """
    if name not in METHODS:
        raise unknown("way to explain", name, METHODS)
    return METHODS[name]


def gray_logits(network: Network, images: Tensor, places: Tensor) -> Tensor:
    """Return the class's logit of each image made one gray level, shape (B,)."""
    with torch.no_grad():
        return scores(network(_gray(images)), places)


class _Score(nn.Module):
    """One class's logit an image, as captum wants it: images and classes in, numbers out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, places: Tensor) -> Tensor:
        return scores(self.network(images), places)


def _differentiated(lens: Lens, images: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps, the gradients of each image's logit by them, and the logits."""
    maps, logits = lens.trace(images)
    (gradients,) = torch.autograd.grad(scores(logits, places).sum(), maps)
    return lens.layout(maps.detach()), lens.layout(gradients), logits.detach()


def _pooled_map(network: Network, images: Tensor) -> Tensor | None:
    """Return the map that the network averages, shape (B, C, h, w); None where it averages none."""
    backbone = network.backbone
    with torch.no_grad():
        if backbone.stages:
            maps = backbone(images)
            return maps if maps.ndim == 4 else None
        lens = Lens(network, "")
        return lens.layout(lens.trace(images)[0].detach())


def _gray(images: Tensor) -> Tensor:
    """Return images of one gray level each, or one colour: the mean of all their pixels."""
    return images.mean((2, 3), keepdim=True).expand_as(images).contiguous()


def _captum() -> Any:
    try:
        from captum import attr
    except ImportError:
        raise InstallError(
            "captum is not installed, which integrated gradients and occlusion need; "
            "pip install 'firstread[explain]' brings it. Grad-CAM does without"
        ) from None
    return attr
