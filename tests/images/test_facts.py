from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset

from firstread.errors import UsageError
from firstread.images import facts, keyword

Write = Callable[..., Path]
PIXELS = np.zeros((20, 20), np.uint8)


def test_keys_and_tags(write_dicom: Write) -> None:
    path = write_dicom(
        PIXELS, StudyInstanceUID="1.2.3", PatientSex="F", ImageType=["ORIGINAL", "PRIMARY"]
    )
    known = facts(path, ["PatientSex", "ImageType", "Manufacturer"])
    assert known is not None
    assert known.keys["PatientID"] == "MRN-4711"
    assert known.keys["StudyInstanceUID"] == "1.2.3"
    assert known.tags == {
        "PatientSex": "F",
        "ImageType": "ORIGINAL\\PRIMARY",
        "Manufacturer": "",
    }
    assert "4711" not in repr(known)


@pytest.mark.parametrize(
    ("orientation", "origin", "expected"),
    [
        ([1, 0, 0, 0, 1, 0], [10, 20, 30], 30),  # Axial: from the feet to the head.
        ([1, 0, 0, 0, -1, 0], [10, 20, 30], 30),  # The same, seen from above.
        ([1, 0, 0, 0, 0, -1], [10, 20, 30], 20),  # Coronal: from the front to the back.
        ([0, 1, 0, 0, 0, -1], [10, 20, 30], 10),  # Sagittal: from the right to the left.
    ],
)
def test_positions_along_the_stack(
    write_dicom: Write, orientation: list[int], origin: list[int], expected: float
) -> None:
    path = write_dicom(PIXELS, ImageOrientationPatient=orientation, ImagePositionPatient=origin)
    known = facts(path)
    assert known is not None
    assert known.position == pytest.approx(expected)


def test_the_instance_number_stands_in_for_a_position(write_dicom: Write) -> None:
    known = facts(write_dicom(PIXELS, InstanceNumber=7))
    assert known is not None
    assert known.position == 7


def test_frames_in_the_order_of_their_places(write_dicom: Write) -> None:
    groups = []
    for z in (5.0, -5.0, 0.0):
        place, axes, group = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, z]
        axes.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        group.PlanePositionSequence, group.PlaneOrientationSequence = [place], [axes]
        groups.append(group)
    path = write_dicom(np.zeros((3, 20, 20), np.uint8), PerFrameFunctionalGroupsSequence=groups)
    known = facts(path)
    assert known is not None
    assert known.order == (2, 3, 1)


def test_nifti_and_files_without_a_header(tmp_path: Path, write_image: Write) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((20, 20, 5)), np.eye(4)), tmp_path / "a.nii.gz")
    known = facts(tmp_path / "a.nii.gz")
    assert known is not None
    assert known.order == (1, 2, 3, 4, 5)
    assert facts(write_image("a.png")) is None
    (tmp_path / "b.dcm").write_text("not DICOM, whatever the name says")
    assert facts(tmp_path / "b.dcm") is None


@pytest.mark.parametrize("name", ["PatientSex", "0010,0040", "(0010,0040)", "00100040"])
def test_elements_by_keyword_and_number(name: str) -> None:
    assert keyword(name) == "PatientSex"


@pytest.mark.parametrize(
    "name",
    ["PatientName", "PatientID", "PatientBirthDate", "StudyDate", "AccessionNumber", "0020,000D"],
)
def test_elements_that_name_a_patient_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="may name a patient or a date"):
        keyword(name)


def test_unknown_elements_get_the_close_ones() -> None:
    with pytest.raises(UsageError, match=r"Close to it: Manufacturer.*0008,0070\.$") as caught:
        keyword("Manufactuer")
    assert len(str(caught.value)) < 300
    with pytest.raises(UsageError, match="not a DICOM tag"):
        keyword("0009,0001")
