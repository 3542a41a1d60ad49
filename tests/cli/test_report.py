from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import firstread as api


def test_the_report_of_a_real_run_is_written_where_it_says(
    firstread: Callable[..., Any], two_classes: Path, tmp_path: Path
) -> None:
    options = {"backbone": "resnet18", "weights": "none", "image_size": 32, "strategy": "probe"}
    run = api.train(two_classes, tmp_path / "RUN", **options)
    done = firstread("report", run.folder)
    assert done.code == 0
    path = run.folder / "report.html"
    assert done.out == f"{path}: open it in any browser\n"
    text = path.read_text(encoding="utf-8")
    assert "Can a network tell “bright” and “dark” apart?" in text
    assert str(tmp_path) not in text


def test_a_folder_that_is_no_run_is_named(firstread: Callable[..., Any], tmp_path: Path) -> None:
    done = firstread("report", tmp_path)
    assert done.code == 2
    assert "is no run of firstread" in done.err
