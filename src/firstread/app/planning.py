"""Step 2: what will be trained, the command that says so, and what augmentation does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from firstread.advising import advising
from firstread.app.shelf import homely
from firstread.backbones import NAMES, ZOO, at_hand
from firstread.events import Event
from firstread.images import read
from firstread.learning import augmentation
from firstread.report.thumbnails import encoded
from firstread.training import make_plan

BUDGET_S = 15.0
"""Seconds that the comparison of strategies takes on the page; what `train` takes by itself."""

STRATEGIES: Mapping[str, tuple[str, str]] = {
    "auto": (
        "Compare, and take the best",
        "Tries the cheap ways on your training images and takes the one that does best. Start "
        "here.",
    ),
    "probe": (
        "Linear classifier on fixed features",
        "The network stays as it is; only a last, simple layer is learned. Quick, and hard to beat "
        "with few images.",
    ),
    "finetune": (
        "Fine-tune the network",
        "The network's own layers go on learning, carefully. Worth it with many images, or where "
        "yours look unlike what it knows.",
    ),
    "scratch": (
        "Train from nothing",
        "Every weight starts at random. Needs thousands of images, and shows what the others gain.",
    ),
}
"""What each strategy is called here, and what it is good for."""

AUGMENTATIONS: Mapping[str, tuple[str, str]] = {
    "mild": (
        "Mild",
        "What differs between two films of one patient: a few degrees, a little shift, zoom, "
        "brightness and contrast. Never mirrored, since left and right are anatomy.",
    ),
    "none": ("None", "The network sees each image as it is, every time."),
    "tutorial": (
        "The tutorial's",
        "Stronger, and mirrored left to right: the heart may end up on the other side.",
    ),
}
"""What each kind of augmentation is called here, and what it does."""

NEUTRALISERS: Mapping[str, str] = {
    "border": "Borders: cut off",
    "size": "Proportions: padded to a square",
    "histogram": "Gray levels: evened out",
}
"""What each way to take a shortcut away is called here."""

_TILES = 8
_SIDE = 220


@dataclass(frozen=True)
class Choices:
    """What a user chose; empty or 0 for what firstread takes by itself.

    Parameters
    ----------
    data
        Folder or table.
    backbone, strategy, augment, epochs, image_size, seed, neutralise
        As of `Plan`.
    skip_unreadable
        Whether files that can't be read are left out; else they end a training before it starts.
    """

    data: str
    backbone: str = ""
    strategy: str = "auto"
    augment: str = "mild"
    epochs: int = 0
    image_size: int = 0
    seed: int = 0
    neutralise: str = ""
    skip_unreadable: bool = False

    def given(self) -> dict[str, Any]:
        """Return what differs from what firstread would do by itself, by the names of `Plan`."""
        usual = Choices(self.data)
        names = ("strategy", "augment", "epochs", "image_size", "seed", "neutralise")
        chosen = {name: getattr(self, name) for name in names}
        given = {name: value for name, value in chosen.items() if value != getattr(usual, name)}
        # Which network is the usual one hangs on the other choices.
        if self.backbone in ("", make_plan(self.data, given).backbone):
            return given
        return {"backbone": self.backbone, **given}

    def words(self, out: Path) -> list[str]:
        """Return the words of the command that trains so."""
        options = [
            word
            for name, value in self.given().items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        skip = ["--skip-unreadable"] if self.skip_unreadable else []
        return ["train", self.data, "--out", str(out), *options, *skip]

    def check(self) -> None:
        """Refuse what no training could start with.

        Raises
        ------
        UsageError
            If a choice is out of range or contradicts another.
        """
        make_plan(self.data, self.given())


def command(words: list[str]) -> str:
    """Write a command as it is typed.

    Examples
    --------
    >>> command(["train", "my films", "--out", "run"])
    "firstread train 'my films' --out run"
    """
    return " ".join(map(_typed, ["firstread", *words]))


def _typed(word: str) -> str:
    """Write a word for a shell, the user's own folder as it is usually typed."""
    short = homely(word)
    return f"~/{shlex.quote(short[2:])}" if short.startswith("~/") else shlex.quote(word)


def usual_backbone() -> str:
    """Return the network that is taken where nobody says."""
    return make_plan("", {}).backbone


def backbones() -> list[tuple[str, str]]:
    """Return the networks, each with what is said of it; those that know something first."""
    sources = {
        "imagenet": "knows photographs (ImageNet)",
        "phantom": "knows computed patients",
        "none": "no weights on this machine",
    }
    order = list(sources)
    rows = sorted((order.index(at_hand(name)), n, name) for n, name in enumerate(NAMES))
    return [(f"{name} ({ZOO[name].year}): {sources[order[rank]]}", name) for rank, _, name in rows]


_MEASURED = ("backbone", "image_size", "seed", "neutralise")
"""What a comparison of the ways to learn depends on."""


def advised(choices: Choices) -> Iterator[Event]:
    """Compare the ways to learn, as `firstread advise` does; yield what happens."""
    asked = {name: value for name, value in choices.given().items() if name in _MEASURED}
    skip = choices.skip_unreadable
    return advising(choices.data, skip_unreadable=skip, budget=BUDGET_S, **asked)


def tiles(path: Path, augment: str, seed: int) -> tuple[str, ...]:
    """Distort an image as a training does, and return the pictures as data URIs.

    Parameters
    ----------
    path
        Of the image.
    augment
        The kind.
    seed
        Of what is drawn.
    """
    image = read(path)
    pixels = np.asarray(image.as_float(), np.float32)
    picture = PIL.Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
    picture.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    small = torch.from_numpy(np.asarray(picture, np.float32) / 255)
    small = small[None] if small.ndim == 2 else small.permute(2, 0, 1)
    batch = small.repeat(_TILES, 1, 1, 1)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        made = augmentation(augment)(batch, generator)
    shown = (255 * made).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return tuple(encoded(PIL.Image.fromarray(one.squeeze())) for one in shown)
