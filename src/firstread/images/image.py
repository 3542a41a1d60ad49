"""The two nouns of this room: an `Image`, and the `Preprocessing` that a network asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from firstread.images.display import Display

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
    display
        Which window DICOM and NIfTI images are shown through, and at how many millimetres a
        pixel. A network predicts rightly only through the window that it was trained through, so
        this is saved with it.
    """

    size: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"
    neutralise: tuple[str, ...] = ()
    display: Display = field(default_factory=Display)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Rebuild from what `dataclasses.asdict` gave, by way of JSON."""
        return cls(
            record["size"],
            tuple(record["mean"]),
            tuple(record["std"]),
            record["interpolation"],
            tuple(record["neutralise"]),
            Display(**record["display"]),
        )

    def fit(self, image: Image) -> Image:
        """Bring an image to the square: squashed, or cut and padded where millimetres count."""
        if self.display.spacing is not None:
            return image.placed(self.size)
        return image.resized(self.size, self.interpolation)


@dataclass(frozen=True)
class Image:
    """The pixels of one image as displayed, gray where the image is gray.

    Pixels stay integers over the full range of their type, which keeps them exact and four times
    smaller than float32; `as_float` gives [0, 1].

    Parameters
    ----------
    pixels
        uint8 or uint16, shape (H, W) for gray and (H, W, 3) for colour.
    spacing
        Millimetres from one row to the next and from one column to the next, where known.
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None

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
        return self._scaled(size, size, interpolation)

    def resampled(self, spacing: float, interpolation: Interpolation = "bilinear") -> Image:
        """Scale the image to so many millimetres a pixel, in both directions.

        Parameters
        ----------
        spacing
            Millimetres a pixel.
        interpolation
            The filter.

        Raises
        ------
        ValueError
            If the image's own spacing is not known.

        Examples
        --------
        >>> Image(np.zeros((100, 50), np.uint8), spacing=(0.5, 1.0)).resampled(2.0).shape
        (25, 25)
        """
        if self.spacing is None:
            raise ValueError("the image's spacing is not known")
        sides = zip(self.shape, self.spacing, strict=True)
        height, width = (max(1, round(side * mm / spacing)) for side, mm in sides)
        return replace(self._scaled(height, width, interpolation), spacing=(spacing, spacing))

    def placed(self, size: int) -> Image:
        """Put the image's middle into the middle of a black square, without scaling it.

        Parameters
        ----------
        size
            Side of the square in pixels.
        """
        square = np.zeros((size, size, *self.pixels.shape[2:]), self.pixels.dtype)
        ends = [overlap(side, size) for side in self.shape]
        (there, here) = zip(*ends, strict=True)
        square[there] = self.pixels[here]
        return replace(self, pixels=square)

    def _scaled(self, height: int, width: int, interpolation: Interpolation) -> Image:
        if self.shape == (height, width):
            return self
        spacing = self.spacing and (
            self.spacing[0] * self.shape[0] / height,
            self.spacing[1] * self.shape[1] / width,
        )
        side = (width, height)
        if self.pixels.dtype == np.uint8:
            return Image(_resized(self.pixels, side, interpolation).astype(np.uint8), spacing)
        # Pillow resizes 16 bits a channel only as single float planes.
        planes = np.atleast_3d(self.pixels).astype(np.float32)
        resized = [_resized(planes[..., c], side, interpolation) for c in range(planes.shape[2])]
        stacked = np.stack(resized, axis=-1)
        squeezed = stacked[..., 0] if self.gray else stacked
        return Image(np.clip(np.rint(squeezed), 0, 65535).astype(np.uint16), spacing)


def gray_where_equal(colour: npt.NDArray[Any]) -> Pixels:
    """Return one channel of an RGB image whose channels are all equal, else the image.

    Parameters
    ----------
    colour
        uint8 or uint16, shape (H, W, 3).
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return colour
    gray: Pixels = np.ascontiguousarray(red)
    return gray


def overlap(side: int, size: int) -> tuple[slice, slice]:
    """Return where in a square of some size, and where in a side, the two overlap, centred."""
    taken = min(side, size)
    into, out_of = (size - taken) // 2, (side - taken) // 2
    return slice(into, into + taken), slice(out_of, out_of + taken)


def _resized(
    plane: npt.NDArray[np.generic], side: tuple[int, int], interpolation: Interpolation
) -> npt.NDArray[np.generic]:
    picture = PIL.Image.fromarray(plane)
    return np.asarray(picture.resize(side, _RESAMPLING[interpolation]))
