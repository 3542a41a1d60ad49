"""Takes away what tells classes apart without any anatomy: dimensions, borders, histograms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firstread.errors import unknown
from firstread.images.image import Image, Pixels, Preprocessing

FRAME = 0.25
"""Share of a side that a frame of one gray level may take, at each end."""
CROP = 0.06
"""Share of each side that is cut off at each end, frame or not."""
_FLAT = 0.012
_LEVELS = 256


def cropped(image: Image) -> Image:
    """Cut off a frame of one gray level, then a further 6 % at each of the four sides."""
    pixels: Pixels = image.pixels[inside(image)].copy()
    return replace(image, pixels=pixels)


def inside(image: Image) -> tuple[slice, slice]:
    """Return the rows and columns that `cropped` keeps."""
    height, width = image.shape
    gray = image.as_float() if image.gray else image.as_float().mean(axis=2)
    top, bottom = _frame(gray)
    left, right = _frame(gray[top : height - bottom].T)
    return _inner(height, top, bottom), _inner(width, left, right)


def squared(image: Image) -> Image:
    """Pad the shorter side at both ends to a square, continuing each edge as in a mirror.

    Bars of black would show the aspect as plainly as squashing does.
    """
    height, width = image.shape
    side = max(height, width)
    if height == width:
        return image
    rows, columns = (
        np.pad(np.arange(length), ((side - length) // 2, -(-(side - length) // 2)), "symmetric")
        for length in (height, width)
    )
    pixels: Pixels = image.pixels[np.ix_(rows, columns)]
    return replace(image, pixels=pixels)


def equalised(image: Image) -> Image:
    """Equalise the histogram over the whole image; colours keep their ratio of channels.

    Each gray level becomes the share of pixels at or below it, less the darkest level's, so that
    the darkest stays black.

    References
    ----------
    R. C. Gonzalez and R. E. Woods, "Digital Image Processing", 4th ed. (2018), section 3.3.
    """
    top = np.iinfo(image.pixels.dtype).max
    gray: Pixels = image.pixels
    if not image.gray:
        gray = np.rint(image.pixels.mean(axis=2)).astype(image.pixels.dtype)
    counts = np.bincount(gray.ravel(), minlength=top + 1)
    share = np.cumsum(counts) / gray.size
    darkest = share[gray.min()]
    if darkest == 1.0:
        return image
    curve = np.clip((share - darkest) / (1 - darkest), 0, 1) * top
    if image.gray:
        return replace(image, pixels=np.rint(curve).astype(image.pixels.dtype)[gray])
    gain = curve[gray] / np.maximum(gray, 1)
    pixels = np.clip(np.rint(image.pixels * gain[..., None]), 0, top)
    return replace(image, pixels=pixels.astype(image.pixels.dtype))


NEUTRALISERS: Mapping[str, Callable[[Image], Image]] = {
    "border": cropped,
    "size": squared,
    "histogram": equalised,
}
"""By name, in the order in which they are applied."""


def neutralisers(text: str) -> tuple[str, ...]:
    """Read a list of names with commas between them, into the order in which they are applied.

    Raises
    ------
    UsageError
        If a name isn't one of `NEUTRALISERS`.

    Examples
    --------
    >>> neutralisers("size, border")
    ('border', 'size')
    >>> neutralisers("")
    ()
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in NEUTRALISERS:
            raise unknown("way to neutralise", name, NEUTRALISERS)
    return tuple(name for name in NEUTRALISERS if name in names)


def neutralised(image: Image, names: Iterable[str]) -> Image:
    """Apply neutralisers by name.

    Parameters
    ----------
    image
        At its own size.
    names
        Of `NEUTRALISERS`; they are applied in the order of that table.
    """
    wanted = set(names)
    for name, neutraliser in NEUTRALISERS.items():
        if name in wanted:
            image = neutraliser(image)
    return image


def prepared(image: Image, preprocessing: Preprocessing) -> Image:
    """Bring an image to what a network takes: neutralised, then brought to its size.

    Parameters
    ----------
    image
        At its own size.
    preprocessing
        The network's.
    """
    whole = neutralised(image, preprocessing.neutralise)
    return preprocessing.fit(whole)


def _frame(gray: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Count the first and the last rows that are all of one gray level, each up to a quarter."""
    flat = (gray.max(axis=1) - gray.min(axis=1)) < _FLAT
    most = int(FRAME * len(gray))

    def run(rows: npt.NDArray[np.bool_]) -> int:
        ends = np.flatnonzero(~rows[:most])
        return int(ends[0]) if len(ends) else most

    return run(flat), run(flat[::-1])


def _inner(side: int, start: int, end: int) -> slice:
    more = round(CROP * (side - start - end))
    return slice(start + more, side - end - more)
