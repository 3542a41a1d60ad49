"""Headers: formats, and the quality that JPEG files were written at."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.images import Header, header


@pytest.fixture
def film() -> PIL.Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    return PIL.Image.fromarray(noise)


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_the_one_it_was_written_at(
    tmp_path: Path, film: PIL.Image.Image, quality: int
) -> None:
    film.save(tmp_path / "film.jpg", quality=quality)
    assert header(tmp_path / "film.jpg").quality == quality


def test_what_a_file_says_of_itself(tmp_path: Path, film: PIL.Image.Image) -> None:
    film.save(tmp_path / "a.tif", compression="tiff_lzw", dpi=(300, 300))
    film.convert("L").save(tmp_path / "b.jpg", progressive=True)
    deep = np.asarray(film.convert("L")).astype(np.uint16) * 256
    PIL.Image.fromarray(deep).save(tmp_path / "c.png")
    tiff, jpeg, png = (header(tmp_path / name) for name in ("a.tif", "b.jpg", "c.png"))
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
    assert header(tmp_path / "film.jpg").device == "Acme Scan 3"


def test_an_unknown_format_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not an image")
    assert header(tmp_path / "note.txt") == Header(12, "TXT")
