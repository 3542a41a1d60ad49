from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from firstread.auditing.agreement import agreement
from firstread.auditing.alignment import aligned, with_levels

Film = Callable[..., np.ndarray]


def small(picture: np.ndarray) -> np.ndarray:
    image = PIL.Image.fromarray(picture).resize((64, 64), PIL.Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float32)[None]


def cropped(pixels: np.ndarray, window: tuple[float, float, float, float]) -> np.ndarray:
    side = len(pixels)
    top, bottom, left, right = (round(side * share) for share in window)
    return pixels[top : side - bottom, left : side - right]


@pytest.mark.parametrize(
    "window",
    [(0, 0, 0, 0), (0.1, 0.1, 0.1, 0.1), (0.03, 0.08, 0.06, 0.01), (0.1, 0, 0, 0.1)],
)
def test_a_crop_is_found_from_a_near_start(
    film: Film, window: tuple[float, float, float, float]
) -> None:
    pixels = film(0)
    off = np.array([0.025, -0.025, -0.025, 0.025])
    start = np.clip(np.add([window], off), 0, 0.12).astype(np.float32)
    cut, edges = aligned(small(pixels), small(cropped(pixels, window)), start)
    # A pixel of the thumbnail is 1.6 % of a side.
    np.testing.assert_allclose(edges[0], window, atol=0.008)
    assert agreement(cut, small(cropped(pixels, window)))[0] > 0.95


def test_brightening_and_a_marker_do_not_lead_it_astray(film: Film) -> None:
    window = (0.05, 0.02, 0.08, 0.0)
    changed = cropped(film(1), window)
    changed = np.rint(255 * (changed / 255) ** 0.7).astype(np.uint8)
    changed[5:20, 5:20] = 255
    start = np.array([[0.05, 0.0, 0.05, 0.0]], np.float32)
    cut, edges = aligned(small(film(1)), small(changed), start)
    np.testing.assert_allclose(edges[0], window, atol=0.01)
    assert agreement(cut, small(changed))[0] > 0.95


def test_different_films_do_not_agree(film: Film) -> None:
    films = np.concatenate([small(film(number)) for number in range(12)])
    first, second = np.triu_indices(12, 1)
    cut, _ = aligned(films[first], films[second], np.zeros((len(first), 4), np.float32))
    assert agreement(cut, films[second]).max() < 0.95


def test_nothing_to_see_agrees_with_nothing() -> None:
    flat = np.full((1, 64, 64), 80, np.float32)
    cut, _ = aligned(flat, flat, np.zeros((1, 4), np.float32))
    assert agreement(cut, flat)[0] == 0
    dot = flat.copy()
    dot[0, 10:14, 10:14] = 255
    assert agreement(dot, dot)[0] == 0


def test_levels_are_those_of_the_other(film: Film) -> None:
    picture = small(film(0))
    other = 255 * (picture / 255) ** 2
    matched = with_levels(picture, picture, other)
    assert np.abs(matched - other).mean() < 2
