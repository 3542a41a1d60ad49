from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.explaining import Checks, Explanation
from firstread.explaining.overlay import overlay, save_overlay, sheet
from firstread.images import Image

FILM = Image(np.random.default_rng(0).integers(20, 200, (90, 60)).astype(np.uint8))


def explanation(method: str, checks: Checks | None = None) -> Explanation:
    marks = np.zeros((90, 60), np.float32)
    marks[:30, :30] = 1.0
    if method != "gradcam":
        marks[60:, 30:] = -1.0
    return Explanation(marks, marks[::30, ::30], method, "abd", 0.9, 2.0, 1.0, checks)


@pytest.mark.parametrize("film", [FILM, Image(np.repeat(FILM.pixels[..., None], 3, 2) // 2)])
def test_what_is_not_marked_stays_as_it_is(film: Image) -> None:
    made = overlay(film, explanation("gradcam"))
    assert made.shape == (90, 60, 3)
    own = np.atleast_3d(film.pixels)
    assert (made[40:, :] == own[40:, :]).all()
    assert (made[:30, :30] != own[:30, :30]).any(axis=2).all()


def test_for_is_orange_and_against_is_blue() -> None:
    made = overlay(FILM, explanation("evidence")).astype(int)
    assert (made[:30, :30, 0] > made[:30, :30, 2]).all()
    assert (made[60:, 30:, 2] > made[60:, 30:, 0]).all()
    assert (made[35:55, :] == FILM.pixels[35:55, :, None]).all()


def test_pictures_are_of_the_images_own_size(tmp_path: Path) -> None:
    save_overlay(FILM, explanation("occlusion"), tmp_path / "x.png")
    with PIL.Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (60, 90)
        assert picture.mode == "RGB"


def test_a_flat_map_and_wide_values_can_be_drawn() -> None:
    flat = np.zeros((90, 60), np.float32)
    same = overlay(FILM, Explanation(flat, flat, "gradcam", "abd", 0.5, 0.0, None))
    assert (same == FILM.pixels[..., None]).all()


@pytest.mark.parametrize("method", ["gradcam", "evidence", "integrated"])
def test_the_sheet_has_a_scale_and_says_what_the_checks_found(method: str) -> None:
    curve, chance = np.linspace(2, -2, 5, dtype=np.float32), np.zeros((9, 5), np.float32)
    checks = Checks((("head", 0.9), ("stem", 0.8)), curve, curve, chance, chance, 0.9)
    figure = sheet(FILM, explanation(method, checks), "film.png")
    figure.canvas.draw()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any("don't trust it" in text for text in texts)
    titles = [axes.get_title() for axes in figure.axes]
    assert "film.png: 60 x 90 px" in titles
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert any("logit" in label or "class's favour" in label for label in labels)
    assert len(sheet(FILM, explanation(method), "film.png").axes) == 3
