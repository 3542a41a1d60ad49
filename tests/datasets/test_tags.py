from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firstread.datasets import load, with_validation
from firstread.errors import DataError, UsageError

Write = Callable[..., Path]
RNG = np.random.default_rng(0)


@pytest.fixture
def studies(write_dicom: Write, tmp_path: Path) -> Path:
    """Six patients with two studies of two images each, in a folder without names that tell."""
    for patient in range(6):
        for study in range(2):
            for image in range(2):
                number = patient * 4 + study * 2 + image
                write_dicom(
                    RNG.integers(0, 255, (20, 20)).astype(np.uint8),
                    f"data/IM{number:04d}",
                    PatientID=f"MRN-{patient}",
                    PatientName=f"Doe^{patient}",
                    StudyInstanceUID=f"1.2.{patient}.{study}",
                    SeriesInstanceUID=f"1.2.{patient}.{study}.{image}",
                    SOPInstanceUID=f"1.2.{patient}.{study}.{image}.1",
                    AccessionNumber=f"A{patient}{study}",
                    Manufacturer="ACME" if patient % 2 else "Other",
                )
    return tmp_path / "data"


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def label(patient: int) -> str:
    return "ill" if patient % 2 else "well"


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("PatientID", [(f"MRN-{p}", label(p)) for p in range(6)]),
        ("patient id", [(f"MRN-{p}", label(p)) for p in range(6)]),
        ("AccessionNumber", [(f"A{p}{s}", label(p)) for p in range(6) for s in range(2)]),
        ("StudyInstanceUID", [(f"1.2.{p}.{s}", label(p)) for p in range(6) for s in range(2)]),
        (
            "SOPInstanceUID",
            [(f"1.2.{p}.{s}.{i}.1", label(p)) for p in range(6) for s in range(2) for i in (0, 1)],
        ),
    ],
)
def test_tables_keyed_by_what_headers_say(
    studies: Path, key: str, lines: list[tuple[str, str]]
) -> None:
    text = "\n".join([f"{key},label,note", *(f"{value},{label},x" for value, label in lines)])
    cases = load(table(studies, text)).cases
    assert len(cases) == 24
    for path, given in zip(cases["path"], cases["label"], strict=True):
        assert given == label(int(Path(path).name[2:]) // 4)
    assert sorted(cases.columns) == ["label", "note", "path", "patient", "split"]
    assert "MRN" not in cases.to_csv()


def test_patients_are_hashes_with_a_salt_of_their_own_and_stay_together(studies: Path) -> None:
    rows = "\n".join(f"MRN-{patient},{label(patient)}" for patient in range(6))
    path = table(studies, f"PatientID,label\n{rows}\n")
    first, second = load(path), load(path)
    patients = first.cases["patient"]
    assert patients.nunique() == 6
    assert all(re.fullmatch(r"patient-\d{5}-[0-9a-f]{8}", name) for name in patients)
    assert set(patients).isdisjoint(second.cases["patient"])
    groups = first.cases.groupby(first.cases["path"].map(lambda p: int(Path(p).name[2:]) // 4))
    assert (groups["patient"].nunique() == 1).all()
    parted, again = with_validation(first, 3), with_validation(second, 3)
    assert (parted.cases.groupby("patient")["split"].nunique() == 1).all()
    assert parted.cases["split"].tolist() == again.cases["split"].tolist()


def test_class_folders_get_their_patients_from_the_headers(
    write_dicom: Write, write_image: Write, tmp_path: Path
) -> None:
    for number in range(8):
        write_dicom(
            RNG.integers(0, 255, (20, 20)).astype(np.uint8),
            f"d/{'ab'[number % 2]}/{number}",
            PatientID=f"P{number % 4}",
            StudyInstanceUID=f"1.{number}",
        )
    write_image("d/a/plain.png")
    cases = load(tmp_path / "d").cases
    assert cases["patient"].nunique() == 4
    assert cases.loc[cases["path"].str.endswith("png"), "patient"].isna().all()


def test_one_id_for_all_says_nothing_and_studies_are_the_groups(
    write_dicom: Write, tmp_path: Path
) -> None:
    for number in range(8):
        write_dicom(
            np.full((20, 20), number, np.uint8),
            f"d/{'ab'[number % 2]}/{number}",
            PatientID="ANONYMOUS",
            StudyInstanceUID=f"1.{number // 4}",
        )
    assert load(tmp_path / "d").cases["patient"].nunique() == 2


def test_columns(studies: Path) -> None:
    rows = "\n".join(f"MRN-{patient},{label(patient)}" for patient in range(6))
    path = table(studies, f"PatientID,label\n{rows}\n")
    cases = load(path, columns=["Manufacturer", "0010,0040"]).cases
    assert set(cases["Manufacturer"]) == {"ACME", "Other"}
    assert set(cases["PatientSex"]) == {""}
    with pytest.raises(UsageError, match="may name a patient"):
        load(path, columns=["PatientName"])
    own = table(studies, f"PatientID,label,Manufacturer\n{rows.replace('ll', 'll,x')}\n")
    with pytest.raises(UsageError, match="the table has a column of that name already"):
        load(own, columns=["Manufacturer"])


def test_bad_keys_are_named_by_their_lines_and_never_quoted(studies: Path) -> None:
    path = table(studies, "PatientID,label\nMRN-0,a\nMRN-999,b\nMRN-0,b\n,a\n")
    with pytest.raises(DataError) as caught:
        load(path)
    message = str(caught.value)
    assert "line 3: no DICOM file has this PatientID" in message
    assert "line 4: the same PatientID stands on line 2; keep one" in message
    assert "line 5: the PatientID is empty" in message
    assert "24 images lie in" in message
    assert "MRN" not in message


def test_a_patient_id_beside_paths_groups_and_is_not_kept(
    write_image: Write, tmp_path: Path
) -> None:
    for number in range(4):
        write_image(f"{number}.png", seed=number)
    lines = [f"{number}.png,{'ab'[number % 2]},MRN{number // 2}" for number in range(4)]
    path = table(tmp_path, "\n".join(["path,label,Patient ID", *lines]))
    cases = load(path).cases
    assert cases["patient"].nunique() == 2
    assert "MRN" not in cases.to_csv()
