"""The header of a DICOM file: found, bounded, and asked for single values.

pydicom's own messages may quote values, and values name patients: none of them goes into an
error, a log or a warning.
"""

from __future__ import annotations

import io
import math
import mmap
import re
import zlib
from collections.abc import Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from firstread.errors import ImageError
from firstread.images.raster import REMOVE
from firstread.images.unquoted import unquoted

MAX_INFLATED = 2**30
"""Bytes that a deflated file may unfold to."""

MAPPED = 2**24
"""Bytes from which a file is mapped into memory instead of read."""

NO_SYNTAX = "is in no transfer syntax that firstread knows"

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax of deflated files (PS3.5 A.5)."""

_UNDEFINED = 0xFFFFFFFF
_PIXELS = {
    0x7FE00010: "PixelData",
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
}


@dataclass(frozen=True)
class Header:
    """The elements before the pixels, and where the pixels lie.

    Parameters
    ----------
    dataset
        The elements.
    syntax
        The transfer syntax.
    source
        The file, or what a deflated one unfolds to.
    keyword
        `PixelData`, `FloatPixelData`, `DoubleFloatPixelData`, or empty where there are none.
    vr
        The value representation of the pixels.
    start
        Where their value begins, in bytes.
    length
        Bytes that the file says they take; None where that is left open, as in compressed ones.
    size
        Bytes of the source.
    data
        The whole source, where it is in memory anyway.
    """

    dataset: Dataset
    syntax: UID
    source: BinaryIO
    keyword: str
    vr: str
    start: int
    length: int | None
    size: int
    data: bytes | None


@contextmanager
def opened(path: Path, tags: Sequence[int] | None = None) -> Iterator[Header]:
    """Read the header of a DICOM file, and keep the file open to read pixels from.

    Parameters
    ----------
    path
        The file.
    tags
        The only elements to keep, which takes less time; all if not given.

    Takes no more memory than the header's elements and, for small files, the file. Deflated files
    are unfolded to at most `MAX_INFLATED` bytes.

    Raises
    ------
    ImageError
        If it is missing, empty, damaged, or breaks the standard; whatever else goes wrong while
        it is open becomes one as well.
    """
    try:
        with unquoted(), path.open("rb") as file, _source(path, file) as (source, data):
            yield _header(path, source, data, tags)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(path, "does not exist; check the path") from None
    except OSError as error:
        raise ImageError(path, f"can't be opened ({error.strerror}); {REMOVE}") from None
    except MemoryError:
        raise ImageError(path, f"needs more memory than there is; {REMOVE}") from None
    except Exception as error:
        # Whatever pydicom and its decoders raise: only the kind, since the text may quote values.
        kind = type(error).__name__
        reason = f"is damaged, or breaks the DICOM standard ({kind}); {REMOVE}"
        raise ImageError(path, reason) from None


@contextmanager
def _source(path: Path, file: BinaryIO) -> Iterator[tuple[BinaryIO, bytes | mmap.mmap]]:
    size = path.stat().st_size
    if size == 0:
        raise ImageError(path, f"is empty (0 bytes); {REMOVE}")
    head = file.read(1024)
    file.seek(0)
    if head[128:132] == b"DICM" and DEFLATED in head[132:]:
        data = _inflated(path, file.read())
        yield io.BytesIO(data), data
    elif size < MAPPED:
        data = file.read()
        yield io.BytesIO(data), data
    else:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield cast(BinaryIO, mapped), mapped


def _inflated(path: Path, data: bytes) -> bytes:
    """Unfold a deflated data set (PS3.5 A.5), and name the plain transfer syntax in its meta."""
    end = 144 + int.from_bytes(data[140:144], "little")
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        unfolded = inflater.decompress(data[end:], MAX_INFLATED)
    except zlib.error:
        raise ImageError(path, f"is damaged: it can't be inflated; {REMOVE}") from None
    if inflater.unconsumed_tail:
        limit = f"{MAX_INFLATED // 2**20:,} MiB"
        raise ImageError(path, f"is deflated, and inflates to more than {limit}; {REMOVE}")
    if not inflater.eof:
        raise ImageError(path, f"is cut short: its deflated data doesn't end; {REMOVE}")
    plain = ExplicitVRLittleEndian.encode().ljust(len(DEFLATED), b"\0")
    return data[:end].replace(DEFLATED, plain, 1) + unfolded


def _header(
    path: Path, source: BinaryIO, data: bytes | mmap.mmap, tags: Sequence[int] | None
) -> Header:
    dataset = dcmread(
        source, stop_before_pixels=True, force=True, specific_tags=None if tags is None else [*tags]
    )
    syntax = dataset.file_meta.get("TransferSyntaxUID") or _guessed(dataset)
    if not syntax.is_transfer_syntax:
        stated = syntax if re.fullmatch(r"[0-9.]{1,64}", syntax) else "something else"
        raise ImageError(path, f"{NO_SYNTAX} ({stated}); {REMOVE}")
    start = source.tell()
    order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"

    def number(first: int, count: int) -> int:
        return int.from_bytes(head[first : first + count], order)

    head = source.read(12)
    keyword = _PIXELS.get(number(0, 2) << 16 | number(2, 2), "") if len(head) == 12 else ""
    if syntax.is_implicit_VR:
        vr, length, start = "OW", number(4, 4), start + 8
    else:
        vr, length, start = head[4:6].decode("latin-1"), number(8, 4), start + 12
    stated = None if length == _UNDEFINED else length
    whole = data if isinstance(data, bytes) else None
    return Header(dataset, syntax, source, keyword, vr, start, stated, len(data), whole)


def _guessed(dataset: Dataset) -> UID:
    """Return the syntax that a file without a meta header was read in."""
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def text(dataset: Dataset, keyword: str) -> str:
    """Return the first value of an element as text without spaces around, or nothing."""
    value = _first(dataset.get(keyword))
    return "" if value is None else str(value).strip().strip("\0")


def integer(dataset: Dataset, keyword: str, default: int | None = None) -> int | None:
    """Return the first value of an element as an integer, or the default."""
    value = _first(dataset.get(keyword))
    if value is None or value == "":
        return default
    return int(value)


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return the values of an element that are finite numbers; none where there is none."""
    value = dataset.get(keyword)
    several = value if isinstance(value, MutableSequence) else [value]
    converted = [float(one) for one in several if one is not None and one != ""]
    return [one for one in converted if math.isfinite(one)]


def _first(value: Any) -> Any:
    if isinstance(value, MutableSequence):
        return value[0] if len(value) else None
    return value
