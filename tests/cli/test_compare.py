from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstread.run import Run

from ..report.conftest import make_run

Command = Callable[..., Any]
runs_of = make_run


@pytest.fixture
def runs(runs_of: Callable[..., Run]) -> list[Path]:
    return [runs_of("A").folder, runs_of("B", wrong=10).folder]


def test_figures_stand_side_by_side_and_the_page_is_named(
    firstread: Command, runs: list[Path], tmp_path: Path
) -> None:
    done = firstread("compare", *runs, "--samples", 100, "--out", tmp_path / "OUT")
    assert done.code == 0
    assert "All were judged on the same 40 validation images" in done.err
    lines = done.out.splitlines()
    assert lines[0] == "figure\tA\tB"
    assert lines[1].startswith("accuracy\t92 % (80 % to 98 %)\t75 % (59 % to 87 %)")
    assert "A is more often right than B: B is right on 30 of 40, A on 37" in done.out
    assert f"{tmp_path / 'OUT' / 'comparison.html'}: open it in any browser" in done.out
    assert (tmp_path / "OUT" / "comparison.html").exists()


def test_json_holds_images_and_differences(firstread: Command, runs: list[Path]) -> None:
    done = firstread("compare", *runs, "--samples", 100, "--json")
    record = json.loads(done.out)
    assert record["comparisons"][0]["right"]["second_only"] == 7
    assert record["images"][0].startswith("All were judged on the same 40")


def test_mistakes_are_named_before_any_work(
    firstread: Command, runs: list[Path], tmp_path: Path
) -> None:
    assert "name two runs or more" in firstread("compare", runs[0]).err
    done = firstread("compare", *runs, tmp_path / "none")
    assert (done.code, done.out) == (2, "")
    assert "none: no such run folder" in done.err
    done = firstread("compare", *runs, "--out", runs[0])
    assert "A: holds something already" in done.err
