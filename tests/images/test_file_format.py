"""Headers: formats, depths, and the quality that JPEG files were written at."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.images import FileFormat, file_format


@pytest.fixture
def film() -> PIL.Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    return PIL.Image.fromarray(noise)


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_the_one_it_was_written_at(
    tmp_path: Path, film: PIL.Image.Image, quality: int
) -> None:
    film.save(tmp_path / "film.jpg", quality=quality)
    assert file_format(tmp_path / "film.jpg").quality == quality


def test_what_a_file_says_of_itself(tmp_path: Path, film: PIL.Image.Image) -> None:
    film.save(tmp_path / "a.tif", compression="tiff_lzw", dpi=(300, 300))
    film.convert("L").save(tmp_path / "b.jpg", progressive=True)
    deep = np.asarray(film.convert("L")).astype(np.uint16) * 256
    PIL.Image.fromarray(deep).save(tmp_path / "c.png")
    tiff, jpeg, png = (file_format(tmp_path / name) for name in ("a.tif", "b.jpg", "c.png"))
    assert (tiff.format, tiff.mode, tiff.channels, tiff.bits) == ("TIFF", "RGB", 3, 8)
    assert (tiff.width, tiff.height, tiff.compression) == (30, 40, "tiff_lzw")
    assert "dpi" in tiff.fields
    assert (jpeg.format, jpeg.channels, jpeg.progressive) == ("JPEG", 1, True)
    assert (png.format, png.bits, png.quality) == ("PNG", 16, 0)
    assert png.size == (tmp_path / "c.png").stat().st_size


def test_device_comes_from_exif(tmp_path: Path, film: PIL.Image.Image) -> None:
    exif = PIL.Image.Exif()
    exif[271], exif[272] = "Acme", "Scan 3"
    film.save(tmp_path / "film.jpg", exif=exif)
    assert file_format(tmp_path / "film.jpg").device == "Acme Scan 3"


def test_an_unknown_format_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not an image")
    assert file_format(tmp_path / "note.txt") == FileFormat(12, "TXT")


@pytest.mark.parametrize(
    ("name", "dtype", "mode", "expected"),
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
    tmp_path: Path, name: str, dtype: type, mode: str | None, expected: tuple[str, str, int]
) -> None:
    picture = PIL.Image.fromarray(np.arange(400, dtype=dtype).reshape(20, 20))
    (picture.convert(mode) if mode else picture).save(tmp_path / name)
    found = file_format(tmp_path / name)
    assert (found.format, found.mode, found.bits) == expected
    assert found.size == (tmp_path / name).stat().st_size


def test_sixteen_bits_of_colour_are_told_though_pillow_opens_eight(tmp_path: Path) -> None:
    # A PNG's 25th byte is its bit depth, its 26th the colour type: 2 is RGB (PNG 3rd ed., 11.2.1).
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
    assert file_format(file).bits == 16


@pytest.mark.parametrize("preamble", [bytes(128), b"II*\0" + bytes(124)])
def test_dicom_goes_by_what_the_file_holds(tmp_path: Path, preamble: bytes) -> None:
    # Names of such files often end in the last number of a UID; preambles may make them TIFFs.
    (tmp_path / "1.2.840.4711").write_bytes(preamble + b"DICM")
    found = file_format(tmp_path / "1.2.840.4711")
    assert (found.format, found.mode, found.bits) == ("DICOM", "", 0)
