from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from firstread.errors import ImageError
from firstread.images import Display, read
from firstread.images.inspection import MASKED, inspect

Write = Callable[..., Path]
VALUES = np.random.default_rng(0).integers(0, 2000, (20, 30)).astype(np.int16)
CT = {
    "RescaleSlope": 1,
    "RescaleIntercept": -1024,
    "WindowCenter": [40, -600],
    "WindowWidth": [400, 1500],
    "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
    "PixelPaddingValue": -1,
    "PatientBirthDate": "19700131",
    "StudyDate": "20200229",
    "PatientSex": "F",
}


def test_every_step_is_told(write_dicom: Write) -> None:
    inspection = inspect(write_dicom(VALUES, PixelSpacing=[0.5, 0.75], **CT), Display("lung"))
    rows = dict(inspection.rows)
    assert rows["kind"] == "DICOM, CT Image Storage"
    assert rows["spacing"] == "0.5 mm between rows, 0.75 mm between columns"
    assert rows["samples"] == "16 of 16 bits up to bit 15, signed"
    assert rows["stored values"] == f"{VALUES.min()} to {VALUES.max()}"
    assert rows["1 modality"] == "value x 1 - 1024"
    assert rows["  window 1 of the file"] == "centre 40, width 400, LINEAR, named SOFT"
    assert rows["2 window"] == "centre -600, width 1500, LINEAR"
    assert rows["3 inversion"] == "no (no presentation LUT shape)"
    assert rows["4 padding"] == "stored values -1 to -1 are black: 0.0% of the pixels"
    assert rows["patient sex"] == "F"


def test_before_and_after(write_dicom: Write) -> None:
    path = write_dicom(VALUES, **CT)
    inspection = inspect(path)
    np.testing.assert_array_equal(inspection.stored, VALUES)
    np.testing.assert_array_equal(inspection.image.pixels, read(path).pixels)
    colour = np.dstack([VALUES, VALUES // 2, VALUES // 3]).astype(np.uint8)
    np.testing.assert_array_equal(inspect(write_dicom(colour)).stored, colour)


def test_identifiers_are_masked_unless_asked_for(write_dicom: Write) -> None:
    path = write_dicom(VALUES, **CT)
    masked = inspect(path)
    rows = dict(masked.rows)
    assert rows["patient name"] == rows["patient ID"] == rows["study date"] == MASKED
    for secret in ("Doe", "4711", "1970", "2020"):
        assert secret not in str(masked.rows)
    assert "Doe" not in repr(masked)
    shown = dict(inspect(path, identifiers=True).rows)
    assert shown["patient name"] == "Doe^Jane"
    assert shown["patient birth date"] == "19700131"


def test_nifti_and_other_images(tmp_path: Path, write_image: Write) -> None:
    values = np.arange(20 * 24 * 5, dtype=np.int16).reshape(20, 24, 5)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1])), tmp_path / "a.nii.gz")
    rows = dict(inspect(f"{tmp_path / 'a.nii.gz'}#slice=2").rows)
    assert rows["size"] == "20 x 24 px in 5 slices from the feet to the head"
    assert rows["spacing"] == "1 x 2 x 3 mm"
    assert rows["2 window"] == "from 0 to 2399"
    with pytest.raises(ImageError, match="name one of them"):
        inspect(tmp_path / "a.nii.gz")
    rows = dict(inspect(write_image("a.png")).rows)
    assert rows["kind"] == "PNG image"
    assert rows["shown as"] == "43 x 40 px, gray, 8 bits"
