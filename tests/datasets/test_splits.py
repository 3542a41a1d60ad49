from __future__ import annotations

import pandas as pd
import pytest

from firstread.datasets import Dataset, with_validation
from firstread.errors import DataError


def dataset(labels: list[str], patients: list[str | None] | None = None) -> Dataset:
    cases = pd.DataFrame(
        {
            "path": [f"{k}.png" for k in range(len(labels))],
            "label": labels,
            "patient": patients or [None] * len(labels),
            "split": "",
        },
        dtype=object,
    )
    return Dataset(cases, tuple(sorted(set(labels))))


def test_a_fifth_is_set_aside_with_the_classes_in_proportion() -> None:
    counts = with_validation(dataset(["a"] * 80 + ["b"] * 20), seed=0).counts()
    assert counts["val"].to_dict() == {"a": 16, "b": 4}


def test_smallest_data_has_every_class_on_both_sides() -> None:
    counts = with_validation(dataset(["a", "a", "b", "b", "c", "c"]), seed=3).counts()
    assert (counts == 1).all().all()


def test_same_seed_same_split() -> None:
    data = dataset(["a"] * 30 + ["b"] * 30)
    one, two, other = (with_validation(data, seed).cases["split"] for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


@pytest.mark.parametrize("seed", range(5))
def test_a_patient_stays_on_one_side(seed: int) -> None:
    labels = ["a" if k % 2 else "b" for k in range(60)]
    patients = [f"P{k // 6}" for k in range(60)]
    cases = with_validation(dataset(labels, patients), seed).cases
    assert (cases.groupby("patient")["split"].nunique() == 1).all()
    assert set(cases["split"]) == {"train", "val"}


def test_given_validation_is_left_alone() -> None:
    data = dataset(["a", "a", "b", "b"])
    given = Dataset(data.cases.assign(split=["train", "val", "train", "val"]), data.classes)
    assert with_validation(given, 0).cases["split"].tolist() == ["train", "val", "train", "val"]


def test_a_class_of_one_patient_can_not_be_parted() -> None:
    with pytest.raises(DataError, match="class 'a' can't have images both"):
        with_validation(dataset(["a", "a", "b", "b"], ["1", "1", "2", "3"]), 0)
