from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.datasets import decode, stream
from firstread.errors import ImageError
from firstread.images import Display, Preprocessing, read
from firstread.progress import returned

Write = Callable[..., Path]
SIZE = Preprocessing(size=32)


def test_kept_and_streamed_pixels_are_the_same(write_image: Write) -> None:
    paths = [write_image(f"{k}.png", seed=k) for k in range(20)]
    kept, _ = returned(decode(paths, SIZE))
    streamed, _ = returned(decode(paths, SIZE, budget=32 * 32 * 10))
    assert kept.kept is not None
    assert kept.nbytes == 20 * 32 * 32
    assert streamed.kept is None
    orders = [np.array([3, 1, 19]), np.array([0]), np.arange(20)]
    for one, other in zip(kept.batches(orders), streamed.batches(orders), strict=True):
        np.testing.assert_array_equal(one, other)
    expected = read(paths[3]).resized(32).as_float()
    np.testing.assert_array_equal(next(kept.batches(orders))[0, 0], expected)


def test_gray_stays_one_channel_and_one_colour_image_makes_three(
    write_image: Write, tmp_path: Path
) -> None:
    gray = write_image("gray.png")
    store, _ = returned(decode([gray, gray], SIZE))
    assert next(store.batches([np.array([0, 1])])).shape == (2, 1, 32, 32)
    colour = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    PIL.Image.fromarray(colour).save(tmp_path / "colour.png")
    store, _ = returned(decode([gray, tmp_path / "colour.png"], SIZE))
    batch = next(store.batches([np.array([0, 1])]))
    assert batch.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(batch[0, 0], batch[0, 2])


def test_unreadable_files_are_told_and_the_rest_kept_in_order(
    write_image: Write, tmp_path: Path
) -> None:
    good = [write_image(f"{k}.png", seed=k, side=20 + k) for k in range(3)]
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    store, errors = returned(
        decode([good[0], bad, good[1], tmp_path / "missing.png", good[2]], SIZE)
    )
    assert store.paths == tuple(good)
    assert [Path(error.path).name for error in errors] == ["bad.png", "missing.png"]
    assert store.shapes.tolist() == [[20, 23], [21, 24], [22, 25]]


def test_a_file_that_vanishes_while_streaming_is_an_error(write_image: Write) -> None:
    path = write_image("a.png")
    store, _ = returned(decode([path], SIZE, budget=0))
    path.unlink()
    with pytest.raises(Exception, match=r"a\.png: does not exist"):
        next(store.batches([np.array([0])]))


def test_the_window_and_millimetres_of_the_preprocessing(write_dicom: Write) -> None:
    values = np.random.default_rng(0).integers(-1000, 1000, (40, 40)).astype(np.int16)
    path = write_dicom(values, PixelSpacing=[2.0, 2.0], WindowCenter=0, WindowWidth=2000)
    plain, bone, wide = (
        next(stream([path], Preprocessing(32, display=display)))
        for display in (Display(), Display("bone"), Display(spacing=1.0))
    )
    assert not any(isinstance(outcome, ImageError) for outcome in (plain, bone, wide))
    assert bone[0].pixels.mean() < plain[0].pixels.mean()
    assert wide[1] == (80, 80)
    assert wide[0].shape == (32, 32)
