from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.errors import ImageError
from firstread.images import statistics


def test_measurements_of_an_image_worked_by_hand(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40), np.uint8)
    pixels[:, :10] = 255
    pixels[:, 10:20] = 51
    PIL.Image.fromarray(pixels).save(tmp_path / "a.PNG")
    measured = statistics(tmp_path / "a.PNG")
    assert (measured.format, measured.channels, measured.bits) == ("png", 1, 8)
    assert (measured.width, measured.height) == (40, 20)
    assert measured.mean == pytest.approx((1 + 0.2) / 4)
    assert measured.contrast == pytest.approx(np.std([1, 0.2, 0, 0]))
    assert (measured.dark, measured.bright) == (0.5, 0.25)


def test_colour_depth_and_suffixes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    PIL.Image.fromarray(colours).save(tmp_path / "a.jpg")
    PIL.Image.fromarray(rng.integers(0, 4096, (20, 20)).astype(np.uint16)).save(tmp_path / "b.tif")
    colour, deep = statistics(tmp_path / "a.jpg"), statistics(tmp_path / "b.tif")
    assert (colour.format, colour.channels, colour.bits) == ("jpeg", 3, 8)
    assert (deep.format, deep.channels, deep.bits) == ("tiff", 1, 16)


def test_no_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        statistics(tmp_path / "none.png")
