"""Candidates for burned-in text and markers: small, bright, sharp things that stand out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter
from scipy import ndimage

WORKING_SIDE = 512
SMALLEST_SIDE = 96
"""Of images that are looked at: in smaller ones, bones are as sharp and small as letters."""

_CONTRAST = 60
"""Gray levels of 256 that a letter stands above its surroundings."""
_HEIGHTS = (0.012, 0.14)
_WIDTHS = (0.006, 0.35)
_MOST = 60

_ROWS = ("top", "middle", "bottom")
_COLUMNS = ("left", "centre", "right")
ZONES = tuple(f"{row} {column}" for row in _ROWS for column in _COLUMNS)
"""The ninths of an image."""


@dataclass(frozen=True)
class Marker:
    """What may be a letter, a word or a marker, as shares of the image's width and height.

    Parameters
    ----------
    left, top
        Of its upper left corner, from 0 to 1.
    width, height
        From 0 to 1.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def zone(self) -> str:
        """The ninth of the image that its centre lies in."""
        row = min(int(3 * (self.top + self.height / 2)), 2)
        column = min(int(3 * (self.left + self.width / 2)), 2)
        return f"{_ROWS[row]} {_COLUMNS[column]}"


def markers(gray: npt.NDArray[np.uint8]) -> tuple[Marker, ...]:
    """Find what may be burned-in text or markers.

    A candidate is among the image's brightest, stands sharply above what lies around it, and has
    the size of a letter, a word or a lead marker. Bones and metal can look like that: a candidate
    is a hint.

    Parameters
    ----------
    gray
        Shape (H, W).
    """
    if min(gray.shape) < SMALLEST_SIDE:
        return ()
    picture = PIL.Image.fromarray(gray)
    factor = -(-max(gray.shape) // WORKING_SIDE)
    picture = picture.reduce(factor) if factor > 1 else picture
    level = np.asarray(picture).astype(np.int16)
    height, width = level.shape
    # Blurred at a quarter of the size, which is three times as fast.
    blurred = picture.reduce(4).filter(PIL.ImageFilter.BoxBlur(max(height, width) / 96))
    around = blurred.resize(picture.size, PIL.Image.Resampling.BILINEAR)
    bright = level >= max(0.45 * float(level.max()), 80)
    strokes = bright & (level - np.asarray(around) > _CONTRAST)
    # Letters of a word stand closer together than a hundredth of the width.
    reach = max(1, round(0.01 * width))
    words = ndimage.maximum_filter1d(strokes.view(np.uint8), 2 * reach + 1, axis=1)
    numbered, count = ndimage.label(words, np.ones((3, 3)))
    if not 0 < count <= 10 * _MOST:
        return ()
    boxes = [
        (rows, slice(columns.start + reach, columns.stop - reach))
        for rows, columns in ndimage.find_objects(numbered)
    ]
    found = [box for box in boxes if _letter_like(level, strokes, *box)]
    return tuple(
        Marker(
            max(columns.start, 0) / width,
            rows.start / height,
            (columns.stop - columns.start) / width,
            (rows.stop - rows.start) / height,
        )
        for rows, columns in found[:_MOST]
    )


def _letter_like(
    level: npt.NDArray[np.int16], strokes: npt.NDArray[np.bool_], rows: slice, columns: slice
) -> bool:
    height, width = level.shape
    tall, wide = (rows.stop - rows.start) / height, (columns.stop - columns.start) / width
    if not (_HEIGHTS[0] <= tall <= _HEIGHTS[1] and _WIDTHS[0] <= wide <= _WIDTHS[1]):
        return False
    around = (
        slice(max(rows.start - 3, 0), rows.stop + 3),
        slice(max(columns.start - 3, 0), columns.stop + 3),
    )
    inside, levels = strokes[around], level[around]
    rim = ndimage.binary_dilation(inside, iterations=2) & ~inside
    # What fades out over several pixels is anatomy; what ends within two was drawn or is lead.
    return bool(rim.any()) and float(levels[inside].mean() - levels[rim].mean()) > _CONTRAST
