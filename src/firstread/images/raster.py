"""PNG, JPEG, TIFF and BMP files to pixels, with Pillow."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps
from PIL import UnidentifiedImageError

from firstread.errors import ImageError
from firstread.images.image import Image, Pixels, gray_where_equal

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".bmp"})
MIN_SIDE = 16
MAX_SIDE = 8000

REMOVE = "remove it, or pass --skip-unreadable"
# What Pillow's decoders raise on damaged files, gathered from its plug-ins.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF",
    b"GIF8": "a GIF",
    b"\x1f\x8b": "a gzip file",
    b"<": "XML or HTML text",
}


def read(path: str | Path) -> Image:
    """Read one image file as it should be displayed.

    EXIF rotation is applied; palettes and CMYK become RGB; transparency is laid over black; an
    RGB image whose channels are all equal becomes gray. Integers of more than 8 bits and floats
    are scaled from their own minimum and maximum to the range of uint16, never clipped.

    Parameters
    ----------
    path
        A PNG, JPEG, TIFF or BMP file of 16 to 8,000 pixels a side.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, not an image, of several pages, out of the size
        limits, or holds values that are not numbers.

    Examples
    --------
    >>> import numpy, PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.png"
    >>> PIL.Image.fromarray(numpy.full((40, 30), 128, numpy.uint8)).save(file)
    >>> read(file).shape
    (40, 30)
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise ImageError(path, f"is empty (0 bytes); {REMOVE}")
        with PIL.Image.open(path, formats=FORMATS) as picture:
            _check_header(path, picture)
            upright = PIL.ImageOps.exif_transpose(picture)
            pixels = _displayed(upright)
    except FileNotFoundError:
        raise ImageError(path, "does not exist; check the path") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ImageError(path, f"can't be opened ({error.strerror}); {REMOVE}") from None
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise ImageError(path, _size_reason("more than 89 million pixels")) from None
    except UnidentifiedImageError:
        raise ImageError(path, f"is not an image ({_what_it_is(path)}); {REMOVE}") from None
    except _DAMAGE as error:
        raise ImageError(path, f"is damaged or cut short ({error}); {REMOVE}") from None
    except _NotNumbersError as error:
        raise ImageError(path, f"holds {error} values that are not numbers; {REMOVE}") from None
    return Image(pixels)


class _NotNumbersError(Exception):
    """Carries the count of NaN and infinite pixels up to where the path is known."""


def _check_header(path: Path, picture: PIL.Image.Image) -> None:
    """Refuse what must not be decoded, from the header alone, so that a bomb costs nothing."""
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in picture.size):
        raise ImageError(path, _size_reason(f"{picture.width} x {picture.height} px"))
    pages = getattr(picture, "n_frames", 1)
    if pages > 1:
        raise ImageError(path, f"has {pages} pages; save the one you mean as a file of its own")


def _size_reason(found: str) -> str:
    return f"is {found}; firstread takes {MIN_SIDE} to {MAX_SIDE:,} px a side; {REMOVE}"


def _displayed(picture: PIL.Image.Image) -> Pixels:
    """Return gray (H, W) or colour (H, W, 3) pixels over the full range of their type."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _stretched(np.asarray(picture))
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = PIL.Image.alpha_composite(PIL.Image.new("RGBA", rgba.size, "black"), rgba)
    return gray_where_equal(np.asarray(picture.convert("RGB")))


def _stretched(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint16]:
    """Scale from the image's own minimum and maximum to 0 to 65,535; a constant becomes 0."""
    floats = values.astype(np.float64)
    broken = np.count_nonzero(~np.isfinite(floats))
    if broken:
        raise _NotNumbersError(broken)
    low, high = floats.min(), floats.max()
    span = high - low if high > low else 1.0
    stretched: npt.NDArray[np.uint16] = np.rint((floats - low) / span * 65535).astype(np.uint16)
    return stretched


def _what_it_is(path: Path) -> str:
    """Say in words what a file that is not an image holds, from its first bytes."""
    with path.open("rb") as file:
        start = file.read(256)
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return f"it is {name}"
    try:
        start.decode("utf-8")
    except UnicodeDecodeError:
        return "its first bytes belong to no format that firstread reads"
    return "its first bytes are text"
