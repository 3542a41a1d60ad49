from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.errors import ImageError
from firstread.images import read

RAMP = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)
GRAY = (RAMP // 5).astype(np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = PIL.Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_gray_pixels_are_exact_and_stay_one_channel(tmp_path: Path, suffix: str) -> None:
    image = read(save(tmp_path / f"a.{suffix}", GRAY))
    assert image.gray
    np.testing.assert_array_equal(image.pixels, GRAY)


def test_jpeg_is_read(tmp_path: Path) -> None:
    image = read(save(tmp_path / "a.jpeg", GRAY, quality=95))
    assert np.abs(image.pixels.astype(int) - GRAY).mean() < 3


def test_rgb_with_equal_channels_is_gray(tmp_path: Path) -> None:
    image = read(save(tmp_path / "a.png", np.dstack([GRAY] * 3)))
    np.testing.assert_array_equal(image.pixels, GRAY)


def test_colour_keeps_its_channels(tmp_path: Path) -> None:
    colour = np.dstack([GRAY, GRAY[::-1], GRAY // 2])
    image = read(save(tmp_path / "a.png", colour))
    assert not image.gray
    np.testing.assert_array_equal(image.pixels, colour)


def test_transparency_is_laid_over_black(tmp_path: Path) -> None:
    rgba = np.dstack([GRAY, GRAY, GRAY, np.where(RAMP % 2, 255, 0).astype(np.uint8)])
    image = read(save(tmp_path / "a.png", rgba))
    np.testing.assert_array_equal(image.pixels, np.where(RAMP % 2, GRAY, 0))


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray((GRAY // 128).astype(np.uint8))
    picture.putpalette([200, 10, 10, 10, 10, 200])
    picture.save(tmp_path / "a.png")
    image = read(tmp_path / "a.png")
    assert {tuple(c) for c in image.pixels.reshape(-1, 3)} == {(200, 10, 10), (10, 10, 200)}


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    cyan = np.zeros((20, 20, 4), np.uint8)
    cyan[..., 0] = 255
    PIL.Image.fromarray(cyan, "CMYK").save(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").pixels[5, 5].tolist() == [0, 255, 255]


def test_one_bit_images_use_the_whole_range(tmp_path: Path) -> None:
    image = read(save(tmp_path / "a.png", GRAY, mode="1"))
    assert image.pixels.min() == 0
    assert image.pixels.max() == 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_from_their_own_range(tmp_path: Path, suffix: str) -> None:
    # Twelve bits in sixteen, as scanners write them: clipping to 255 would lose nearly all.
    twelve = (RAMP.astype(np.uint32) * 4095 // RAMP.max() + 100).astype(np.uint16)
    image = read(save(tmp_path / f"a.{suffix}", twelve))
    assert image.gray
    expected = (twelve.astype(float) - twelve.min()) / (twelve.max() - twelve.min())
    np.testing.assert_allclose(image.as_float(), expected, atol=1e-5)


def test_float_tiff_is_scaled_from_its_own_range(tmp_path: Path) -> None:
    hounsfield = RAMP.astype(np.float32) * 2 - 1000
    image = read(save(tmp_path / "a.tif", hounsfield))
    np.testing.assert_allclose(image.as_float(), RAMP / RAMP.max(), atol=1e-5)


def test_constant_sixteen_bit_image_is_black_and_not_nan(tmp_path: Path) -> None:
    image = read(save(tmp_path / "a.png", np.full((20, 20), 700, np.uint16)))
    assert (image.as_float() == 0).all()


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(GRAY)
    exif = picture.getexif()
    exif[0x0112] = 6  # The camera was turned: rotate by 90 degrees clockwise to display.
    picture.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, np.rot90(GRAY, -1))


@pytest.mark.parametrize("side", [16, 8000])
def test_smallest_and_largest_sides_are_taken(tmp_path: Path, side: int) -> None:
    save(tmp_path / "a.png", np.zeros((16, side), np.uint8))
    assert read(tmp_path / "a.png").shape == (16, side)


def test_unicode_and_spaces_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Röntgen 胸部 (1)"
    folder.mkdir()
    assert read(save(folder / "Aufnahme ä.png", GRAY)).shape == (40, 30)


def bomb(side: int) -> bytes:
    """A PNG of a few bytes whose header claims a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9))


def png() -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(
        file, "PNG"
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (png()[:2000], "damaged or cut short"),
        (b"patient,label\n1,chest\n", "its first bytes are text"),
        (b"PK\x03\x04" + b"\0" * 300, "it is a zip archive"),
        (b"\0" * 128 + b"DICM" + b"\0" * 200, "holds no pixel data"),
        (b"\x00\xff\xfe\x81" * 80, "belong to no format"),
        (bomb(9000), "9000 x 9000 px"),
        (bomb(60_000), "firstread takes 16 to 8,000 px a side"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_files_are_named_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "scan 7.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_too_small_missing_folder_and_pages(tmp_path: Path) -> None:
    save(tmp_path / "small.png", np.zeros((15, 40), np.uint8))
    with pytest.raises(ImageError, match="40 x 15 px"):
        read(tmp_path / "small.png")
    with pytest.raises(ImageError, match="does not exist"):
        read(tmp_path / "missing.png")
    with pytest.raises(ImageError, match=r"can't be opened|not an image"):
        read(tmp_path)
    page = PIL.Image.fromarray(GRAY)
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    with pytest.raises(ImageError, match="has 2 pages"):
        read(tmp_path / "pages.tif")


def test_float_image_with_nan_is_refused_with_their_number(tmp_path: Path) -> None:
    broken = RAMP.astype(np.float32)
    broken[3, :5] = np.nan
    with pytest.raises(ImageError, match="5 values that are not numbers"):
        read(save(tmp_path / "a.tif", broken))


def test_resizing_keeps_the_mean_and_the_type(tmp_path: Path) -> None:
    for array in (GRAY, RAMP * 54, np.dstack([GRAY, GRAY[::-1], GRAY // 2])):
        image = read(save(tmp_path / "a.png", array))
        resized = image.resized(20)
        assert resized.shape == (20, 20)
        assert resized.pixels.dtype == image.pixels.dtype
        assert resized.gray == image.gray
        assert resized.as_float().mean() == pytest.approx(image.as_float().mean(), abs=0.01)
