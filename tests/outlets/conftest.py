"""Images as a hospital sends them, a model, and other people's programs to check results with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from firstread.outlets.model import Code, Model

PACKAGES = {
    "dciodvfy": "dicom3tools",
    "dsrdump": "dcmtk",
    "storescu": "dcmtk",
    "echoscu": "dcmtk",
    "findscu": "dcmtk",
    "Orthanc": "orthanc orthanc-dicomweb",
    "openssl": "openssl",
}
CLASSES = ("abd", "chst")


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (apt install {PACKAGES[name]})")
    return found


@pytest.fixture(scope="session")
def installed() -> Callable[[str], str]:
    """Where a program is; a test that asks for one which isn't installed is skipped."""
    return program


@pytest.fixture(scope="session")
def dciodvfy() -> Callable[[Path], list[str]]:
    """The errors that dicom3tools finds in an object, judged by the standard's own tables."""
    tool = program("dciodvfy")

    def errors(path: Path) -> list[str]:
        done = subprocess.run([tool, path], capture_output=True, text=True, errors="replace")
        lines = (done.stdout + done.stderr).splitlines()
        assert lines, "dciodvfy says nothing"
        return [line for line in lines if line.startswith("Error")]

    return errors


@pytest.fixture(scope="session")
def dsrdump() -> Callable[[Path], str]:
    """A structured report as dcmtk reads it; what it can't read fails the test."""
    tool = program("dsrdump")

    def dumped(path: Path) -> str:
        done = subprocess.run([tool, "+Pl", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # dcmtk 3.6.7 says so of every text in UTF-8.
        told = [line for line in done.stderr.splitlines() if "VR checker does not" not in line]
        assert told == []
        return done.stdout

    return dumped


@pytest.fixture(scope="session")
def model() -> Model:
    codes = {name: Code.of_label(name) for name in CLASSES}
    return Model("RUN-7", "mobilenet_v2", "0.1.0", "ab12" * 16, CLASSES, False, codes)


@pytest.fixture
def ct(tmp_path: Path) -> Callable[..., Path]:
    """Write a CT slice of a study of its own: pydicom's, under new UIDs and with other elements."""

    def write(name: str = "slice.dcm", **elements: object) -> Path:
        dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.PatientName, dataset.PatientID = "Doe^Jane", "MRN-4711"
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path)
        return path

    return write
