from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import firstread as api

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluate")
    for part, shift in (("data", 0), ("other", 7)):
        for k in range(8):
            for name, level in [("dark", 40 + k + shift), ("bright", 200 + k + shift)]:
                path = root / part / name / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                PIL.Image.new("L", (40, 40 + k), level).save(path)
    options = {"backbone": "resnet18", "weights": "none", "epochs": 1, "image_size": 32}
    return api.train(root / "data", root / "RUN", **options).folder


def test_figures_come_with_intervals_after_what_differs(
    firstread: Command, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "OUT"
    done = firstread("evaluate", run, run.parent / "other", "--samples", 100, "--out", out)
    assert done.code == 0
    assert "things looked at" in done.err
    lines = done.out.splitlines()
    assert lines[0] == "figure\tall classes\tbright\tdark"
    assert lines[1].startswith("accuracy\t")
    assert " % to " in lines[1]
    assert any("of 16 images right" in line for line in lines)
    assert f"Predictions, figures and drawings are in {out}." in done.out
    assert (out / "roc.png").exists()


def test_json_holds_everything(firstread: Command, run: Path) -> None:
    words = ("--samples", 100, "--json", "--prevalence", "0.2", "--positive", "bright")
    done = firstread("evaluate", run, run.parent / "other", *words)
    record = json.loads(done.out)
    assert record["images"] == 16
    assert record["prevalence"] == {"bright": 0.2, "dark": 0.8}
    assert {"figures", "shift", "subgroups", "temperature", "sentences"} <= record.keys()
    assert record["figures"][0].keys() == {
        *("figure", "class", "value", "low", "high", "method", "n")
    }


def test_training_images_are_pointed_out(firstread: Command, run: Path) -> None:
    done = firstread("evaluate", run, run.parent / "data", "--samples", 100)
    assert done.code == 0
    assert "the run has used already to train: figures on them mean nothing" in done.err


def test_a_choice_is_not_judged_on_the_images_that_it_was_made_on(
    firstread: Command, run: Path
) -> None:
    done = firstread("evaluate", run, run.parent / "data", "--operating", "youden")
    assert done.code == 2
    assert "served to choose between models or thresholds" in done.err


def test_mistakes_are_named(firstread: Command, run: Path) -> None:
    done = firstread("evaluate", run, run.parent / "other", "--by", "sex")
    assert done.code == 2
    assert "--by sex: the data has no such column" in done.err
    done = firstread("evaluate", run.parent / "none", run.parent / "other")
    assert done.code == 2
    assert "no such run folder" in done.err
