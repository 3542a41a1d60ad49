from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.auditing import Survey, glance, surveying
from firstread.progress import Step

Film = Callable[..., np.ndarray]
Save = Callable[..., Path]


def test_levels_are_what_numpy_says_of_the_pixels(film: Film, save: Save) -> None:
    pixels = film(0)
    seen = glance(save("a.png", pixels))
    levels = pixels / 255
    assert seen.mean == pytest.approx(levels.mean())
    assert seen.std == pytest.approx(levels.std())
    assert seen.low == pytest.approx(np.quantile(levels, 0.01, method="inverted_cdf"))
    assert seen.high == pytest.approx(np.quantile(levels, 0.99, method="inverted_cdf"))
    assert seen.commonest == pytest.approx(np.bincount(pixels.ravel()).max() / pixels.size)
    assert (seen.width, seen.height, seen.format, seen.bits) == (128, 128, "PNG", 8)
    means = pixels.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.abs(seen.thumbnail - means).max() <= 1


def test_equal_pictures_have_equal_digests_in_any_format(film: Film, save: Save) -> None:
    gray = film(0)
    colour = np.stack([gray] * 3, axis=-1)
    same = [
        glance(path).digest
        for path in (save("a.png", gray), save("a.bmp", gray), save("a.tif", gray))
    ]
    assert {*same, glance(save("rgb.png", colour)).digest} == {same[0]}
    changed = gray.copy()
    changed[0, 0] ^= 1
    assert glance(save("b.png", changed)).digest != same[0]
    assert glance(save("c.png", gray.T)).digest != same[0]


def test_colour_is_told_from_the_traces_that_compression_leaves(film: Film, save: Save) -> None:
    gray = np.stack([film(0)] * 3, axis=-1).astype(int)
    traces = gray + np.random.default_rng(0).integers(-3, 4, gray.shape)
    assert glance(save("t.png", np.clip(traces, 0, 255).astype(np.uint8))).coloured < 0.001
    tinted = np.clip(gray * [1.0, 0.7, 0.7], 0, 255).astype(np.uint8)
    assert glance(save("u.png", tinted)).coloured > 0.3


def test_sixteen_bits_are_looked_at_as_displayed(film: Film, save: Save) -> None:
    deep = film(0).astype(np.uint16) * 200 + 77
    seen, shallow = glance(save("d.png", deep)), glance(save("s.png", film(0)))
    assert seen.bits == 16
    assert seen.std == pytest.approx(shallow.std, rel=0.2)


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(film: Film, save: Save) -> None:
    good = save("a.png", film(0))
    bad = good.with_name("b.png")
    bad.write_text("no image")
    *steps, survey = surveying([good, bad, good])
    assert isinstance(survey, Survey)
    assert [step.done for step in steps if isinstance(step, Step)] == [1, 2, 3]
    assert survey.readable.tolist() == [True, False, True]
    assert "is not an image" in survey.table["error"][1]
    assert not survey.thumbnails[1].any()


def test_an_image_is_decoded_once(film: Film, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    files = [save(f"{k}.png", film(k)) for k in range(3)]
    kind = PIL.PngImagePlugin.PngImageFile
    load_end = kind.load_end

    def counted(picture: PIL.PngImagePlugin.PngImageFile) -> None:
        decoded.append(str(picture.filename))
        load_end(picture)

    monkeypatch.setattr(kind, "load_end", counted)
    list(surveying(files))
    assert sorted(decoded) == sorted(map(str, files))
