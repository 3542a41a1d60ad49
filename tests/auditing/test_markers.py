"""Markers: drawn letters are found where they stand, and smooth anatomy isn't taken for them."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from firstread.auditing.markers import ZONES, Marker, markers


def anatomy(side: int = 256) -> PIL.Image.Image:
    rows, columns = np.mgrid[:side, :side] / side
    levels = 90 + 60 * np.sin(6 * rows) * np.cos(5 * columns)
    return PIL.Image.fromarray(levels.astype(np.uint8))


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ((10, 10), "top left"),
        ((225, 10), "top right"),
        ((10, 225), "bottom left"),
        ((120, 120), "middle centre"),
    ],
)
def test_a_letter_is_found_where_it_stands(place: tuple[int, int], zone: str) -> None:
    picture = anatomy()
    PIL.ImageDraw.Draw(picture).text(place, "R", fill=255, font=PIL.ImageFont.load_default(20))
    (found,) = markers(np.asarray(picture))
    assert found.zone == zone
    assert abs(found.left * 256 - place[0]) < 6
    assert 0.02 < found.height < 0.1


def test_a_word_is_one_candidate_in_large_images_too() -> None:
    picture = anatomy(1600)
    font = PIL.ImageFont.load_default(60)
    PIL.ImageDraw.Draw(picture).text((1300, 60), "SUPINE", fill=255, font=font)
    found = markers(np.asarray(picture))
    assert {marker.zone for marker in found} == {"top right"}
    assert max(marker.width for marker in found) > 0.1


def test_smooth_anatomy_has_none() -> None:
    assert markers(np.asarray(anatomy())) == ()


def test_gradual_bright_spots_are_anatomy() -> None:
    rows, columns = np.mgrid[:256, :256]
    spot = 200 * np.exp(-((rows - 40) ** 2 + (columns - 40) ** 2) / 150)
    assert markers((30 + spot).astype(np.uint8)) == ()


def test_small_images_are_not_looked_at() -> None:
    picture = anatomy(64)
    PIL.ImageDraw.Draw(picture).text((5, 5), "R", fill=255)
    assert markers(np.asarray(picture)) == ()


def test_zones_are_ninths() -> None:
    assert len(ZONES) == 9
    assert Marker(0.4, 0.9, 0.1, 0.05).zone == "bottom centre"
    assert Marker(0.95, 0.0, 0.05, 0.02).zone == "top right"
