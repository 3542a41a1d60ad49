"""What is seen in an image before any network: how it may lie, and how colourful it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.images import Image

Array = npt.NDArray[Any]

TURNS: Mapping[str, Callable[[Array], Array]] = {
    "upside down and mirrored": lambda pixels: pixels[::-1],
    "upside down": lambda pixels: pixels[::-1, ::-1],
    "turned by a quarter to the left": np.rot90,
    "turned by a quarter to the right": lambda pixels: np.rot90(pixels, -1),
    "inverted, black for white": lambda pixels: np.iinfo(pixels.dtype).max - pixels,
}

_LEFT, _RIGHT = list(TURNS)[2:4]
_BACK = {_LEFT: _RIGHT, _RIGHT: _LEFT}
"""What undoes a turn, where it isn't the same again."""


def turned(image: Image, turn: str) -> Image:
    """Return an image turned in one of the `TURNS`."""
    return replace(image, pixels=np.ascontiguousarray(TURNS[turn](image.pixels)))


def undone(image: Image, turn: str) -> Image:
    """Return an image as it was before it was turned so."""
    return turned(image, _BACK.get(turn, turn))


def colour_of(image: Image) -> float:
    """Return how far the channels are apart, mean over pixels, 0 to 1."""
    return 0.0 if image.gray else float(np.ptp(image.as_float(), axis=2).mean())
