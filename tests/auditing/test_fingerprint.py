from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.stats import rankdata

from firstread.auditing.fingerprint import (
    LENGTH,
    VIEWS,
    WHOLE,
    View,
    equalised,
    fingerprints,
    viewed,
)

Film = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def thumbnails(film: Film) -> np.ndarray:
    films = np.array([film(number) for number in range(6)])
    return films.reshape(6, 64, 2, 64, 2).mean(axis=(2, 4)).astype(np.uint8)


def test_a_fingerprint_is_the_low_frequencies_weighted_and_scaled(thumbnails: np.ndarray) -> None:
    halved = thumbnails[0].astype(float).reshape(32, 2, 32, 2).mean(axis=(1, 3))
    low = dctn(halved, norm="ortho")[:8, :8]
    weighted = low * np.hypot(*np.indices((8, 8)))
    expected = np.sort(weighted.ravel() / np.linalg.norm(weighted))
    found = fingerprints(thumbnails[:1], WHOLE, WHOLE)[0]
    assert found.shape == (LENGTH,) == (63,)
    # All but the mean, which has weight 0.
    np.testing.assert_allclose(np.sort(np.append(found, 0)), expected, atol=1e-4)


def test_brightness_and_contrast_drop_out(thumbnails: np.ndarray) -> None:
    plain = fingerprints(thumbnails, WHOLE, WHOLE)
    shifted = fingerprints(thumbnails.astype(np.float32) * 0.4 + 30, WHOLE, WHOLE)
    np.testing.assert_allclose(plain, shifted, atol=1e-4)


def test_a_picture_of_one_level_has_no_fingerprint() -> None:
    flat = np.full((1, 64, 64), 77, np.uint8)
    assert not fingerprints(flat, WHOLE, WHOLE).any()
    assert not viewed(flat).any()


@pytest.mark.parametrize("view", VIEWS[-7:], ids=str)
def test_flips_and_turns_need_no_second_look(thumbnails: np.ndarray, view: View) -> None:
    turned = np.array([view.of(picture) for picture in thumbnails])
    expected = fingerprints(turned, WHOLE, WHOLE)
    np.testing.assert_allclose(viewed(thumbnails)[:, VIEWS.index(view)], expected, atol=1e-4)


def test_the_views_are_all_eight_flips_and_turns() -> None:
    picture = np.arange(6).reshape(2, 3)
    seen = {view.of(picture).tobytes() + bytes(view.of(picture).shape) for view in VIEWS}
    turns = [np.rot90(flip, k) for flip in (picture, picture.T) for k in range(4)]
    assert seen == {turn.tobytes() + bytes(turn.shape) for turn in turns}


def test_windows_are_those_of_cropped_pictures(film: Film) -> None:
    pixels = film(0).astype(np.float32)
    window = View(rows=(0.05, 0.05), columns=(0.1, 0.0))
    side = len(pixels)
    cut = pixels[round(0.05 * side) : round(0.95 * side), round(0.1 * side) :]
    import PIL.Image

    def small(picture: np.ndarray) -> np.ndarray:
        image = PIL.Image.fromarray(picture).resize((64, 64), PIL.Image.Resampling.BOX)
        return np.asarray(image)[None]

    expected = fingerprints(small(cut), WHOLE, WHOLE)[0]
    found = viewed(small(pixels))[0]
    assert found[VIEWS.index(window)] @ expected > 0.99
    assert int(np.argmax(found @ expected)) == VIEWS.index(window)


def test_equalised_pictures_are_ranks(thumbnails: np.ndarray) -> None:
    found = equalised(thumbnails)
    ranks = rankdata(thumbnails[0], axis=None).reshape(64, 64)
    np.testing.assert_allclose(found[0], (ranks - 0.5) / 64**2, atol=1e-6)
