"""What can be read of an image file apart from its anatomy: one record an image, one decoding."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from firstread.auditing.markers import Marker, markers
from firstread.errors import ImageError
from firstread.images import FileFormat, Image, Preprocessing, file_format, prepared, read
from firstread.progress import Step

SMALL = 28
"""Side of the small picture that simple rivals of a network look at."""
BINS = 32
MARGIN = 0.05
"""Depth of the border, as a share of each side."""

SIDES = ("top", "bottom", "left", "right")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
BORDER = tuple(
    f"{what} {side} border"
    for side in SIDES
    for what in (
        "mean brightness of the",
        "variation of brightness in the",
        "share of black pixels in the",
        "share of white pixels in the",
        "mean brightness of the outermost line of the",
    )
) + tuple(f"mean brightness of the {corner} corner" for corner in CORNERS)
"""What is measured at the border, in words."""

_BLACK, _WHITE = 8, 247
_VISIBLE = 16
"""Channels differ visibly by more than a sixteenth of the range."""
_WORKERS = os.cpu_count() or 1
_CHUNK = 64

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trace:
    """What can be read of one image file apart from its anatomy.

    Parameters
    ----------
    path
        The file.
    stored
        How it is stored.
    shape
        Height and width in pixels, as displayed.
    gray
        Whether all channels are equal, however many are stored.
    colour
        Share of the pixels that are visibly no gray, from 0 to 1.
    border
        The measurements named in `BORDER`, each from 0 to 1.
    small
        The image squashed to 28 x 28 px, gray, from 0 to 1.
    histogram
        Share of the pixels in each of 32 equal ranges of gray, from black to white.
    markers
        What may be burned-in text or markers.
    """

    path: Path
    stored: FileFormat
    shape: tuple[int, int]
    gray: bool
    colour: float
    border: FloatArray
    small: FloatArray
    histogram: FloatArray
    markers: tuple[Marker, ...]


def traces(
    paths: Sequence[Path], preprocessing: Preprocessing | None = None
) -> Iterator[Step | tuple[Trace, ...]]:
    """Decode each file once, and yield steps, then the traces of those that can be read.

    Parameters
    ----------
    paths
        Image files; those that can't be read have no trace.
    preprocessing
        Of a network; the traces are then of images as that sees them, not as they are.
    """

    def attempt(path: Path) -> Trace | None:
        try:
            image = read(path) if preprocessing is None else read(path, preprocessing.display)
        except ImageError:
            return None
        seen = image if preprocessing is None else prepared(image, preprocessing)
        return trace(path, seen, file_format(path))

    made: list[Trace] = []
    with ThreadPoolExecutor(_WORKERS) as workers:
        for start in range(0, len(paths), _CHUNK):
            chunk = paths[start : start + _CHUNK]
            made.extend(found for found in workers.map(attempt, chunk) if found is not None)
            yield Step("looking at files and borders", start + len(chunk), len(paths))
    yield tuple(made)


def trace(path: Path, image: Image, stored: FileFormat) -> Trace:
    """Measure an image that is decoded already.

    Parameters
    ----------
    path
        Its file, which isn't opened.
    image
        Its pixels.
    stored
        How the file is stored.
    """
    gray = gray_of(image)
    height, width = gray.shape
    small = PIL.Image.fromarray(gray).resize(
        (SMALL, SMALL), PIL.Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    levels = np.bincount(gray.ravel() >> 3, minlength=BINS)
    return Trace(
        Path(path),
        stored,
        (height, width),
        image.gray,
        _colour(image),
        _border(gray),
        np.asarray(small, np.float32) / np.float32(255),
        (levels / gray.size).astype(np.float32),
        markers(gray),
    )


def gray_of(image: Image) -> npt.NDArray[np.uint8]:
    """Return the image as 8 bits of gray, shape (H, W)."""
    pixels = image.pixels if image.pixels.dtype == np.uint8 else image.pixels >> 8
    eight = pixels.astype(np.uint8, copy=False)
    if image.gray:
        return np.ascontiguousarray(eight)
    return np.asarray(PIL.Image.fromarray(eight).convert("L"))


def _colour(image: Image) -> float:
    """Return the share of pixels that are visibly no gray; what JPEG does to gray isn't."""
    if image.gray:
        return 0.0
    sparse = image.pixels[::2, ::2]
    apart = sparse.max(axis=2) - sparse.min(axis=2)
    return float((apart > np.iinfo(apart.dtype).max // _VISIBLE).mean())


def _border(gray: npt.NDArray[np.uint8]) -> FloatArray:
    rows, columns = (max(1, round(MARGIN * side)) for side in gray.shape)
    strips = (gray[:rows], gray[-rows:], gray[:, :columns], gray[:, -columns:])
    lines = (gray[0], gray[-1], gray[:, 0], gray[:, -1])
    values = []
    for strip, line in zip(strips, lines, strict=True):
        black, white = (strip < _BLACK).mean(), (strip > _WHITE).mean()
        values += [strip.mean() / 255, strip.std() / 255, black, white, line.mean() / 255]
    corners = (strips[0], strips[0], strips[1], strips[1])
    cuts = (slice(None, columns), slice(-columns, None)) * 2
    values += [strip[:, cut].mean() / 255 for strip, cut in zip(corners, cuts, strict=True)]
    return np.array(values, np.float32)
