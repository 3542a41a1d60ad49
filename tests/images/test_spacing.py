"""Millimetres a pixel, on the files that pydicom ships and on headers made for the purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file

from firstread.images import Display, read

Write = Callable[..., Path]


def region(**elements: object) -> Dataset:
    """A picture of tissue of 0.5 by 0.25 mm a pixel."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType = 1, 1
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX, made.PhysicalDeltaY = 0.025, 0.05
    made.RegionLocationMinX0 = made.RegionLocationMinY0 = 0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = 29, 19
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


SPECTRUM = {"RegionSpatialFormat": 3, "PhysicalUnitsXDirection": 4, "PhysicalDeltaX": 9.0}


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([region()], (0.5, 0.25)),
        ([region(), region(RegionLocationMinX0=15)], (0.5, 0.25)),
        ([region(), region(**SPECTRUM)], (0.5, 0.25)),
        ([region(PhysicalDeltaY=-0.05)], (0.5, 0.25)),
        ([region(), region(PhysicalDeltaX=0.03)], None),
        ([region(RegionLocationMaxX1=595)], None),
        ([region(PhysicalUnitsYDirection=0)], None),
        ([region(PhysicalDeltaX=0.0)], None),
        ([region(**SPECTRUM)], None),
        ([], None),
    ],
)
def test_ultrasound_regions(
    write_dicom: Write, regions: list[Dataset], expected: tuple[float, float] | None
) -> None:
    path = write_dicom(
        np.zeros((20, 30), np.uint8), Modality="US", SequenceOfUltrasoundRegions=regions
    )
    assert read(path).spacing == expected


def test_ultrasound_images_are_resampled() -> None:
    # Two pictures side by side, of 0.0382... cm a pixel each.
    path = get_testdata_file("gdcm-US-ALOKA-16.dcm", download=False)
    assert path is not None
    image = read(path)
    assert image.shape == (480, 640)
    assert image.spacing == pytest.approx((0.382653, 0.382653))
    assert read(path, Display(spacing=1.0)).shape == (184, 245)


def test_regions_of_an_image_that_was_cut_since_say_nothing() -> None:
    path = get_testdata_file("examples_palette.dcm", download=False)
    assert path is not None
    dataset = pydicom.dcmread(path)
    assert dataset.SequenceOfUltrasoundRegions[0].RegionLocationMaxY1 > dataset.Rows
    assert read(path).spacing is None


def test_the_spacing_in_the_patient_goes_before(write_dicom: Write) -> None:
    path = write_dicom(
        np.zeros((20, 30), np.uint8),
        PixelSpacing=[2, 3],
        ImagerPixelSpacing=[4, 5],
        SequenceOfUltrasoundRegions=[region()],
    )
    assert read(path).spacing == (2, 3)
    path = write_dicom(np.zeros((20, 30), np.uint8), ImagerPixelSpacing=[4, 5])
    assert read(path).spacing == (4, 5)
