"""NIfTI volumes to slices, in canonical orientation."""

from __future__ import annotations

import gzip
import io
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.arrayproxy import ArrayProxy
from nibabel.nifti1 import Nifti1Header
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import SpatialImage

from firstread.errors import ImageError
from firstread.images import windows
from firstread.images.display import FULL, PERCENTILE, Display
from firstread.images.image import Image
from firstread.images.raster import MAX_SIDE, MIN_SIDE, REMOVE
from firstread.images.windows import VOI, Pipeline, Range, Rescale, Window

MAX_VOLUME = 2**29
"""Bytes of a volume's stored values: 512 x 512 x 1,024 of 16 bits. Two volumes are kept."""

MAX_VALUE = 1e10
"""Greater ones are no measurements: a mark for "missing", or damage."""

MAX_SLICES = 4096
PERCENTILES = (0.01, 0.99)

_HEADER_END = 2**24
_SAMPLE = 2**20
_TAIL = 2**16
_lock = threading.Lock()


@dataclass(frozen=True)
class Volume:
    """A volume with its axes from left to right, back to front, feet to head.

    Parameters
    ----------
    stored
        Values as they are stored, shape (X, Y, Z).
    rescale
        To the units of the volume.
    spacing
        Millimetres from one voxel to the next along X, Y and Z.
    calibrated
        The range to show that the file names (`cal_min` and `cal_max`), or None.
    ends
        The least and the greatest value.
    sample
        Values spread over the volume, to take quantiles of; sorted.
    """

    stored: npt.NDArray[np.generic]
    rescale: Rescale
    spacing: tuple[float, float, float]
    calibrated: tuple[float, float] | None
    ends: tuple[float, float]
    sample: npt.NDArray[np.float64]


def read(path: Path, display: Display, number: int | None = None) -> Image:
    """Read one axial slice: the patient's right on the left, the front above.

    All slices of a volume are seen through one window. Takes memory for the stored values of the
    volume, at most `MAX_VOLUME` bytes, and of the one before it.

    Parameters
    ----------
    path
        A NIfTI-1 or NIfTI-2 file, compressed with gzip or not.
    display
        `first` is the range that the file names, else from the least to the greatest value in
        the volume; `full` is the latter; `percentile` counts over the volume.
    number
        The slice, from 1 at the feet; may be left out where there is one.

    Raises
    ------
    ImageError
        If the file can't be read, is too large, has several volumes, holds values that are no
        numbers or too great, or has no such slice or window.
    """
    found = volume(path)
    stored, pipeline = plane(path, found, number, display)
    pixels = windows.quantised(pipeline.gray(stored), deep=True)
    return Image(pixels, (found.spacing[1], found.spacing[0]))


def volume(path: Path) -> Volume:
    """Read a whole volume, or return it again where it was one of the last two.

    Raises
    ------
    ImageError
        As of `read`.
    """
    file = path.stat()
    with _lock:  # Threads that want slices of one volume wait for it and don't all read it.
        return _volume(path, file.st_mtime_ns, file.st_size)


def forget_volumes() -> None:
    """Let go of the volumes that are kept, where they are not to outlive their files."""
    with _lock:
        _volume.cache_clear()


def plane(
    path: Path, found: Volume, number: int | None, display: Display
) -> tuple[npt.NDArray[Any], Pipeline]:
    """Return a slice's stored values as they are seen, shape (Y, X), and what is done to them.

    Raises
    ------
    ImageError
        If there is no such slice or window.
    """
    count = found.stored.shape[2]
    if number is None and count > 1:
        example = f"{path.name}#slice={(count + 1) // 2}"
        raise ImageError(path, f"has {count} slices; name one of them, as {example}")
    number = number or 1
    if number > count:
        raise ImageError(path, f"has no slice {number}; it has {count}")
    stored = np.ascontiguousarray(found.stored[::-1, ::-1, number - 1].T)
    return stored, Pipeline(found.rescale, _voi(path, found, display))


def slices(path: Path) -> int:
    """Return how many axial slices a volume has, from its header.

    Raises
    ------
    ImageError
        If the header is damaged, or the volume is one that `read` refuses by its header.
    """
    with _opened(path) as image:
        axes = io_orientation(image.affine)[:, 0]
        return int(_shape(path, image)[int(np.flatnonzero(axes == 2)[0])])


def _voi(path: Path, volume: Volume, display: Display) -> VOI:
    if display.typed is not None:
        return Window(*display.typed, windows.LINEAR_EXACT)
    if display.window == PERCENTILE:
        low, high = np.quantile(volume.sample, PERCENTILES)
        return Range(float(low), float(high))
    if display.window in windows.CT_WINDOWS:
        return Window(*windows.CT_WINDOWS[display.window], windows.LINEAR_EXACT)
    if display.window not in ("first", FULL):
        names = ", ".join(sorted(windows.CT_WINDOWS))
        ways = f"choose first, full, percentile, centre and width as 40,400, or for CT {names}"
        raise ImageError(path, f"has no window named {display.window!r}; {ways}")
    named = volume.calibrated if display.window == "first" else None
    return Range(*(named or volume.ends))


@lru_cache(maxsize=2)
def _volume(path: Path, changed: int, size: int) -> Volume:
    """Read a volume; the time of its last change and its size tell it from its former selves."""
    with _opened(path) as image:
        _shape(path, image)
        stored = np.asanyarray(cast(ArrayProxy, image.dataobj).get_unscaled())
        stored = stored.reshape(stored.shape[:3] + (1,) * (3 - stored.ndim))
        orientation = io_orientation(image.affine)
        canonical = apply_orientation(stored, orientation)
        header = cast(Nifti1Header, image.header)
        steps = np.abs(np.array(header.get_zooms()[:3], float))
        order = np.argsort(orientation[:, 0])
        x, y, z = (float(step) if step > 0 else 1.0 for step in steps[order])
        proxy = cast(ArrayProxy, image.dataobj)
        rescale = Rescale(float(proxy.slope), float(proxy.inter))
        low, high = (float(header[name]) for name in ("cal_min", "cal_max"))
        named = (low, high) if np.isfinite([low, high]).all() and low < high else None
    ends = _ends(path, canonical, rescale)
    flat = stored.reshape(-1, order="A")
    sample = rescale.look_up(flat[:: max(1, flat.size // _SAMPLE)].astype(np.float64))
    return Volume(canonical, rescale, (x, y, z), named, ends, np.sort(sample))


def _ends(path: Path, stored: npt.NDArray[np.generic], rescale: Rescale) -> tuple[float, float]:
    """Return the least and greatest value, slice by slice; refuse what are no numbers."""
    broken, lows, highs = 0, [], []
    for z in range(stored.shape[2]):
        values = rescale.look_up(stored[..., z].astype(np.float64))
        finite = values[np.isfinite(values)]
        broken += values.size - finite.size
        if finite.size:
            lows.append(finite.min())
            highs.append(finite.max())
    if broken:
        reason = f"holds {broken:,} values that are not numbers; replace them (numpy.nan_to_num)"
        raise ImageError(path, f"{reason}, or pass --skip-unreadable")
    low, high = float(min(lows)), float(max(highs))
    if max(abs(low), abs(high)) > MAX_VALUE:
        reason = f"holds values from {low:.3g} to {high:.3g}, which nothing measures"
        raise ImageError(path, f"{reason}; replace them, or pass --skip-unreadable")
    return low, high


def _shape(path: Path, image: SpatialImage) -> tuple[int, ...]:
    """Return the three sides; refuse what must not be read, from the header alone."""
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        sides = " x ".join(map(str, shape))
        raise ImageError(
            path, f"is of {len(shape)} dimensions ({sides}); save one volume as a file"
        )
    if len(shape) < 2 or min(shape) < 1:
        raise ImageError(path, f"has no slices (its sides are {shape}); {REMOVE}")
    dtype = image.get_data_dtype()
    if dtype.names or dtype.kind not in "uif":
        raise ImageError(path, f"holds {dtype.name} values; firstread reads gray ones; {REMOVE}")
    size = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
    if size > MAX_VOLUME:
        taken = f"takes {size / 2**20:,.0f} MiB; firstread reads up to {MAX_VOLUME // 2**20}"
        raise ImageError(path, f"{taken}; save it in smaller parts, or as 16-bit integers")
    shape = (*shape, 1)[:3]
    axes = io_orientation(image.affine)[:, 0]
    if not np.isfinite(axes).all():
        raise ImageError(path, f"says nothing usable of its orientation; {REMOVE}")
    x, y, z = (shape[int(np.flatnonzero(axes == axis)[0])] for axis in range(3))
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (x, y)) or z > MAX_SLICES:
        limits = f"{MIN_SIDE} to {MAX_SIDE:,} px a side and up to {MAX_SLICES:,} slices"
        raise ImageError(path, f"is {x} x {y} px in {z} slices; firstread takes {limits}")
    return shape


@contextmanager
def _opened(path: Path) -> Iterator[SpatialImage]:
    """Open a NIfTI file by its content; whatever goes wrong meanwhile is an `ImageError`."""
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start[:2] == b"\x1f\x8b":
                with gzip.open(raw) as unpacked:
                    yield _image(path, cast(BinaryIO, unpacked))
                    unpacked.read(_TAIL)  # The checksum is compared where the end is met.
            else:
                yield _image(path, raw)
    except ImageError:
        raise
    except EOFError:
        raise ImageError(path, f"is cut short; {REMOVE}") from None
    except (gzip.BadGzipFile, zlib.error):
        raise ImageError(path, f"is damaged: it can't be unpacked; {REMOVE}") from None
    except OSError as error:
        # nibabel says with an OSError, and without a number, that bytes are missing.
        reason = f"can't be opened ({error.strerror})" if error.errno else "is cut short"
        raise ImageError(path, f"{reason}; {REMOVE}") from None
    except MemoryError:
        raise ImageError(path, f"needs more memory than there is; {REMOVE}") from None
    except Exception as error:
        kind = type(error).__name__
        reason = f"is damaged, or breaks the NIfTI standard ({kind})"
        raise ImageError(path, f"{reason}; {REMOVE}") from None


def _image(path: Path, stream: BinaryIO) -> SpatialImage:
    head = stream.read(348)
    stream.seek(0)
    if head[344:347] == b"ni1" or head[4:7] == b"ni2":
        raise ImageError(path, "is one half of a .hdr and .img pair; save it as one .nii file")
    newer = 540 in (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    image = (nibabel.Nifti2Image if newer else nibabel.Nifti1Image).from_stream(
        cast(io.IOBase, stream)
    )
    if not 0 <= int(image.header["vox_offset"]) <= _HEADER_END:
        raise ImageError(path, f"is damaged: its values don't begin behind its header; {REMOVE}")
    return image
