from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.images import header


@pytest.mark.parametrize(
    ("name", "dtype", "mode", "found"),
    [
        ("a.png", np.uint8, None, ("PNG", "L", 8)),
        ("a.jpg", np.uint8, "RGB", ("JPEG", "RGB", 8)),
        ("a.png", np.uint8, "P", ("PNG", "P", 8)),
        ("a.png", np.uint8, "1", ("PNG", "1", 1)),
        ("a.tif", np.uint16, None, ("TIFF", "I;16", 16)),
        ("a.tif", np.float32, None, ("TIFF", "F", 32)),
        ("a.bmp", np.uint8, None, ("BMP", "L", 8)),
    ],
)
def test_how_pixels_are_stored(
    tmp_path: Path, name: str, dtype: type, mode: str | None, found: tuple[str, str, int]
) -> None:
    picture = PIL.Image.fromarray(np.arange(400, dtype=dtype).reshape(20, 20))
    (picture.convert(mode) if mode else picture).save(tmp_path / name)
    head = header(tmp_path / name)
    assert (head.format, head.mode, head.bits) == found
    assert head.file_bytes == (tmp_path / name).stat().st_size


def test_sixteen_bits_of_colour_are_told_though_pillow_opens_eight(tmp_path: Path) -> None:
    # A PNG's 25th byte is its bit depth, its 26th the colour type: 2 is RGB (PNG 3rd ed., 11.2.1).
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(16 * 6)) * 16)
    file = tmp_path / "deep.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    assert header(file).bits == 16


def test_a_file_that_pillow_does_not_know_goes_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    head = header(tmp_path / "a.dcm")
    assert (head.format, head.mode, head.bits) == ("DCM", "", 0)
