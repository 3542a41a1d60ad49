from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from firstread.crossvalidating import crossvalidating, permuting
from firstread.datasets import Dataset
from firstread.evidence.crossvalidation import CrossValidation
from firstread.evidence.permutation import Control
from firstread.learning import Material
from firstread.progress import returned


@pytest.fixture
def dataset() -> Dataset:
    rows = [
        (f"{number}.png", ("ill", "well")[number % 2], f"p{number // 4}", "train")
        for number in range(80)
    ]
    rows += [
        (f"t{number}.png", ("ill", "well")[number % 2], f"q{number}", "test") for number in range(6)
    ]
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"])
    return Dataset(cases, ("ill", "well"))


def told(material: Material) -> np.ndarray:
    """A procedure that knows the truth from the files' names, and looks at what it is given."""
    parts = material.dataset
    held = parts.part("test")
    assert set(held.cases["label"]) == {"ill"}  # The truth has been blotted out.
    assert not any(path.startswith("t") for path in parts.cases["path"])
    patients = [set(parts.part(split).cases["patient"]) for split in ("train", "val", "test")]
    assert not patients[0] & patients[2]
    assert not patients[1] & patients[2]
    assert not patients[0] & patients[1]
    numbers = [int(Path(path).stem) % 2 for path in held.cases["path"]]
    return np.where(np.arange(2) == np.array(numbers)[:, None], 0.9, 0.1)


def learned(material: Material) -> np.ndarray:
    """A procedure that gives each image the label of the training images whose number is alike."""
    training = material.dataset.part("train")
    odd = np.array([int(Path(path).stem) % 2 for path in training.cases["path"]])
    votes = [training.targets[odd == parity].mean() for parity in (0, 1)]
    held = material.dataset.part("test").cases["path"]
    second = np.array([votes[int(Path(path).stem) % 2] for path in held])
    return np.stack([1 - second, second], axis=1)


def test_every_image_but_those_of_the_test_part_is_judged_by_others(dataset: Dataset) -> None:
    found = returned(crossvalidating(Material(dataset), told, count=4, repeats=2, seed=0))
    assert isinstance(found, CrossValidation)
    predictions = found.predictions()
    assert len(predictions) == 160
    assert found.scores()["accuracy"].tolist() == [1.0] * 8
    assert "4 folds, 2 times" in found.sentence()


def test_shuffled_labels_teach_nothing(dataset: Dataset) -> None:
    control = returned(permuting(Material(dataset), learned, count=4, times=19, seed=0))
    assert isinstance(control, Control)
    assert control.accuracy == 1.0
    assert 0.3 < np.mean(control.shuffled) < 0.7
    assert control.p_value == pytest.approx(0.05)
