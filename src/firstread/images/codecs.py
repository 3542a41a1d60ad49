"""Compressed frames: which package decodes them, and what they claim before they are decoded.

A codestream has a size of its own, beside the one in the header of the file, and decoders ask for
memory by it. It is read first, so that a damaged or forged one costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import uid
from pydicom.pixels.decoders.base import get_decoder

_JPEG = frozenset(uid.JPEGTransferSyntaxes)
_JPEG_LS = frozenset(uid.JPEGLSTransferSyntaxes)
_JPEG_2000 = frozenset(uid.JPEG2000TransferSyntaxes)


@dataclass(frozen=True)
class Codec:
    """What decodes a transfer syntax.

    Parameters
    ----------
    plugins
        Names of pydicom's plugins for it, the best first.
    package
        What brings the first of them, for `pip install`.
    """

    plugins: tuple[str, ...]
    package: str


# pylibjpeg's JPEG and JPEG-LS codec is under the GPL-3.0. What comes with firstread does without
# it, but for 12 bits of JPEG Extended, which nothing else decodes.
_CODECS = {
    uid.RLELossless: Codec(("pylibjpeg", "pydicom", "gdcm"), "pydicom"),
    **dict.fromkeys(_JPEG, Codec(("gdcm", "pylibjpeg", "pillow"), "python-gdcm")),
    **dict.fromkeys(_JPEG_LS, Codec(("pyjpegls", "gdcm", "pylibjpeg"), "pyjpegls")),
    **dict.fromkeys(
        _JPEG_2000, Codec(("pylibjpeg", "gdcm", "pillow"), "pylibjpeg pylibjpeg-openjpeg")
    ),
}
_TWELVE_BITS = Codec(("pylibjpeg",), "'firstread[jpeg12]'")


def codec(syntax: uid.UID, bits: int) -> Codec:
    """Return what decodes a transfer syntax.

    Parameters
    ----------
    syntax
        A compressed one that pydicom knows.
    bits
        Stored of each sample.
    """
    if syntax == uid.JPEGExtended12Bit and bits > 8:
        return _TWELVE_BITS
    return _CODECS[syntax]


def plugin(syntax: uid.UID, bits: int) -> str | None:
    """Return which of pydicom's plugins decodes a transfer syntax here, or None where none can.

    One is named instead of trying all in turn: on damaged data each takes its time to fail.

    Parameters
    ----------
    syntax, bits
        As of `codec`.
    """
    available = get_decoder(syntax).available_plugins
    return next((name for name in codec(syntax, bits).plugins if name in available), None)


# More of any of these is not met in clinical files, and makes decoders slow or hungry.
MAX_TILES, MAX_LAYERS, MAX_LEVELS = 4096, 64, 16


@dataclass(frozen=True)
class Codestream:
    """What a compressed frame says of itself.

    Parameters
    ----------
    rows, columns, samples
        Its size, and how many values a pixel has.
    excess
        What it has too much of to be decoded safely, in words, or nothing.
    """

    rows: int
    columns: int
    samples: int
    excess: str = ""


def codestream(data: bytes, syntax: str) -> Codestream | None:
    """Read the head of a codestream, or return None where it has none.

    Parameters
    ----------
    data
        One encapsulated frame.
    syntax
        The transfer syntax's UID. RLE has no size of its own, and always gives None.
    """
    return _jpeg_2000(data) if syntax in _JPEG_2000 else _jpeg(data)


def _jpeg(data: bytes) -> Codestream | None:
    """Find the start of frame (ITU-T T.81 B.2.2; T.87 C.2.2 for JPEG-LS)."""
    place = data.find(b"\xff\xd8") + 2
    if place < 2:
        return None
    while place + 10 <= len(data):
        if data[place] != 0xFF:
            place += 1
            continue
        marker = data[place + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):  # The picture begins or ends, and no frame was started.
            return None
        # 0xC0 to 0xCF start a frame, less the tables (DHT, DAC) and JPG; 0xF7 is JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows = int.from_bytes(data[place + 5 : place + 7], "big")
            columns = int.from_bytes(data[place + 7 : place + 9], "big")
            return Codestream(rows, columns, data[place + 9])
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def _jpeg_2000(data: bytes) -> Codestream | None:
    """Read the SIZ and COD segments (ISO/IEC 15444-1 A.5.1 and A.6.1)."""
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(data) < start + 44:
        return None

    def long(place: int) -> int:
        return int.from_bytes(data[start + place : start + place + 4], "big")

    width, height = long(8) - long(16), long(12) - long(20)
    tile_width, tile_height = long(24), long(28)
    if min(width, height, tile_width, tile_height) <= 0:
        return None
    samples = int.from_bytes(data[start + 40 : start + 42], "big")
    tiles = -(-width // tile_width) * -(-height // tile_height)
    return Codestream(height, width, samples, _excess(data, start, tiles))


def _excess(data: bytes, start: int, tiles: int) -> str:
    if tiles > MAX_TILES:
        return f"{tiles:,} tiles"
    place = start + 4 + int.from_bytes(data[start + 4 : start + 6], "big")
    while place + 12 <= len(data) and data[place] == 0xFF and data[place + 1] != 0x90:
        if data[place + 1] == 0x52:
            layers, levels = int.from_bytes(data[place + 6 : place + 8], "big"), data[place + 9]
            if layers > MAX_LAYERS:
                return f"{layers:,} layers"
            return f"{levels} decompositions" if levels > MAX_LEVELS else ""
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return ""
