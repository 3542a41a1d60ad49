from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from firstread.images import Display, Image, Preprocessing

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 40)).astype(np.uint8)


def test_resampling_to_millimetres() -> None:
    image = Image(PIXELS, spacing=(0.5, 1.0)).resampled(2.0)
    assert image.shape == (15, 20)
    assert image.spacing == (2.0, 2.0)
    assert image.pixels.mean() == pytest.approx(PIXELS.mean(), abs=1)
    with pytest.raises(ValueError, match="spacing is not known"):
        Image(PIXELS).resampled(1.0)


def test_squashing_keeps_count_of_millimetres() -> None:
    assert Image(PIXELS, spacing=(0.5, 1.0)).resized(20).spacing == (1.5, 2.0)
    assert Image(PIXELS).resized(20).spacing is None


@pytest.mark.parametrize("channels", [(), (3,)])
def test_placing_cuts_and_pads_about_the_middle(channels: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(1, 255, (60, 40, *channels)).astype(np.uint16)
    placed = Image(pixels, spacing=(1.0, 1.0)).placed(50)
    assert placed.shape == (50, 50)
    assert placed.spacing == (1.0, 1.0)
    np.testing.assert_array_equal(placed.pixels[:, 5:45], pixels[5:55])
    assert (placed.pixels[:, :5] == 0).all()
    assert (placed.pixels[:, 45:] == 0).all()


def test_what_a_network_expects_survives_json() -> None:
    for display in (Display(), Display("40,400", 1.5)):
        wanted = Preprocessing(96, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), "bicubic", display=display)
        record = json.loads(json.dumps(asdict(wanted)))
        assert Preprocessing.of(record) == wanted


def test_images_are_squashed_unless_millimetres_count() -> None:
    image = Image(PIXELS, spacing=(1.0, 1.0))
    assert np.array_equal(Preprocessing(30).fit(image).pixels, image.resized(30).pixels)
    kept = Preprocessing(30, display=Display(spacing=1.0)).fit(image)
    np.testing.assert_array_equal(kept.pixels, PIXELS[15:45, 5:35])
