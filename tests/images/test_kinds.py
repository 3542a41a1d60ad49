from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.data import get_testdata_file

from firstread.datasets import images_in, load
from firstread.errors import DataError, ImageError
from firstread.images import is_directory, is_image, kind_of, listed_in, read

Write = Callable[..., Path]
PIXELS = np.random.default_rng(0).integers(0, 255, (20, 20)).astype(np.uint8)


def shipped(name: str) -> Path:
    """A file of pydicom's own tests."""
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP", "dicom", "nifti"])
def test_files_are_known_by_content(write_dicom: Write, tmp_path: Path, format_: str) -> None:
    path = tmp_path / "00000001"
    if format_ == "dicom":
        write_dicom(PIXELS, name=path.name)
    elif format_ == "nifti":
        head = bytearray(352)
        head[:4], head[344:348] = (348).to_bytes(4, "little"), b"n+1\0"
        path.write_bytes(gzip.compress(bytes(head)))
    else:
        PIL.Image.fromarray(PIXELS).save(path, format_)
    kind = kind_of(path)
    assert kind == (format_ if format_ in ("dicom", "nifti") else "raster")
    assert is_image(path)
    if kind != "nifti":
        assert read(path).shape == (20, 20)


def test_names_don_t_matter(write_dicom: Write, tmp_path: Path) -> None:
    path = write_dicom(PIXELS, name="scan.png")
    np.testing.assert_array_equal(read(path).pixels, PIXELS)


@pytest.mark.parametrize(
    "name",
    ["reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm", "DICOMDIR", "liver_1frame.dcm"],
)
def test_objects_without_images_are_passed_over(name: str) -> None:
    assert not is_image(shipped(name))
    assert kind_of(shipped(name)) == "dicom"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "rtdose.dcm"])
def test_objects_with_images_are_taken_without_their_suffix(name: str, tmp_path: Path) -> None:
    path = tmp_path / "IM1"
    shutil.copy(shipped(name), path)
    assert is_image(path) == (name != "rtdose.dcm")


@pytest.mark.parametrize("content", [b"", b"hello world, this is text", b"\x08\x00" * 300])
def test_other_files_are_no_images(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    assert kind_of(path) is None
    assert not is_image(path)


def test_damaged_files_with_an_image_s_name_are_named_later(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.nii.gz", "c.png"):
        (tmp_path / name).write_bytes(b"damaged" * 50)
    assert [path.name for path in images_in(tmp_path)] == ["a.dcm", "b.nii.gz", "c.png"]
    with pytest.raises(ImageError, match="is not an image"):
        read(tmp_path / "a.dcm")


def test_a_mixed_folder(write_dicom: Write, write_image: Write, tmp_path: Path) -> None:
    for label in ("a", "b"):
        for seed in range(2):
            write_dicom(PIXELS, f"d/{label}/IM{seed}")
            write_image(f"d/{label}/{seed}.png", seed=seed)
    shutil.copy(shipped("reportsi.dcm"), tmp_path / "d" / "a" / "SR1")
    shutil.copy(shipped("DICOMDIR"), tmp_path / "d" / "DICOMDIR")
    dataset = load(tmp_path / "d")
    assert dataset.cases["label"].value_counts().to_dict() == {"a": 4, "b": 4}
    assert sorted(path.name for path in dataset.passed_over) == ["DICOMDIR", "SR1"]


def test_a_directory_s_images_in_its_order() -> None:
    directory = shipped("DICOMDIR")
    assert is_directory(directory)
    expected = [
        directory.parent.joinpath(*record.ReferencedFileID)
        for record in pydicom.dcmread(directory).DirectoryRecordSequence
        if record.DirectoryRecordType == "IMAGE"
    ]
    assert len(expected) == 31
    assert listed_in(directory) == expected
    assert images_in(directory) == expected


def test_a_directory_without_its_files_and_one_that_leads_out(tmp_path: Path) -> None:
    shutil.copy(shipped("DICOMDIR"), tmp_path / "DICOMDIR")
    with pytest.raises(DataError, match="which does not exist"):
        listed_in(tmp_path / "DICOMDIR")
    dataset = pydicom.dcmread(tmp_path / "DICOMDIR")
    for record in dataset.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["..", "..", "passwd"]
    dataset.save_as(tmp_path / "DICOMDIR")
    with pytest.raises(ImageError, match="lists no images"):
        listed_in(tmp_path / "DICOMDIR")
