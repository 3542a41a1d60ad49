from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from firstread.cli.lines import write_lines
from firstread.progress import Notice, Step

Command = Callable[..., Any]


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_training_is_told_as_lines_of_json(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    choices = ("--backbone", "resnet18", "--weights", "none", "--epochs", 2, "--image-size", 32)
    run = tmp_path / "run"
    done = firstread("train", two_classes, "--out", run, *choices, "--json")
    assert done.code == 0
    events = parsed(done.out)
    kinds = [event["event"] for event in events]
    assert [kind for kind in kinds if kind != "step"] == [
        *("audit", "found", "ready", "epoch", "epoch", "result"),
    ]
    found = events[kinds.index("found")]
    assert found["images"] == {"train": 13, "val": 3}
    assert found["classes"] == ["bright", "dark"]
    epochs = pd.DataFrame([event for event in events if event["event"] == "epoch"])
    kept = pd.read_csv(run / "history.csv")
    pd.testing.assert_frame_equal(epochs[list(kept)], kept)
    assert events[-1]["run"] == str(run)
    times = [event["at"] for event in events]
    assert times == sorted(times)


def test_of_many_steps_the_first_and_last_of_each_phase_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = [Step(phase, n, 1000) for phase in ("reading", "training") for n in range(1, 1001)]
    write_lines([*steps, Notice("ünicode \udc80")])
    events = parsed(capsys.readouterr().out)
    assert len(events) < 100
    for phase in ("reading", "training"):
        told = [event["done"] for event in events if event.get("phase") == phase]
        assert (told[0], told[-1]) == (1, 1000)
    assert events[-1]["text"] == "ünicode \udc80"


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="no way to write"):
        write_lines([object()])
