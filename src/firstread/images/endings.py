"""Where an image ends in its file: what comes behind it is something else.

A file may be an image to one program and an archive, a page or a program to another. Decoders never
look behind an image's end, and so never notice.
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from firstread.errors import ImageError
from firstread.images.headers import Header, opened
from firstread.images.kinds import kind_of

_PADDING = b"\0\xff\r\n "
"""What cameras, scanners and mail programs fill a file up with."""

_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd8])")
"""A JPEG's markers (ITU-T T.81 B.1.1), but those within coded pixels or without a segment."""

_ZIP_END, _ZIP_END_SIZE, _ZIP_NOTE = b"PK\x05\x06", 22, 2**16 - 1
_NO_IMAGE = (
    *(b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
    *(b"%PDF", b"%!PS", b"<", b"{\\rtf", b"PK", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b"),
)
"""What programs, documents and archives begin with."""


def besides(path: Path) -> str:
    """Say what a file holds besides its image; empty where it is an image and nothing else.

    Padding isn't counted, and neither is what a format has a place for: comments, profiles,
    thumbnails, private elements. Where a TIFF ends can't be told, nor where compressed files do:
    of them only archives are found, which are read from their end.

    Parameters
    ----------
    path
        An image file.

    Examples
    --------
    >>> import PIL.Image, tempfile
    >>> file = Path(tempfile.mkdtemp()) / "film.png"
    >>> PIL.Image.new("L", (40, 30)).save(file)
    >>> besides(file)
    ''
    >>> _ = file.write_bytes(file.read_bytes() + b"<script>")
    >>> besides(file)
    'has 8 bytes behind its image'
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(132)
        if _ends_as_zip(file, size):
            return "is a zip archive as well"
        # PS3.10 7.1 leaves the preamble to other formats of the same image, as TIFF.
        if head[128:] == b"DICM" and head.startswith(_NO_IMAGE):
            return "begins as a file of another kind"
        try:
            end = _end(path, file, size, head)
        except (ImageError, ValueError, IndexError):
            return ""  # What is wrong with it is named when it is read.
        if not 0 < end < size:
            return ""
        file.seek(end)
        rest = len(file.read().strip(_PADDING))
    return f"has {rest:,} bytes behind its image" if rest else ""


def _ends_as_zip(file: BinaryIO, size: int) -> bool:
    """Whether a list of contents ends the file, but for a note (APPNOTE.TXT 4.3.16)."""
    file.seek(max(0, size - _ZIP_END_SIZE - _ZIP_NOTE))
    tail = file.read()
    place = tail.rfind(_ZIP_END)
    note = tail[place + _ZIP_END_SIZE - 2 : place + _ZIP_END_SIZE]
    stated = int.from_bytes(note, "little")
    return place >= 0 and len(note) == 2 and len(tail) - place - _ZIP_END_SIZE >= stated


def _end(path: Path, file: BinaryIO, size: int, head: bytes) -> int:
    """Return how many bytes the image takes; 0 where that can't be told."""
    kind = kind_of(path)
    if kind == "dicom":
        with opened(path) as header:
            # A place in what a deflated file unfolds to says nothing of the file.
            return _dicom_end(header) if header.size == size else 0
    if kind == "nifti":
        return _nifti_end(file, head)
    for start, found in _ENDS.items():
        if head.startswith(start):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return found(data, size)
    return 0


def _png_end(data: mmap.mmap, size: int) -> int:
    """Walk from chunk to chunk up to IEND (PNG, third edition, 5.3)."""
    place = 8
    while place + 8 <= size:
        length, name = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        place += 12 + length
        if name == b"IEND":
            return place
    return 0


def _jpeg_end(data: mmap.mmap, size: int) -> int:
    """Walk from segment to segment up to EOI (ITU-T T.81 B.2)."""
    place = 2
    while found := _MARKER.search(data, place):
        place = found.end()
        if found[1] == b"\xd9":
            return place
        place += int.from_bytes(data[place : place + 2])
    return 0


def _bmp_end(data: mmap.mmap, size: int) -> int:
    """Return where the rows end, or the colour profile (BITMAPV5HEADER) behind them."""

    def number(place: int, count: int) -> int:
        return int.from_bytes(data[place : place + count], "little")

    first, header = number(10, 4), number(14, 4)
    if header < 40:  # OS/2's, which knows no compression.
        width, height, bits, packed = number(18, 2), number(20, 2), number(24, 2), 0
    else:
        width, bits, packed = number(18, 4), number(28, 2), number(30, 4)
        height = abs(int.from_bytes(data[22:26], "little", signed=True))
    plain = packed in (0, 3, 6)
    rows = (width * bits + 31) // 32 * 4 * height if plain else number(34, 4)
    profile = 14 + number(126, 4) + number(130, 4) if header >= 124 and number(130, 4) else 0
    return max(first + rows, profile)


def _nifti_end(file: BinaryIO, head: bytes) -> int:
    if head.startswith(b"\x1f\x8b"):
        return 0
    file.seek(0)
    kind = Nifti2Header if b"\x02\x1c" in (head[:2][::-1], head[2:4]) else Nifti1Header
    header = kind.from_fileobj(file, check=False)
    values = math.prod(map(int, header.get_data_shape()))
    return int(header.get_data_offset()) + values * int(header.get_data_dtype().itemsize)


def _dicom_end(header: Header) -> int:
    """Return where the pixels end, or everything, where they are followed as PS3.10 7.2 allows."""
    if not header.keyword:
        return 0
    order: Literal["little", "big"] = "little" if header.syntax.is_little_endian else "big"
    source, place = header.source, header.start

    def number(first: int, count: int) -> int:
        source.seek(first)
        return int.from_bytes(source.read(count), order)

    if header.length is None:
        while (number(place, 2), number(place + 2, 2)) == _ITEM:
            place += 8 + number(place + 4, 4)
        place += 8  # The sequence's delimiter (PS3.5 A.4).
    else:
        place += header.length
    follows = (number(place, 2), number(place + 2, 2)) in _FOLLOWING
    return header.size if follows else place


_ITEM = (0xFFFE, 0xE000)
_FOLLOWING = {(0xFFFA, 0xFFFA), (0xFFFC, 0xFFFC)}
"""Digital signatures, and trailing padding."""

_ENDS: dict[bytes, Callable[[mmap.mmap, int], int]] = {
    b"\x89PNG": _png_end,
    b"\xff\xd8": _jpeg_end,
    b"BM": _bmp_end,
}
