"""From the square that a network sees back to the image: where on the film a place is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from firstread.images.image import Image, Preprocessing, overlap
from firstread.images.neutralise import inside

Floats = npt.NDArray[np.float32]


def laid_back(
    values: npt.NDArray[Any], image: Image, preprocessing: Preprocessing, outside: float = 0.0
) -> Floats:
    """Lay a map over a network's square back on the image that the square was made of.

    Undoes what `prepared` does to places: cropping, padding, squashing, or cutting to millimetres.

    Parameters
    ----------
    values
        A map over the whole square, at any resolution, shape (h, w).
    image
        As it was read, before `prepared`.
    preprocessing
        Of the network.
    outside
        The value of what was cut off, and so never seen.

    Returns
    -------
    map
        float32, of the image's height and width.

    Examples
    --------
    >>> film = Image(np.zeros((40, 20), np.uint8))
    >>> laid_back(np.ones((7, 7)), film, Preprocessing(224)).shape
    (40, 20)
    """
    kept = inside(image) if "border" in preprocessing.neutralise else _all(image)
    height, width = (
        len(range(*part.indices(n))) for part, n in zip(kept, image.shape, strict=True)
    )
    square = "size" in preprocessing.neutralise
    padded = (max(height, width),) * 2 if square else (height, width)
    if preprocessing.display.spacing is None:
        whole = scaled(values, padded)
    else:
        size = preprocessing.size
        there, here = zip(*(overlap(side, size) for side in padded), strict=True)
        whole = np.full(padded, outside, np.float32)
        whole[here] = scaled(values, (size, size))[there]
    top, left = (padded[0] - height) // 2, (padded[1] - width) // 2
    result = np.full(image.shape, outside, np.float32)
    result[kept] = whole[top : top + height, left : left + width]
    return result


def scaled(values: npt.NDArray[Any], shape: tuple[int, int]) -> Floats:
    """Return a map at another height and width, bilinear, as float32."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(values, np.float32))
    resized = picture.resize(shape[::-1], PIL.Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)


def _all(image: Image) -> tuple[slice, slice]:
    height, width = image.shape
    return slice(0, height), slice(0, width)
