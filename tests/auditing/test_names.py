from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from firstread.auditing import Survey
from firstread.auditing.names import contradicted
from firstread.datasets import Dataset

NOTHING = Survey(pd.DataFrame(), np.empty((0, 64, 64), np.uint8))


def contradictions(labels: dict[str, str], root: str = "/data/run") -> set[str]:
    """The files that contradict their labels; `labels` gives the label of each path."""
    cases = pd.DataFrame(
        {"path": [f"{root}/{path}" for path in labels], "label": list(labels.values())}
    ).assign(patient=None, split="")
    found = list(contradicted(Dataset(cases, tuple(sorted(set(labels.values())))), NOTHING))
    return {str(Path(path).relative_to(root)) for finding in found for path in finding.files}


@pytest.mark.parametrize(
    "name", ["chst12.png", "CHST_7.png", "img-chst.png", "old/chst/1.png", "p3_chst_2.png"]
)
def test_names_of_another_class(name: str) -> None:
    labels = {"abd/1.png": "abd", f"abd/{name}": "abd", "chst/1.png": "chst"}
    assert contradictions(labels) == {f"abd/{name}"}


@pytest.mark.parametrize(
    "name", ["1.png", "abd1.png", "chestnut.png", "chstx.png", "abd_not_chst.png", "xchst.png"]
)
def test_names_that_contradict_nothing(name: str) -> None:
    assert not contradictions({f"abd/{name}": "abd", "chst/1.png": "chst"})


def test_longer_names_of_classes_win() -> None:
    labels = {
        "normal/a_normal_1.png": "normal",
        "not normal/not_normal_2.png": "not normal",
        "normal/not-normal_3.png": "normal",
        "not normal/normal_4.png": "not normal",
    }
    assert contradictions(labels) == {"normal/not-normal_3.png", "not normal/normal_4.png"}


def test_words_run_together_by_capitals() -> None:
    labels = {"ChestCT/HeadCT_1.png": "ChestCT", "HeadCT/2.png": "HeadCT"}
    assert contradictions(labels) == {"ChestCT/HeadCT_1.png"}


@pytest.mark.parametrize("pair", [("0", "1"), ("a", "b"), ("grade_1", "grade_2")])
def test_classes_that_names_cannot_tell_apart_are_not_read_off(pair: tuple[str, str]) -> None:
    first, second = pair
    assert not contradictions({f"{first}/{second}_7.png": first, f"{second}/1.png": second})


def test_a_table_whose_folders_say_otherwise() -> None:
    labels = {"abd/1.png": "abd", "abd/2.png": "chst", "chst/3.png": "chst"}
    assert contradictions(labels) == {"abd/2.png"}


def test_a_table_may_mix_relative_and_absolute_paths() -> None:
    cases = pd.DataFrame(
        {"path": ["abd/chst_1.png", "/x/chst/2.png"], "label": ["abd", "chst"], "split": ""}
    )
    found = list(contradicted(Dataset(cases, ("abd", "chst")), NOTHING))
    assert found[0].files == ("abd/chst_1.png",)


def test_the_root_may_be_called_anything() -> None:
    labels = {"abd/1.png": "abd", "chst/3.png": "chst"}
    assert not contradictions(labels, root="/data/chst")


def test_the_tutorials_chest_images_are_named_after_the_abdomen(hello_world: Path) -> None:
    from firstread import audit

    found = next(f for f in audit(hello_world).findings if f.code == "NAME-CONTRADICTS")
    assert {Path(file).parent.name for file in found.files} == {"chst"}
    assert len(found.files) == 5
    assert "5 labelled 'chst' and named 'abd'" in found.message
