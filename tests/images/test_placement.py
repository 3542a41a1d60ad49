from __future__ import annotations

import numpy as np
import pytest

from firstread.images import Display, Image, Preprocessing, laid_back, prepared


def film(spacing: tuple[float, float] | None = None) -> Image:
    """A film in a black frame with one bright spot off the middle."""
    pixels = np.zeros((120, 80), np.uint8)
    pixels[10:110, 5:75] = np.random.default_rng(0).integers(60, 90, (100, 70))
    pixels[68:74, 48:54] = 255
    return Image(pixels, spacing)


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(64),
        Preprocessing(64, neutralise=("size",)),
        Preprocessing(64, neutralise=("border",)),
        Preprocessing(64, neutralise=("border", "size", "histogram")),
        Preprocessing(64, display=Display(spacing=1.0)),
        Preprocessing(160, display=Display(spacing=1.0)),
        Preprocessing(64, neutralise=("border", "size"), display=Display(spacing=1.0)),
    ],
    ids=["squash", "size", "border", "all", "cut", "pad", "border, size and cut"],
)
def test_what_is_seen_goes_back_to_where_it_was(preprocessing: Preprocessing) -> None:
    image = film((1.0, 1.0))
    seen = prepared(image, preprocessing).as_float()
    back = laid_back(np.where(seen > 0.95 * seen.max(), seen, 0), image, preprocessing)
    assert back.shape == (120, 80)
    assert back.dtype == np.float32
    rows, columns = np.nonzero(back > 0.5 * back.max())
    assert rows.mean() == pytest.approx(70.5, abs=1.5)
    assert columns.mean() == pytest.approx(50.5, abs=1.5)


def test_what_was_cut_off_was_not_seen() -> None:
    preprocessing = Preprocessing(64, neutralise=("border",))
    back = laid_back(np.ones((7, 7)), film(), preprocessing, outside=-1.0)
    assert set(np.unique(back)) == {-1.0, 1.0}
    assert (back[:14] == -1).all()
    assert (back[60, 12:70] == 1).all()
