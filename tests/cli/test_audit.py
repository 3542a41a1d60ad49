from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from firstread.cli import screen

Command = Callable[..., Any]


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """Two classes in two parts, with one image in both parts and one that can't be read."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("dark", "bright"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for k in range(4):
                noise = rng.integers(0, 100, (40, 40)) + (100 if name == "bright" else 0)
                PIL.Image.fromarray(noise.astype(np.uint8)).save(folder / f"{k}.png")
    data = tmp_path / "data"
    (data / "val" / "dark" / "copy.png").write_bytes((data / "train/dark/0.png").read_bytes())
    (data / "val" / "dark" / "bad.png").write_text("no image")
    return data


def test_the_worst_is_told_first_with_files_reasons_and_a_way_out(
    firstread: Command, leaking: Path
) -> None:
    done = firstread("audit", leaking)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "severe: DUPLICATE-LEAK"
    assert lines[1].startswith("1 picture stands in the data in more than one part")
    assert lines[2] == "    train/dark/0.png = val/dark/copy.png"
    assert lines[3].startswith("Why it matters: ")
    assert lines[4].startswith("What to do: ")
    assert "warning: UNREADABLE" in lines
    assert "passed:" in lines
    assert re.fullmatch(r"18 images: \d severe, \d warnings?, \d notes?\.", lines[-1])
    assert done.err == ""
    assert "\x1b" not in done.out


def test_strict_ends_with_code_1_where_a_finding_is_severe(
    firstread: Command, leaking: Path, two_classes: Path
) -> None:
    assert firstread("audit", leaking, "--strict").code == 1
    assert firstread("audit", leaking, "--strict", "--json").code == 1


def test_strict_passes_what_is_not_severe(firstread: Command, two_classes: Path) -> None:
    assert firstread("audit", two_classes, "--strict").code == 0


def test_json_is_a_list_of_findings(firstread: Command, leaking: Path) -> None:
    done = firstread("audit", leaking, "--json")
    findings = json.loads(done.out)
    assert all(
        {"code", "severity", "message", "files", "advice", "why"} <= set(found)
        for found in findings
    )
    assert findings[0]["code"] == "DUPLICATE-LEAK"
    assert findings[0]["groups"] == [
        [str(leaking / "train/dark/0.png"), str(leaking / "val/dark/copy.png")]
    ]


def test_only_the_first_files_are_listed(firstread: Command, leaking: Path) -> None:
    for k in range(9):
        (leaking / "train" / "dark" / f"bad{k}.png").write_text("no image")
    out = firstread("audit", leaking).out
    assert out.count("/bad") == 3
    assert "... and 7 more files (--json lists all)" in out


def test_a_terminal_shows_it_within_its_width(
    firstread: Command, leaking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Console(
        force_terminal=True, color_system=None, width=80, highlight=False, soft_wrap=True
    )
    monkeypatch.setattr(screen, "console", terminal)
    lines = firstread("audit", leaking).out.splitlines()
    assert max(map(len, lines)) <= 80


def test_missing_data_end_with_code_2(firstread: Command, tmp_path: Path) -> None:
    done = firstread("audit", tmp_path / "nowhere")
    assert done.code == 2
    assert "does not exist" in done.err


def test_the_tutorials_data(firstread: Command, hello_world: Path) -> None:
    out = firstread("audit", hello_world).out
    assert "    val/abd/abd3.png = val/abd/abd4.png" in out
    assert (
        "10 images in val/ (abd 5, chst 5): all right would mean 69 % to 100 %; at 90 % accuracy, "
        "an interval of 5 points either way needs about 140."
    ) in out
