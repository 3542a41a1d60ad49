from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]
QUICK = ("--backbone", "resnet18", "--weights", "none", "--image-size", 32)


def test_rule_and_measurement_stand_side_by_side(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "curve.png"
    done = firstread("advise", two_classes, *QUICK, "--budget", "20s", "--figure", figure)
    assert done.code == 0, done.err
    assert "compared\taccuracy (%)\t95 % interval" in done.out
    assert "raw pixels, 28 x 28 (control)" in done.out
    assert "The tutorial's rule: little data" in done.out
    assert "The measurement: " in done.out
    assert figure.stat().st_size > 10_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "data"]


def test_a_time_that_is_none_is_named(firstread: Command, two_classes: Path) -> None:
    done = firstread("advise", two_classes, "--budget", "soon")
    assert done.code == 2
    assert "'soon' is no time; write for instance 45s, 2m or 1h" in done.err.replace("\n", " ")


def test_a_figure_that_cannot_be_drawn_is_named_first(
    firstread: Command, two_classes: Path
) -> None:
    done = firstread("advise", two_classes, "--figure", "curve.docx")
    assert done.code == 2
    assert "the name must end in one of" in done.err


def test_a_plan_is_shown_and_repeated(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert firstread("train", two_classes, "--out", first, *QUICK, "--budget", "20s").code == 0
    shown = firstread("show", first)
    assert shown.code == 0
    assert "strategy\tprobe" in shown.out
    assert "raw pixels, 28 x 28 (control)" in shown.out
    assert "val: accuracy" in shown.out
    done = firstread("train", "--plan", first / "plan.json", "--out", second)
    assert done.code == 0, done.err
    models = [(run / "model.safetensors").read_bytes() for run in (first, second)]
    assert models[0] == models[1]
    assert firstread("show", second, "--json").out == (second / "plan.json").read_text()


def test_resume_takes_nothing_else(firstread: Command, tmp_path: Path) -> None:
    done = firstread("train", "--resume", tmp_path, "--epochs", 3)
    assert done.code == 2
    assert "drop --epochs" in done.err


def test_what_is_missing_is_asked_for(firstread: Command, two_classes: Path) -> None:
    assert "--out RUN is missing" in firstread("train", two_classes).err
    assert "DATA is missing" in firstread("train", "--out", "RUN").err
