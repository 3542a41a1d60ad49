"""One pass over the image files: each is decoded once, and a small record of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import PIL.Image

from firstread.auditing.traces import Trace, gray_of, trace
from firstread.errors import KILLS, ImageError
from firstread.images import Image, file_format, read
from firstread.progress import Step
from firstread.spreading import Each, in_threads

THUMBNAIL = 64
"""Side of the square that a thumbnail is squashed to, in pixels."""

_Thumbnails = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Glance:
    """What one look at an image file leaves behind: some 9 kB, whatever the image's size.

    Parameters
    ----------
    path
        The file.
    error
        Why it can't be read; empty where it can. The fields below then say nothing.
    format, mode, bits, file_bytes
        As of `images.FileFormat`.
    width, height
        In pixels, as displayed.
    gray
        Whether all channels are equal, however many are stored.
    coloured
        Share of the pixels whose channels differ by more than 16 of 255, in [0, 1].
    digest
        Of the decoded pixels: equal for equal pictures in whatever format.
    mean, std
        Of the gray levels, in [0, 1].
    low, high
        The 1st and 99th percentile of the gray levels, in [0, 1].
    commonest
        Share of the pixels that have the commonest of 256 gray levels, in [0, 1].
    thumbnail
        uint8, shape (64, 64): the whole image as gray, squashed, each pixel a mean.
    trace
        What can be read of the file apart from its anatomy.
    """

    path: str
    error: str = ""
    format: str = ""
    mode: str = ""
    bits: int = 0
    file_bytes: int = 0
    width: int = 0
    height: int = 0
    gray: bool = True
    coloured: float = 0.0
    digest: str = ""
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    high: float = 0.0
    commonest: float = 0.0
    thumbnail: _Thumbnails | None = None
    trace: Trace | None = None


FIELDS = tuple(name for name in Glance.__dataclass_fields__ if name not in ("thumbnail", "trace"))


@dataclass(frozen=True)
class Survey:
    """The glances at all images of a data set; what every finder looks at.

    Parameters
    ----------
    table
        One row an image, in the order of the data set's cases: the fields of `Glance` but the
        thumbnail and the trace.
    thumbnails
        uint8, shape (n, 64, 64); zeros where an image can't be read.
    traces
        Of the images that can be read, in order.
    """

    table: pd.DataFrame
    thumbnails: _Thumbnails
    traces: tuple[Trace, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def readable(self) -> npt.NDArray[np.bool_]:
        """Which images could be read, shape (n,)."""
        return (self.table["error"] == "").to_numpy(dtype=bool)


def glance(path: str | Path) -> Glance:
    """Decode one image file and return what is kept of it; a file that can't be read is told.

    Examples
    --------
    >>> glance("nowhere.png").error
    'does not exist; check the path'
    """
    try:
        image = read(path)
        stored = file_format(path)
    except ImageError as error:
        return Glance(str(path), error.reason)
    height, width = image.shape
    plane = gray_of(image)
    picture = PIL.Image.fromarray(plane)
    counts = np.array(picture.histogram(), dtype=np.int64)
    levels = np.arange(256) / 255
    share = counts / counts.sum()
    mean = float(share @ levels)
    low, high = np.searchsorted(share.cumsum(), (0.01, 0.99)) / 255
    small = picture.resize((THUMBNAIL, THUMBNAIL), PIL.Image.Resampling.BOX)
    return Glance(
        str(path),
        "",
        stored.format,
        stored.mode,
        stored.bits,
        stored.size,
        width,
        height,
        image.gray,
        _coloured(image),
        _digest(image),
        mean,
        float(np.sqrt(share @ (levels - mean) ** 2)),
        float(low),
        float(high),
        float(share.max()),
        np.asarray(small),
        trace(Path(path), image, stored),
    )


def surveying(paths: Sequence[Path], each: Each = in_threads) -> Iterator[Step | Survey]:
    """Look at every file once; yield the steps, and the survey at the end.

    Parameters
    ----------
    paths
        Image files, in the order of the data set's cases.
    each
        Who looks: one thread a core, or a cluster.
    """
    rows: list[tuple[object, ...]] = []
    traces: list[Trace] = []
    thumbnails = np.zeros((len(paths), THUMBNAIL, THUMBNAIL), np.uint8)
    for place, seen in enumerate(each(glance, paths, _lost)):
        rows.append(tuple(getattr(seen, name) for name in FIELDS))
        if seen.thumbnail is not None:
            thumbnails[place] = seen.thumbnail
        if seen.trace is not None:
            traces.append(seen.trace)
        yield Step("looking at images", place + 1, len(paths))
    yield Survey(pd.DataFrame(rows, columns=list(FIELDS)), thumbnails, tuple(traces))


def _lost(path: Path) -> Glance:
    return Glance(str(path), KILLS)


def _coloured(image: Image) -> float:
    """Return the share of pixels that are visibly no gray; what JPEG does to gray isn't."""
    if image.gray:
        return 0.0
    red, green, blue = np.moveaxis(image.pixels, -1, 0)
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return float((spread > np.iinfo(spread.dtype).max // 16).mean())


def _digest(image: Image) -> str:
    """Return a digest of what is displayed: the shape, the depth and every pixel."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{image.pixels.shape} {image.pixels.dtype}".encode())
    digest.update(np.ascontiguousarray(image.pixels).data)
    return digest.hexdigest()
