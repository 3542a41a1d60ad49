"""Traces: each measurement against a picture made for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.auditing.traces import BORDER, Trace, trace, traces
from firstread.images import Image, Preprocessing, file_format, read
from firstread.progress import Step

Look = Callable[[np.ndarray], Trace]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def make(pixels: np.ndarray) -> Trace:
        path = tmp_path / "film.png"
        PIL.Image.fromarray(pixels).save(path)
        return trace(path, read(path), file_format(path))

    return make


def test_borders_are_measured_where_they_lie(look: Look) -> None:
    pixels = np.full((100, 200), 102, np.uint8)
    pixels[:5] = 0  # The top twentieth.
    pixels[:, -10:] = 255  # The right twentieth, over the top's end.
    found = dict(zip(BORDER, look(pixels).border, strict=True))
    assert found["share of black pixels in the top border"] == pytest.approx(190 / 200)
    assert found["share of white pixels in the right border"] == 1
    assert found["mean brightness of the bottom border"] == pytest.approx(
        (190 * 102 + 10 * 255) / 200 / 255
    )
    assert found["variation of brightness in the right border"] == 0
    assert found["mean brightness of the outermost line of the left border"] == pytest.approx(
        95 * 102 / 100 / 255
    )
    assert found["mean brightness of the top left corner"] == 0
    assert found["mean brightness of the bottom right corner"] == 1


def test_histogram_counts_levels(look: Look) -> None:
    pixels = np.zeros((50, 50), np.uint8)
    pixels[:10] = 255
    found = look(pixels).histogram
    assert (found[0], found[-1], found.sum()) == (pytest.approx(0.8), pytest.approx(0.2), 1)


def test_small_picture_keeps_the_mean_and_the_layout(look: Look) -> None:
    pixels = np.zeros((56, 112), np.uint8)
    pixels[:28] = 204
    small = look(pixels).small
    assert small.shape == (28, 28)
    assert small[:12].mean() == pytest.approx(0.8, abs=0.01)
    assert small[16:].mean() == pytest.approx(0, abs=0.01)


def test_colour_is_what_can_be_seen(look: Look) -> None:
    pixels = np.full((40, 40, 3), 51, np.uint8)
    assert (look(pixels).gray, look(pixels).colour) == (True, 0)
    pixels[:, :10, 0] = 59  # Too close to the others to be seen.
    assert (look(pixels).gray, look(pixels).colour) == (False, 0)
    pixels[:10, :, 0] = 102
    assert look(pixels).colour == 0.25


def test_sixteen_bits_are_measured_like_eight(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint16) * 1024, (64, 1))
    path = tmp_path / "film.png"
    PIL.Image.fromarray(ramp).save(path)
    deep = trace(path, Image(ramp), file_format(path))
    flat = trace(path, Image((ramp >> 8).astype(np.uint8)), file_format(path))
    np.testing.assert_array_equal(deep.histogram, flat.histogram)
    np.testing.assert_array_equal(deep.border, flat.border)


def test_files_that_cannot_be_read_have_no_trace(
    write_image: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    good = write_image("good.png")
    *steps, found = traces([broken, good])
    assert [trace.path for trace in found] == [good]
    assert steps[-1] == Step("looking at files and borders", 2, 2)
    assert found[0].shape == (40, 43)


def test_traces_of_what_a_network_sees(tmp_path: Path) -> None:
    pixels = np.full((100, 60), 128, np.uint8)
    pixels[:, :15] = 0
    PIL.Image.fromarray(pixels).save(tmp_path / "film.png")
    *_, (squashed,) = traces([tmp_path / "film.png"], Preprocessing(40))
    *_, (padded,) = traces([tmp_path / "film.png"], Preprocessing(40, neutralise=("size",)))
    assert squashed.shape == padded.shape == (40, 40)
    assert squashed.histogram[:8].sum() == pytest.approx(15 / 60, abs=0.03)
    assert padded.histogram[:8].sum() == pytest.approx((15 + 15) / 100, abs=0.03)
