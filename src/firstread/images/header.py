"""What a file says of itself, apart from its pixels. Nothing is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

# ITU-T T.81 (JPEG), annex K.1, table K.1: the luminance table that encoders scale by quality.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()
_QUALITIES = np.arange(1, 101)
_SCALES = np.where(_QUALITIES < 50, 5000 // _QUALITIES, 200 - 2 * _QUALITIES)
_TABLES = np.clip((_LUMINANCE * _SCALES[:, None] + 50) // 100, 1, 255)

_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I;16N": 16, "I": 32, "F": 32}
_EXIF_DEVICE = (271, 272, 305)  # Make, model, software.


@dataclass(frozen=True)
class Header:
    """What a file says of itself, and how it stores its pixels.

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
    channels
        As stored; 0 where that isn't known.
    compression
        As a TIFF names it; empty elsewhere.
    quality
        Of a JPEG, from 1 to 100: the one whose luminance table is nearest by the Independent
        JPEG Group's scaling; 0 elsewhere.
    progressive
        Whether a JPEG or PNG is stored in several passes.
    fields
        Names of what else the header holds (resolution, colour profile, ...), sorted.
    device
        Make, model and software that EXIF names; may be empty.
    """

    format: str
    mode: str
    bits: int
    file_bytes: int
    channels: int = 0
    compression: str = ""
    quality: int = 0
    progressive: bool = False
    fields: tuple[str, ...] = ()
    device: str = ""


def header(path: str | Path) -> Header:
    """Read the header of a file, whatever its format; one that is unknown is no error.

    Raises
    ------
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.jpg"
    >>> PIL.Image.new("L", (40, 30)).save(file, quality=75)
    >>> found = header(file)
    >>> found.format, found.mode, found.bits, found.quality
    ('JPEG', 'L', 8, 75)
    """
    path = Path(path)
    file_bytes = path.stat().st_size
    try:
        with PIL.Image.open(path) as picture:
            return _described(picture, file_bytes)
    except (OSError, SyntaxError, ValueError, struct.error, PIL.Image.DecompressionBombError):
        return Header(path.suffix.lstrip(".").upper(), "", 0, file_bytes)


def _described(picture: PIL.Image.Image, file_bytes: int) -> Header:
    info = {key: value for key, value in picture.info.items() if isinstance(key, str)}
    # Pillow opens 16 bits a channel of colour as 8; only the raw mode still tells.
    deep = ";16" in str([tile[3] for tile in getattr(picture, "tile", [])])
    # Asked of a PNG without it, Pillow decodes the pixels to look behind them.
    exif = picture.getexif() if "exif" in info or picture.format == "TIFF" else {}
    device = " ".join(str(exif[tag]).strip("\0 ") for tag in _EXIF_DEVICE if exif.get(tag))
    return Header(
        str(picture.format),
        picture.mode,
        16 if deep else _BITS.get(picture.mode, 8),
        file_bytes,
        len(picture.getbands()),
        str(info.get("compression", "")),
        jpeg_quality(getattr(picture, "quantization", None)),
        bool(info.get("progressive") or info.get("interlace")),
        tuple(sorted(set(info) - {"compression", "progressive", "interlace"})),
        device,
    )


def jpeg_quality(tables: dict[int, list[int]] | None) -> int:
    """Return the quality, from 1 to 100, whose luminance table is nearest; 0 without a table.

    Parameters
    ----------
    tables
        Quantisation tables by number, 64 values each, as Pillow gives them.
    """
    if not tables:
        return 0
    first = np.asarray(tables[min(tables)])
    return int(_QUALITIES[np.abs(_TABLES - first).sum(axis=1).argmin()])
