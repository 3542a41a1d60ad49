from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from firstread.auditing import Finding, Survey
from firstread.auditing.patients import across, by_name, counted
from firstread.datasets import Dataset

NOTHING = Survey(pd.DataFrame(), np.empty((0, 64, 64), np.uint8))
Row = tuple[str, str | None, str]


def dataset(rows: list[Row]) -> Dataset:
    """Of rows of file, patient and part; every other one is of class a, b."""
    cases = pd.DataFrame(rows, columns=["path", "patient", "split"]).astype(object)
    cases["label"] = ["ab"[k % 2] for k in range(len(rows))]
    cases["path"] = "/data/" + cases["path"]
    return Dataset(cases, ("a", "b"))


def names(template: str, patients: int, images: int, parts: str) -> Dataset:
    """Names by a template of patient p and image i; image i goes to part i of `parts`."""
    split = {"t": "train", "v": "val", "-": ""}
    return dataset(
        [
            (template.format(p=p, i=i), None, split[parts[i]])
            for p in range(1, patients + 1)
            for i in range(images)
        ]
    )


def told(data: Dataset) -> list[Finding]:
    return [f for f in by_name(data, NOTHING) if f.severity != "not applicable"]


def of(code: str, found: list[Finding]) -> Finding:
    return next(finding for finding in found if finding.code == code)


def test_a_patient_in_two_parts_is_a_leak_and_stays_anonymous() -> None:
    rows: list[Row] = [
        ("1.png", "Mustermann", "train"),
        ("2.png", "Mustermann", "val"),
        ("3.png", "Doe", "train"),
        ("4.png", "Doe", "train"),
        ("5.png", "Roe", "val"),
    ]
    found = of("PATIENT-LEAK", list(across(dataset(rows), NOTHING)))
    assert found.severity == "severe"
    assert found.message == (
        "1 of 3 patients have images in more than one part (1 in train and val): 2 files."
    )
    assert found.groups == (("/data/1.png", "/data/2.png"),)
    assert "Mustermann" not in str(found.record())


def test_images_without_a_patient_are_listed() -> None:
    rows: list[Row] = [("1.png", "A", "train"), ("2.png", None, "val"), ("3.png", "B", "val")]
    found = list(across(dataset(rows), NOTHING))
    assert [finding.code for finding in found] == ["PATIENT-MISSING"]
    assert found[0].files == ("/data/2.png",)


@pytest.mark.parametrize(
    "template",
    [
        "p{p:03d}_{i}.png",
        "patient-{p}_view{i}.png",
        "patient {p}/{i}.png",
        "sub-{p:02d}/ses-{i}/film.png",
        "person{p}_bacteria_{i}.jpeg",
        "{p:08d}_{i:03d}.png",
        "IM-{p:04d}-{i:04d}.png",
        "train_p{p}_{i}.png",
    ],
)
def test_patterns_of_names_that_name_a_patient(template: str) -> None:
    found = of("PATIENT-NAME-LEAK", list(by_name(names(template, 8, 2, "tv"), NOTHING)))
    assert found.severity == "warning"
    assert "8 of likely 8 patients have images in more than one part" in found.message
    assert len(found.groups) == 8
    assert "#" in found.message


def test_names_whose_patients_stay_in_one_part_pass() -> None:
    together = names("p{p:03d}_{i}.png", 8, 2, "tt")
    apart = names("p9{p:02d}_{i}.png", 8, 2, "vv")
    cases = pd.concat([together.cases, apart.cases], ignore_index=True)
    assert not told(Dataset(cases, ("a", "b")))


def test_unsplit_data_are_warned_before_they_are_split() -> None:
    found = of("PATIENT-NAMES", list(by_name(names("p{p:03d}_{i}.png", 6, 3, "---"), NOTHING)))
    assert "the 18 images are likely of 6 patients" in found.message
    assert "'p###_#.png'" in found.message


@pytest.mark.parametrize(
    "template",
    [
        "abd{p}{i}.png",
        "{p}{i:05d}.jpeg",
        "img_{p}{i}.png",
        "2023_{p}{i}.png",
        "slice_{p}_of_{i}.png",
        "image_{p}_{i}.png",
        "film {p} {i} a.png",
        "scan-{p}-{i}-ct.png",
    ],
)
def test_names_that_number_images_are_no_patients(template: str) -> None:
    if template.startswith(("film", "scan")):
        template = template.replace("{i}", "{p}")
        assert not told(names(template, 10, 1, "t"))
        return
    assert not told(names(template, 8, 2, "tv"))


def test_named_patients_make_reading_names_needless() -> None:
    rows: list[Row] = [(f"p{k // 2}_{k}.png", str(k), ("train", "val")[k % 2]) for k in range(12)]
    found = list(by_name(dataset(rows), NOTHING))
    assert {finding.severity for finding in found} == {"not applicable"}


def test_patients_are_counted_by_class_and_part() -> None:
    rows: list[Row] = [(f"{k}.png", f"P{k // 4}", "train" if k < 16 else "val") for k in range(24)]
    (found,) = counted(dataset(rows), NOTHING)
    assert found.severity == "warning"
    assert found.message == (
        "24 images are of 6 patients (train a 4, train b 4, val a 2, val b 2)."
    )
    assert not list(counted(dataset([(f"{k}.png", f"P{k}", "train") for k in range(9)]), NOTHING))
