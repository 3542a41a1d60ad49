from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import get_frame

from firstread.images import decoding, read
from firstread.images.decoding import DecodingError, decode

PATH = Path(str(get_testdata_file("MR_small_jp2klossless.dcm", download=False)))
DATASET = pydicom.dcmread(PATH)
FRAME = get_frame(DATASET.PixelData, 0, number_of_frames=1)
OPTIONS: dict[str, Any] = {
    "transfer_syntax_uid": str(DATASET.file_meta.TransferSyntaxUID),
    "decoding_plugin": "pylibjpeg",
    "raw": True,
    "rows": 64,
    "columns": 64,
    "samples_per_pixel": 1,
    "photometric_interpretation": "MONOCHROME2",
    "pixel_keyword": "PixelData",
    "bits_allocated": 16,
    "bits_stored": 16,
    "pixel_representation": 1,
}


@pytest.fixture
def afresh() -> Iterator[None]:
    """No child is waiting before, and none of a test's own after it."""
    decoding._end_all()
    yield
    decoding._end_all()


def test_the_child_decodes_as_pydicom_does() -> None:
    array, photometric = decode(FRAME, OPTIONS, 0.004)
    np.testing.assert_array_equal(array, DATASET.pixel_array)
    assert photometric == "MONOCHROME2"


def test_what_can_t_be_decoded_and_a_child_that_goes_on() -> None:
    with pytest.raises(DecodingError, match=r"can't be decoded \(RuntimeError\)"):
        decode(FRAME[:200], OPTIONS, 0.004)
    array, _ = decode(FRAME, OPTIONS, 0.004)
    np.testing.assert_array_equal(array, DATASET.pixel_array)


def test_a_child_that_takes_too_long_is_ended(
    afresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "SECONDS", 0.0)
        patched.setattr(decoding, "_COMMAND", "import time; time.sleep(600)")
        with pytest.raises(DecodingError, match="takes more than 0 s to decode"):
            decode(FRAME, OPTIONS, 0.0)
    assert not decoding._idle
    array, _ = decode(FRAME, OPTIONS, 0.004)
    np.testing.assert_array_equal(array, DATASET.pixel_array)


def test_a_child_that_crashes_and_one_that_died_waiting(
    afresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_COMMAND", "import os; os.abort()")
        with pytest.raises(DecodingError, match="crashes its decoder"):
            decode(FRAME, OPTIONS, 0.004)
    decode(FRAME, OPTIONS, 0.004)
    (child,) = decoding._idle
    child.kill()
    child.wait()
    array, _ = decode(FRAME, OPTIONS, 0.004)
    np.testing.assert_array_equal(array, DATASET.pixel_array)


def test_many_threads_at_once() -> None:
    expected = read(PATH).pixels
    with ThreadPoolExecutor(3) as workers:
        for image in workers.map(read, [PATH] * 24):
            np.testing.assert_array_equal(image.pixels, expected)
