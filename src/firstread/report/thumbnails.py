"""Small pictures of images, inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image

from firstread.errors import ImageError
from firstread.images import Display, Image, read
from firstread.report.privacy import last

MOST = 40
"""Pictures in one page."""
SIDE = 220
"""Pixels of the longer side: twice what the page shows, for sharp screens and for paper."""


@dataclass(frozen=True)
class Thumbnail:
    """A picture with its file's name.

    Parameters
    ----------
    name
        Of the file, without its folders.
    note
        What is known of it.
    src
        A data URI; empty where the file can't be read any more.
    width, height
        Pixels.
    """

    name: str
    note: str
    src: str
    width: int
    height: int


@dataclass
class Album:
    """Makes thumbnails, up to `MOST` of them.

    Parameters
    ----------
    display
        The window that images are shown through.
    notes
        What is known of each file, by its path.
    """

    display: Display
    notes: Mapping[str, str]
    left: int = MOST
    missing: int = field(default=0, init=False)

    def thumbnail(self, path: str) -> Thumbnail | None:
        """Return an image's picture, or None where the page has enough of them."""
        if self.left <= 0:
            return None
        name, note = last(path), self.notes.get(path, "")
        try:
            picture = _small(read(path, self.display))
        except ImageError:
            self.missing += 1
            return Thumbnail(name, note, "", SIDE, SIDE)
        self.left -= 1
        return Thumbnail(name, note, encoded(picture), *picture.size)


def encoded(picture: PIL.Image.Image) -> str:
    """Return a picture as a data URI of a JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82, optimize=True)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as a data URI.

    Examples
    --------
    >>> data_uri(b"hi", "text/plain")
    'data:text/plain;base64,aGk='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _small(image: Image) -> PIL.Image.Image:
    pixels: Any = np.rint(255 * image.as_float()).astype(np.uint8)
    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
    return picture
