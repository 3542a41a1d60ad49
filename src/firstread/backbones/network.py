"""A backbone with a new top for the user's classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from firstread.backbones.backbone import Backbone
from firstread.errors import UsageError, first_line, unknown

_PLACES = 16
"""Places a side of a map, or up to twice as many, that a signature rests on."""

_LEAST = 1e-12
"""What the values of a stage sum to at least, sign aside; all may be 0."""


def _linear(width: int, classes: int) -> nn.Sequential:
    """Softmax regression on the pooled features."""
    return nn.Sequential(nn.Linear(width, classes))


def _tutorial(width: int, classes: int) -> nn.Sequential:
    """Build the tutorial's top: dense 256, ReLU, dropout, and for two classes one sigmoid."""
    return nn.Sequential(
        nn.Linear(width, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(256, 1 if classes == 2 else classes),
    )


HEADS: dict[str, Callable[[int, int], nn.Sequential]] = {"linear": _linear, "tutorial": _tutorial}


class Network(nn.Module):
    """A backbone, global average pooling, and a head of fresh layers; the whole thing to train.

    Parameters
    ----------
    backbone
        The trunk.
    head
        Takes pooled features (B, C) to logits: (B, classes), or (B, 1) for one sigmoid output
        whose high end is the second class.
    aux
        Auxiliary classifiers by the path of the module that they sit behind.
    """

    def __init__(
        self, backbone: Backbone, head: nn.Sequential, aux: dict[str, nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self._aux = aux or {}

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images in [0, 1]."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Return pooled features, shape (B, C)."""
        return _pooled(self.backbone(images))

    def described(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features, and what every stage makes of the images.

        Returns
        -------
        features
            Shape (B, C): what the head sees.
        signature
            Means of all channels behind all stages, then their standard deviations; each
            stage's are brought to length 1 after a signed square root; shape (B, D).
        """
        ends = {self.backbone.end(stage) for stage in self.backbone.stages or ("",)}
        seen, features = [], images
        for path, features in self.backbone.walk(images):
            if path in ends:
                seen.append(_places(features))
        return _pooled(features), _signature(seen)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and those of each auxiliary classifier."""
        return self._run(images, "")

    def _run(self, images: Tensor, after: str) -> tuple[Tensor, list[Tensor]]:
        side, features = [], images
        for path, features in self.backbone.walk(images, after):
            if path in self._aux:
                side.append(self._aux[path](features))
        return self.head(_pooled(features)), side

    def above(self, stage: str) -> Upper:
        """Return what lies above a stage, over the same weights; it takes the stage's output."""
        return Upper(self, stage)

    @property
    def auxiliary(self) -> list[nn.Module]:
        """The auxiliary classifiers."""
        return list(self._aux.values())

    def drop_auxiliary(self) -> None:
        """Take the auxiliary classifiers off, in place; they serve in training alone."""
        self._aux = {}
        self.backbone.keep_auxiliary([])


class Upper(nn.Module):
    """The part of a network above a stage, which takes that stage's output for input.

    Parameters
    ----------
    network
        Whose weights these are.
    stage
        The stage below.
    """

    def __init__(self, network: Network, stage: str) -> None:
        super().__init__()
        self.network = network
        self.stage = stage

    def forward(self, maps: Tensor) -> Tensor:
        """Return the logits."""
        return self.with_auxiliary(maps)[0]

    def with_auxiliary(self, maps: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and those of each auxiliary classifier above the stage."""
        return self.network._run(maps, self.stage)


def _pooled(features: Tensor) -> Tensor:
    return features.mean((2, 3)) if features.ndim == 4 else features


def _places(features: Tensor) -> Tensor:
    """Return what a stage has at each place of its map, (B, places, C): some tell as much as all.

    Of dense layers there is one place.
    """
    if features.ndim == 2:
        return features.unsqueeze(1)
    apart = max(1, min(features.shape[2:]) // _PLACES)
    thinned = features[..., ::apart, ::apart]
    return thinned.permute(0, 2, 3, 1).flatten(1, 2)  # Channels last, as they lie.


def _signature(stages: Sequence[Tensor]) -> Tensor:
    """Return the signature of what stages have at their places, as of `Network.described`."""
    widths = [stage.shape[2] for stage in stages]
    means = torch.cat([stage.mean(1) for stage in stages], dim=1)
    squares = torch.cat([(stage * stage).mean(1) for stage in stages], dim=1)
    spreads = (squares - means * means).clamp(min=0).sqrt()
    values = torch.stack([means, spreads], dim=1)
    # What sums to 1, sign aside, has roots of length 1.
    sizes = values.abs()
    sums = [
        part.sum((1, 2), keepdim=True).expand(-1, 1, part.shape[2])
        for part in torch.split(sizes, widths, dim=2)
    ]
    shares = sizes / torch.cat(sums, dim=2).clamp(min=_LEAST)
    return shares.sqrt().copysign(values).flatten(1)


def probabilities(logits: Tensor, multilabel: bool = False) -> Tensor:
    """Turn logits (B, classes), or (B, 1) for one sigmoid, into probabilities (B, classes).

    Parameters
    ----------
    logits
        Of a network.
    multilabel
        Whether each class is there or not by itself; else the probabilities of an image sum to 1.
    """
    if multilabel:
        return logits.sigmoid()
    if logits.shape[1] == 1:
        second = logits.sigmoid()
        return torch.cat([1 - second, second], dim=1)
    return logits.softmax(dim=1)


def assemble(backbone: Backbone, head: str, classes: int, *, auxiliary: bool = False) -> Network:
    """Put a new top on a backbone.

    Parameters
    ----------
    backbone
        The trunk.
    head
        One of `HEADS`.
    classes
        How many.
    auxiliary
        Keep the network's auxiliary classifiers (GoogLeNet, Inception V3) for training, with
        their last layers made new. Where images are too small for them they are left out.

    Raises
    ------
    UsageError
        If the head is unknown, or the network can't take images of its preprocessing's size.
    """
    if head not in HEADS:
        raise unknown("head", head, HEADS)
    size = backbone.preprocessing.size
    maps = dict(_shapes(backbone, size))
    width = list(maps.values())[-1][1]
    aux = {}
    for path, name in backbone.entry.aux.items():
        classifier = backbone.network.get_submodule(name)
        if auxiliary and path in maps and _fits(classifier, maps[path]):
            _renew_last(classifier, classes)
            aux[path] = classifier
    backbone.keep_auxiliary([backbone.entry.aux[path] for path in aux])
    return Network(backbone, HEADS[head](width, classes), aux)


def _shapes(backbone: Backbone, size: int) -> list[tuple[str, torch.Size]]:
    """Return each module's output shape, from one pass that computes nothing."""
    with torch.device("meta"):
        twin = Backbone(backbone.entry, backbone.preprocessing, backbone.stage).eval()
        images = torch.empty(1, 3, size, size)
    try:
        return [(path, features.shape) for path, features in twin.walk(images)]
    except (RuntimeError, AssertionError, ValueError) as error:
        usual = backbone.entry.preprocessing.size
        raise UsageError(
            f"{backbone.entry.name} can't take images of {size} x {size} px ({first_line(error)}); "
            f"its usual size is --image-size {usual}"
        ) from None


def _fits(classifier: nn.Module, shape: torch.Size) -> bool:
    """Say whether an auxiliary classifier can take feature maps of a shape."""
    try:
        with torch.inference_mode():
            classifier.eval()(torch.zeros(shape))
    except RuntimeError:
        return False
    return True


def _renew_last(classifier: nn.Module, classes: int) -> None:
    """Replace a classifier's last layer by a fresh one, in place."""
    layers = [
        (n, layer) for n, layer in classifier.named_children() if isinstance(layer, nn.Linear)
    ]
    name, last = layers[-1]
    setattr(classifier, name, nn.Linear(last.in_features, classes))
