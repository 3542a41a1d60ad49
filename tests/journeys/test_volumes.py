"""Volumes and multi-frame files from training to prediction: the same slices are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

import firstread
from firstread.errors import UsageError

RNG = np.random.default_rng(0)
CHOICES = {"backbone": "resnet18", "weights": "none", "epochs": 1, "image_size": 32}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the slices at a quarter and at half of volumes of 21 slices."""
    root = tmp_path_factory.mktemp("volumes")
    for label, level in (("dark", 100), ("bright", 900)):
        (root / "data" / label).mkdir(parents=True)
        for number in range(4):
            values = RNG.integers(0, 100, (32, 32, 21)) + level
            image = nibabel.Nifti1Image(values.astype(np.int16), np.eye(4))
            nibabel.save(image, root / "data" / label / f"{number}.nii.gz")
    choices = {**CHOICES, "window": "500,1000", "slices": "25%,50%"}
    return firstread.train(root / "data", root / "RUN", **choices, audit=False).folder


def test_a_run_says_which_slices_it_saw(run: Path) -> None:
    assert json.loads((run / "plan.json").read_text())["slices"] == "25%,50%"
    seen = pd.read_csv(run / "cases.csv")["path"].str.split("#").str[1]
    assert sorted(set(seen)) == ["slice=11", "slice=6"]


def test_a_repeated_plan_sees_the_same(run: Path, tmp_path: Path) -> None:
    plan = firstread.learning.Plan.load(run / "plan.json")
    again = firstread.train(plan.data, tmp_path / "AGAIN", plan=plan, audit=False).folder
    first, second = (pd.read_csv(folder / "cases.csv") for folder in (run, again))
    pd.testing.assert_frame_equal(first, second)


def test_predictions_and_judgements_look_where_the_training_did(run: Path) -> None:
    classifier = firstread.load(run)
    volume = run.parent / "data" / "dark" / "0.nii.gz"
    expected = [f"{volume}#slice=6", f"{volume}#slice=11"]
    assert classifier.predict(volume)["path"].tolist() == expected
    assert classifier.predict_proba([volume]).shape == (2, 2)
    other = classifier.predict(volume, slices="middle")
    assert other["path"].tolist() == [f"{volume}#slice=11"]
    judged = firstread.evaluate(run, run.parent / "data", samples=100)
    assert set(judged.predictions["path"].str.split("#").str[1]) == {"slice=6", "slice=11"}
    with pytest.raises(UsageError, match="there are only 21"):
        classifier.predict(volume, slices="22")


def test_frames_of_a_dicom_file_and_files_of_a_series(
    run: Path, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    classifier = firstread.load(run)
    cine = write_dicom(RNG.integers(0, 255, (9, 32, 32)).astype(np.uint8), "echo.dcm")
    assert classifier.predict(cine)["path"].tolist() == [f"{cine}#frame=3", f"{cine}#frame=5"]
    files = [
        write_dicom(
            RNG.integers(0, 255, (32, 32)).astype(np.uint8),
            f"series/{place}",
            SeriesInstanceUID="1.2.3",
            InstanceNumber=place,
        )
        for place in range(1, 6)
    ]
    chosen = classifier.predict(tmp_path / "series")["path"]
    assert chosen.tolist() == [str(files[1]), str(files[2])]
    # Whoever names files one by one means each of them.
    assert classifier.predict(files)["path"].tolist() == [str(file) for file in files]


def test_a_wrong_choice_is_refused_even_where_there_are_no_volumes(
    two_classes: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="'half' chooses no frames or slices; write each"):
        firstread.train(two_classes, tmp_path / "RUN", **CHOICES, slices="half")
    assert not (tmp_path / "RUN").exists()
