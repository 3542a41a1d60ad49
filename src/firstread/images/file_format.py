"""How a file of any kind is stored, apart from its pixels. Nothing is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from firstread.images.kinds import kind_of
from firstread.images.parts import located

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

# Pillow's mode: channels, bits a channel.
_MODES = {
    "1": (1, 1),
    "L": (1, 8),
    "P": (1, 8),
    "LA": (2, 8),
    "La": (2, 8),
    "PA": (2, 8),
    "I": (1, 32),
    "F": (1, 32),
    "RGB": (3, 8),
    "YCbCr": (3, 8),
    "LAB": (3, 8),
    "HSV": (3, 8),
    "RGBA": (4, 8),
    "RGBX": (4, 8),
    "CMYK": (4, 8),
}
_EXIF_DEVICE = (271, 272, 305)  # Make, model, software.
_OTHER = "other"
_NAMES = {"dicom": "DICOM", "nifti": "NIfTI"}


@dataclass(frozen=True)
class FileFormat:
    """How a file is stored.

    Parameters
    ----------
    size
        Bytes.
    format
        `PNG`, `JPEG`, ..., `DICOM`, `NIfTI`; of others the suffix in capitals, or `other`.
    mode
        Pillow's name for how the pixels are stored: `L`, `RGB`, `P`, `I;16`, ...; may be empty.
    width, height
        In pixels, as stored; 0 where unknown.
    channels, bits
        Channels, and bits in each; 0 where unknown.
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

    size: int
    format: str = _OTHER
    mode: str = ""
    width: int = 0
    height: int = 0
    channels: int = 0
    bits: int = 0
    compression: str = ""
    quality: int = 0
    progressive: bool = False
    fields: tuple[str, ...] = ()
    device: str = ""


def file_format(path: str | Path) -> FileFormat:
    """Read how a file is stored, from its first bytes; an unknown format is no error.

    Raises
    ------
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.jpg"
    >>> PIL.Image.new("L", (40, 30)).save(file, quality=75)
    >>> found = file_format(file)
    >>> found.format, found.mode, found.width, found.height, found.quality
    ('JPEG', 'L', 40, 30, 75)
    """
    path, _ = located(Path(path))
    size = path.stat().st_size
    kind = kind_of(path)
    if kind in _NAMES:  # Pillow would take a DICOM file for the TIFF that its preamble may be.
        return FileFormat(size, _NAMES[kind])
    try:
        with PIL.Image.open(path) as picture:
            return _described(picture, size)
    except (OSError, SyntaxError, ValueError, struct.error, PIL.Image.DecompressionBombError):
        return FileFormat(size, path.suffix.lstrip(".").upper() or _OTHER)


def _described(picture: PIL.Image.Image, size: int) -> FileFormat:
    channels, bits = _MODES.get(picture.mode, (1, 16) if "16" in picture.mode else (0, 0))
    # Pillow opens 16 bits a channel of colour as 8; only the raw mode still tells.
    if ";16" in str([tile[3] for tile in getattr(picture, "tile", [])]):
        bits = 16
    info = {key: value for key, value in picture.info.items() if isinstance(key, str)}
    # Asked of a PNG without it, Pillow decodes the pixels to look behind them.
    exif = picture.getexif() if "exif" in info or picture.format == "TIFF" else {}
    device = " ".join(str(exif[tag]).strip("\0 ") for tag in _EXIF_DEVICE if exif.get(tag))
    return FileFormat(
        size,
        picture.format or _OTHER,
        picture.mode,
        picture.width,
        picture.height,
        channels,
        bits,
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
