"""Values that break the standard are quoted nowhere; pydicom is left as it was found."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from firstread.datasets import load
from firstread.errors import ImageError
from firstread.images import facts, read
from firstread.images.inspection import inspect
from firstread.images.unquoted import unquoted

SECRET = b"SECRET\\SECRET\\SECRET" * 5


@pytest.mark.parametrize(
    "keyword",
    [
        *("PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber", "InstanceNumber"),
        *("PatientName", "PixelSpacing", "WindowCenter", "ImagePositionPatient", "PatientAge"),
    ],
)
def test_values_that_break_the_standard_are_not_quoted(
    write_dicom: Callable[..., Path],
    tmp_path: Path,
    keyword: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_dicom(np.zeros((20, 20), np.uint8), "data/a/1")
    write_dicom(np.zeros((20, 20), np.uint8), "data/b/1")
    dataset = pydicom.dcmread(path)
    tag = Tag(keyword)
    vr = pydicom.datadict.dictionary_VR(tag)
    dataset._dict[tag] = RawDataElement(tag, vr, len(SECRET), SECRET, 0, False, True)
    dataset.save_as(path)
    monkeypatch.setattr(logging.getLogger("pydicom"), "propagate", True)
    told = []
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        for use in (read, facts, inspect):
            try:
                told.append(repr(use(path)))
            except ImageError as error:
                told.append(str(error))
        told.append(repr(load(tmp_path / "data", trained=False).cases.to_csv()))
    told += [caplog.text, *(str(one.message) for one in caught)]
    assert not [text for text in told if "SECRET" in text]


def test_pydicom_is_as_it_was_afterwards() -> None:
    before = config.settings.reading_validation_mode

    def modes(number: int) -> tuple[int, int]:
        with unquoted(), unquoted():
            first = config.settings.reading_validation_mode
            with unquoted():
                pass
            return first, config.settings.reading_validation_mode

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(modes, range(500))) == {(config.IGNORE, config.IGNORE)}
    assert config.settings.reading_validation_mode == before
