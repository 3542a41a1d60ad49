"""Files that are an image and something else besides."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.data import get_testdata_files
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from firstread.images import besides

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 44)).astype(np.uint8)
SCRIPT = b"<script>alert(1)</script>"
SYNTAXES = (
    "",
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    DeflatedExplicitVRLittleEndian,
)


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("a.txt", "text")
    return made.getvalue()


def saved(ending: str, **options: object) -> bytes:
    made = io.BytesIO()
    mode = options.pop("mode", "L")
    PIL.Image.fromarray(PIXELS).convert(mode).save(made, ending, **options)
    return made.getvalue()


RASTERS = {
    "png": saved("PNG"),
    "png with a comment": saved("PNG", pnginfo=None, dpi=(72, 72), optimize=True),
    "jpeg": saved("JPEG"),
    "jpeg, progressive": saved("JPEG", progressive=True, quality=95),
    "jpeg, restarts": saved("JPEG", restart_marker_blocks=1, mode="RGB"),
    "jpeg with a comment": saved("JPEG", comment=b"\xff\xd9 is no end here"),
    "jpeg with a thumbnail": saved("JPEG", exif=b"Exif\0\0" + saved("JPEG")),
    "bmp": saved("BMP"),
    "bmp, one bit": saved("BMP", mode="1"),
    "bmp, colour": saved("BMP", mode="RGB"),
    "tiff": saved("TIFF"),
}
ENDED = [name for name in RASTERS if name != "tiff"]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(data: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(data)
        return path

    return written


@pytest.mark.parametrize("padding", [b"", b"\0" * 700, b"\r\n", b"\xff" * 16])
@pytest.mark.parametrize("name", RASTERS)
def test_images_and_their_padding_are_all_there_is(file, name: str, padding: bytes) -> None:
    assert besides(file(RASTERS[name] + padding)) == ""


@pytest.mark.parametrize("name", ENDED)
def test_what_follows_a_picture_is_counted(file, name: str) -> None:
    assert besides(file(RASTERS[name] + SCRIPT)) == f"has {len(SCRIPT)} bytes behind its image"
    assert besides(file(RASTERS[name] + SCRIPT + RASTERS[name][-2:])) != ""


@pytest.mark.parametrize("name", RASTERS)
def test_archives_are_found_behind_everything(file, name: str) -> None:
    assert besides(file(RASTERS[name] + archive())) == "is a zip archive as well"
    assert zipfile.is_zipfile(file(RASTERS[name] + archive()))


def test_an_archive_in_a_comment_is_found(file) -> None:
    path = file(saved("JPEG", comment=archive()))
    assert zipfile.is_zipfile(path)
    assert besides(path) == "is a zip archive as well"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_dicom(file, write_dicom, syntax: str) -> None:
    sound = write_dicom(PIXELS, syntax=syntax).read_bytes()
    for padding in (b"", bytes(100)):
        assert besides(file(sound + padding)) == ""
    assert besides(file(sound + archive())) == "is a zip archive as well"
    if syntax != DeflatedExplicitVRLittleEndian:
        assert besides(file(sound + SCRIPT)) == f"has {len(SCRIPT)} bytes behind its image"


def test_trailing_padding_of_dicom_is_no_surplus(write_dicom, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_dicom(PIXELS))
    dataset.DataSetTrailingPadding = b"\x07" * 126
    dataset.save_as(tmp_path / "padded")
    assert besides(tmp_path / "padded") == ""


def test_a_preamble_may_be_a_tiff_and_no_program(file, write_dicom) -> None:
    sound = write_dicom(PIXELS).read_bytes()
    for start in (b"II*\0", b"\x5c\x01\0\0"):  # TIFF, and the header of an Analyze image.
        assert besides(file(start + sound[4:])) == ""
    for start in (b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh\n", b"%PDF-1.7", b"PK\x03\x04"):
        told = besides(file(start + sound[len(start) :]))
        assert told == "begins as a file of another kind"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti(file, kind: type) -> None:
    sound = kind(np.arange(24000, dtype=np.int16).reshape(20, 30, 40), np.eye(4)).to_bytes()
    assert besides(file(sound)) == ""
    assert besides(file(sound + SCRIPT)) == f"has {len(SCRIPT)} bytes behind its image"
    assert besides(file(gzip.compress(sound))) == ""
    assert besides(file(gzip.compress(sound) + archive())) == "is a zip archive as well"


def test_files_of_many_makers_hold_nothing_else() -> None:
    paths = [Path(name) for name in get_testdata_files() if Path(name).is_file()]
    found = {path.name: besides(path) for path in paths if path.suffix != ".zip"}
    assert len(found) > 50
    assert {name: told for name, told in found.items() if told} == {}
