"""Neutralisers: what each takes away, on pixels worked out by hand."""

import numpy as np
import pytest

from firstread.errors import UsageError
from firstread.images import Image, Preprocessing, neutralised, neutralisers, prepared


@pytest.fixture
def scene() -> Image:
    return Image(np.random.default_rng(0).integers(30, 220, (100, 60)).astype(np.uint8))


def test_names_are_read_in_the_order_of_application() -> None:
    assert neutralisers(" histogram,size , Border,size") == ("border", "size", "histogram")
    with pytest.raises(UsageError, match="Close to it: border"):
        neutralisers("size,boarder")


def test_size_pads_to_a_square_and_keeps_every_pixel(scene: Image) -> None:
    square = neutralised(scene, ["size"])
    assert square.shape == (100, 100)
    np.testing.assert_array_equal(square.pixels[:, 20:80], scene.pixels)
    # Each edge goes on as in a mirror.
    np.testing.assert_array_equal(square.pixels[:, 19::-1], scene.pixels[:, :20])
    np.testing.assert_array_equal(square.pixels[:, 80:], scene.pixels[:, :39:-1])


def test_size_takes_very_flat_colour_images() -> None:
    strip = np.random.default_rng(0).integers(0, 255, (20, 101, 3)).astype(np.uint8)
    square = neutralised(Image(strip), ["size"])
    assert square.shape == (101, 101)
    np.testing.assert_array_equal(square.pixels[40:60], strip)


def test_border_cuts_off_frames_of_any_gray_level(scene: Image) -> None:
    framed = np.full((130, 90), 255, np.uint8)
    framed[10:110, 20:80] = scene.pixels
    once = neutralised(Image(framed), ["border"])
    np.testing.assert_array_equal(once.pixels, scene.pixels[6:94, 4:56])  # Less 6 % a side.
    np.testing.assert_array_equal(neutralised(scene, ["border"]).pixels, once.pixels)


def test_border_leaves_half_of_a_blank_image() -> None:
    blank = neutralised(Image(np.zeros((100, 100), np.uint8)), ["border"])
    assert blank.shape == (44, 44)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_histogram_makes_every_gray_level_as_frequent(dtype: type[np.unsignedinteger]) -> None:
    top = np.iinfo(dtype).max
    dark = np.random.default_rng(1).beta(2, 8, (200, 200)) * top
    pixels = neutralised(Image(dark.astype(dtype)), ["histogram"]).pixels
    assert pixels.dtype == dtype
    counts = np.histogram(pixels, bins=8, range=(0, top))[0] / pixels.size
    np.testing.assert_allclose(counts, 1 / 8, atol=0.02)
    assert (np.argsort(dark.ravel())[-1]) == pixels.ravel().argmax() or pixels.max() == top


def test_histogram_forgets_gain_and_offset(scene: Image) -> None:
    brighter = Image((scene.pixels // 2 + 100).astype(np.uint8))
    darker = Image((scene.pixels // 2).astype(np.uint8))
    np.testing.assert_array_equal(
        neutralised(brighter, ["histogram"]).pixels, neutralised(darker, ["histogram"]).pixels
    )


def test_histogram_keeps_hue_and_blank_images() -> None:
    red = np.zeros((30, 30, 3), np.uint8)
    red[..., 0] = np.arange(30) * 3
    out = neutralised(Image(red), ["histogram"]).pixels
    assert (out[..., 1:] == 0).all()
    assert out[..., 0].max() == 255
    blank = Image(np.full((30, 30), 7, np.uint8))
    assert neutralised(blank, ["histogram"]) is blank


def test_prepared_neutralises_before_it_squashes(scene: Image) -> None:
    plain = prepared(scene, Preprocessing(50))
    padded = prepared(scene, Preprocessing(50, neutralise=("size",)))
    assert plain.shape == padded.shape == (50, 50)
    np.testing.assert_array_equal(plain.pixels, scene.resized(50).pixels)
    np.testing.assert_array_equal(padded.pixels, neutralised(scene, ["size"]).resized(50).pixels)
