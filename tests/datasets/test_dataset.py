from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firstread.datasets import Dataset, load, with_validation
from firstread.errors import DataError

Write = Callable[..., Path]


def table(tmp_path: Path, write_image: Write, text: str, images: int = 12) -> Path:
    for number in range(images):
        write_image(f"{number}.png", seed=number)
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return path


def several(tmp_path: Path, write_image: Write) -> Dataset:
    labels = ["effusion;nodule", "effusion", "nodule", ""] * 3
    rows = "\n".join(f"{n}.png,{label}" for n, label in enumerate(labels))
    return load(table(tmp_path, write_image, f"path,label\n{rows}\n"))


def test_semicolons_give_an_image_several_labels_or_none(
    tmp_path: Path, write_image: Write
) -> None:
    dataset = several(tmp_path, write_image)
    assert dataset.multilabel
    assert dataset.classes == ("effusion", "nodule")
    assert dataset.targets[:4].tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]


def test_columns_of_marks_are_the_same_data_set(tmp_path: Path, write_image: Write) -> None:
    marks = ["1,1", "1,0", "0,1", "0,0"] * 3
    rows = "\n".join(f"{n}.png,{mark}" for n, mark in enumerate(marks))
    path = table(tmp_path, write_image, f"path,label_effusion,label_nodule\n{rows}\n")
    marked = load(path)
    assert marked.multilabel
    assert np.array_equal(marked.targets, several(tmp_path, write_image).targets)


def test_a_mark_that_is_neither_0_nor_1_is_named(tmp_path: Path, write_image: Write) -> None:
    path = table(tmp_path, write_image, "path,label_a,label_b\n0.png,1,0\n1.png,yes,1\n")
    with pytest.raises(DataError, match="line 3: label_a is 'yes'; write 1 where the label fits"):
        load(path)


def test_counts_are_of_labels_and_parts_keep_them_in_proportion(
    tmp_path: Path, write_image: Write
) -> None:
    dataset = several(tmp_path, write_image)
    parted = with_validation(dataset, seed=0)
    counts = parted.counts()
    assert counts.sum(axis=1).to_dict() == {"effusion": 6, "nodule": 6}
    assert (counts["val"] >= 1).all()
    again = with_validation(dataset, seed=0)
    assert parted.cases["split"].tolist() == again.cases["split"].tolist()


def test_patients_with_several_labels_stay_on_one_side(tmp_path: Path, write_image: Write) -> None:
    labels = ["a;b", "a", "b", ""] * 6
    rows = "\n".join(f"{n}.png,{label},p{n // 2}" for n, label in enumerate(labels))
    path = table(tmp_path, write_image, f"path,label,patient\n{rows}\n", images=24)
    cases = with_validation(load(path), seed=1).cases
    assert (cases.groupby("patient")["split"].nunique() == 1).all()


def test_a_label_that_every_image_has_is_refused(tmp_path: Path, write_image: Write) -> None:
    path = table(tmp_path, write_image, "path,label\n0.png,a;b\n1.png,a\n2.png,a;b\n")
    with pytest.raises(DataError, match="every training image has the label 'a'"):
        load(path)


def test_a_tables_other_columns_and_their_names_stay(tmp_path: Path, write_image: Write) -> None:
    rows = "\n".join(f"{n}.png,{'ab'[n % 2]},{n}" for n in range(12))
    cases = load(table(tmp_path, write_image, f"Path,LABEL,Age\n{rows}\n")).cases
    assert {"path", "label", "Age"} <= set(cases)


def test_groups_are_patients_or_else_the_images_themselves(
    tmp_path: Path, write_image: Write
) -> None:
    text = "path,label,patient\n0.png,a,p1\n1.png,a,p1\n2.png,b,\n3.png,b,p2\n"
    dataset = load(table(tmp_path, write_image, text))
    assert dataset.groups.tolist() == ["p1", "p1", dataset.cases["path"][2], "p2"]
    taken = dataset.take(np.array([3, 0]))
    assert taken.cases["label"].tolist() == ["b", "a"]


def test_images_to_be_judged_alone_may_be_of_one_class_or_of_a_test_part(
    tmp_path: Path, write_image: Write
) -> None:
    write_image("one/ill/0.png")
    with pytest.raises(DataError, match="has one class"):
        load(tmp_path / "one")
    assert load(tmp_path / "one", trained=False).classes == ("ill",)
    write_image("parts/test/ill/0.png")
    write_image("parts/test/well/0.png")
    judged = load(tmp_path / "parts", trained=False)
    assert judged.classes == ("ill", "well")
    assert judged.cases["split"].tolist() == ["test", "test"]
