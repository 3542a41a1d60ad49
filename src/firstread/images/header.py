"""What a file says of itself before its pixels are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import PIL.Image
from PIL import UnidentifiedImageError

_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I;16N": 16, "I": 32, "F": 32}


@dataclass(frozen=True)
class Header:
    """How the pixels of one file are stored.

    Parameters
    ----------
    format
        As Pillow names it: `PNG`, `JPEG`, ...; the suffix in capitals where Pillow doesn't know.
    mode
        As Pillow names it: `L`, `RGB`, `RGBA`, `P`, `I;16`, ...; empty where it doesn't know.
    bits
        Bits a channel as stored; 0 where that isn't known.
    file_bytes
        Size of the file.
    """

    format: str
    mode: str
    bits: int
    file_bytes: int


def header(path: str | Path) -> Header:
    """Return how a file that exists stores its pixels, without decoding them.

    Examples
    --------
    >>> import PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.png"
    >>> PIL.Image.new("L", (40, 30)).save(file)
    >>> found = header(file)
    >>> found.format, found.mode, found.bits
    ('PNG', 'L', 8)
    """
    path = Path(path)
    file_bytes = path.stat().st_size
    try:
        with PIL.Image.open(path) as picture:
            # Pillow opens 16 bits a channel of colour as 8; only the raw mode still tells.
            raw = ";16" in str([tile[3] for tile in getattr(picture, "tile", [])])
            bits = 16 if raw else _BITS.get(picture.mode, 8)
            return Header(str(picture.format), picture.mode, bits, file_bytes)
    except UnidentifiedImageError:
        return Header(path.suffix.lstrip(".").upper(), "", 0, file_bytes)
