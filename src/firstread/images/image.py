"""The two nouns of this room: an `Image`, and the `Preprocessing` that a network asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

Interpolation = Literal["bilinear", "bicubic"]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_RESAMPLING = {
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class Preprocessing:
    """What a network's weights expect of an image.

    A backbone declares it, a dataset consumes it; neither imports the other.

    Parameters
    ----------
    size
        Side of the square that images are squashed to, in pixels. Squashing keeps the borders of
        a film, which centre cropping (customary for photographs) would throw away.
    mean, std
        Subtracted from and divided into pixels in [0, 1], for red, green and blue.
    interpolation
        How images are resized.
    neutralise
        Names of `NEUTRALISERS`: what is taken away from images before they are resized.
    """

    size: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"
    neutralise: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """The pixels of one image as displayed, gray where the image is gray.

    Pixels stay integers over the full range of their type, which keeps them exact and four times
    smaller than float32; `as_float` gives [0, 1].

    Parameters
    ----------
    pixels
        uint8 or uint16, shape (H, W) for gray and (H, W, 3) for colour.
    """

    pixels: Pixels

    @property
    def gray(self) -> bool:
        """Whether the image has one channel."""
        return self.pixels.ndim == 2

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def as_float(self) -> npt.NDArray[np.float32]:
        """Return the pixels as float32 in [0, 1], in the same shape."""
        scale = np.float32(1.0 / np.iinfo(self.pixels.dtype).max)
        return self.pixels.astype(np.float32) * scale

    def resized(self, size: int, interpolation: Interpolation = "bilinear") -> Image:
        """Squash the image to a square, with antialiasing.

        Parameters
        ----------
        size
            Side of the square in pixels.
        interpolation
            The filter.
        """
        if self.shape == (size, size):
            return self
        if self.pixels.dtype == np.uint8:
            return Image(_resized(self.pixels, size, interpolation).astype(np.uint8))
        # Pillow resizes 16 bits a channel only as single float planes.
        planes = np.atleast_3d(self.pixels).astype(np.float32)
        resized = [_resized(planes[..., c], size, interpolation) for c in range(planes.shape[2])]
        stacked = np.stack(resized, axis=-1)
        squeezed = stacked[..., 0] if self.gray else stacked
        return Image(np.clip(np.rint(squeezed), 0, 65535).astype(np.uint16))


def _resized(
    plane: npt.NDArray[np.generic], size: int, interpolation: Interpolation
) -> npt.NDArray[np.generic]:
    picture = PIL.Image.fromarray(plane)
    return np.asarray(picture.resize((size, size), _RESAMPLING[interpolation]))
