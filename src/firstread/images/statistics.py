"""What can be said of an image without understanding it: its size, format and gray levels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstread.images.reading import read

_DARK, _BRIGHT = 0.02, 0.98


@dataclass(frozen=True)
class Statistics:
    """Simple measurements of one image file.

    Parameters
    ----------
    path
        The file.
    format
        By its suffix: `png`, `jpeg`, ...
    channels
        1 for gray, 3 for colour.
    bits
        Of a channel: 8 or 16.
    width, height
        In pixels.
    mean, contrast
        Mean and standard deviation of the gray levels, from 0 to 1.
    dark, bright
        Share of pixels that are nearly black or nearly white.
    """

    path: str
    format: str
    channels: int
    bits: int
    width: int
    height: int
    mean: float
    contrast: float
    dark: float
    bright: float


def statistics(path: str | Path) -> Statistics:
    """Measure one image file.

    Raises
    ------
    ImageError
        As of `read`.

    Examples
    --------
    >>> import numpy, PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.png"
    >>> PIL.Image.fromarray(numpy.full((40, 30), 255, numpy.uint8)).save(file)
    >>> measured = statistics(file)
    >>> measured.width, measured.mean, measured.bright
    (30, 1.0, 1.0)
    """
    image = read(path)
    levels = image.as_float()
    suffix = Path(path).suffix.lower().lstrip(".")
    height, width = image.shape
    return Statistics(
        str(path),
        {"jpg": "jpeg", "jfif": "jpeg", "tif": "tiff"}.get(suffix, suffix),
        1 if image.gray else 3,
        8 * image.pixels.dtype.itemsize,
        width,
        height,
        float(levels.mean(dtype=np.float64)),
        float(levels.std(dtype=np.float64)),
        float((levels <= _DARK).mean()),
        float((levels >= _BRIGHT).mean()),
    )
