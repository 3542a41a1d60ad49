"""The whole way on the tutorial's real radiographs, by the commands that a user types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from firstread.backbones import NAMES


def firstread(*words: object) -> str:
    command = [sys.executable, "-m", "firstread", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runs(
    hello_world: Path, imagenet_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two trainings by the same command."""
    root = tmp_path_factory.mktemp("journey")
    for name in ("a", "b"):
        firstread(
            *("train", hello_world, "--backbone", "mobilenet_v2"),
            # A choice by the clock might fall otherwise the second time.
            *("--precision", "float32", "--strategy", "probe"),
            *("--weights", imagenet_file, "--out", root / name),
        )
    return root / "a", root / "b"


def test_ten_of_ten_and_the_same_figures_twice(runs: tuple[Path, Path]) -> None:
    first, second = (json.loads((run / "metrics.json").read_text()) for run in runs)
    assert first["val"]["right"] == first["val"]["images"] == 10
    assert first == second
    histories = [pd.read_csv(run / "history.csv") for run in runs]
    assert histories[0].equals(histories[1])


def test_both_test_images_are_labelled_right(runs: tuple[Path, Path], hello_world: Path) -> None:
    records = json.loads(firstread("predict", runs[0], hello_world / "test", "--json"))
    labels = {Path(record["path"]).name: record["label"] for record in records}
    assert labels == {"abd_test.png": "abd", "chest_test.png": "chst"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_trains_an_epoch_from_random_weights(
    name: str, hello_world: Path, tmp_path: Path
) -> None:
    out = firstread(
        *("train", hello_world, "--backbone", name, "--weights", "none"),
        *("--epochs", 1, "--no-audit", "--out", tmp_path / "RUN"),
    )
    assert "epoch   1  loss" in out
    assert "of 10 right" in out
    labels = json.loads(firstread("predict", tmp_path / "RUN", hello_world / "test", "--json"))
    assert len(labels) == 2
