from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
VALUES = np.random.default_rng(0).integers(0, 2000, (20, 30)).astype(np.int16)


def test_a_table_and_a_drawing(firstread: Command, write_dicom: Write, tmp_path: Path) -> None:
    path = write_dicom(VALUES, WindowCenter=40, WindowWidth=400)
    done = firstread("inspect", path, "--out", tmp_path / "seen.png")
    assert done.code == 0
    assert "2 window\tcentre 40, width 400, LINEAR\n" in done.out
    assert "patient name\t(there, masked)\n" in done.out
    assert "Doe" not in done.out + done.err
    with PIL.Image.open(tmp_path / "seen.png") as picture:
        assert picture.size == (1140, 744)


def test_identifiers_and_another_window(firstread: Command, write_dicom: Write) -> None:
    path = write_dicom(VALUES, WindowCenter=40, WindowWidth=400)
    done = firstread("inspect", path, "--identifiers", "--window", "lung")
    assert "patient name\tDoe^Jane\n" in done.out
    assert "2 window\tcentre -600, width 1500, LINEAR\n" in done.out


def test_what_can_t_be_done(firstread: Command, write_dicom: Write, tmp_path: Path) -> None:
    path = write_dicom(VALUES, NumberOfFrames=9)
    broken = firstread("inspect", path)
    assert broken.code == 2
    assert "9 frames of 30 x 20 px needs 10,800 bytes" in broken.err
    assert firstread("inspect", path, "--out", tmp_path / "a.txt").code == 2
    assert "--window" in firstread("inspect", path, "--window", "40,0").err


def test_nothing_of_the_patient_gets_out_by_way_of_pydicom_s_warnings(write_dicom: Write) -> None:
    """A value that breaks the standard makes pydicom warn, and quote it."""
    path = write_dicom(VALUES, StudyInstanceUID="1.2.3.4.5.6.7.80")
    path.write_bytes(path.read_bytes().replace(b"1.2.3.4.5.6.7.80", b"Lestrade^GMr1970"))
    with pytest.warns(UserWarning, match="Lestrade"):
        str(pydicom.dcmread(path).StudyInstanceUID)
    done = subprocess.run(
        [sys.executable, "-m", "firstread", "inspect", path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "study instance UID\t(there, masked)" in done.stdout
    assert "Lestrade" not in done.stdout + done.stderr
