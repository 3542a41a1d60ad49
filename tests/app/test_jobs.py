"""Trainings as processes: found again, stopped and gone on with."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firstread.app.jobs import Job, Progress
from firstread.app.shelf import Shelf
from firstread.errors import RunError
from firstread.run import Run

CHOICES = ("--backbone", "phantom_s", "--image-size", "32", "--no-audit")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_progress_is_read_from_what_was_told() -> None:
    lines = [
        '{"event": "step", "at": 10.0, "phase": "reading", "done": 1, "of": 2}\n',
        '{"event": "found", "at": 11, "images": {"train": 8}, "classes": ["a"], "left_out": 0}\n',
        '{"event": "step", "at": 20.0, "phase": "training", "done": 2, "of": 10}\n',
        '{"event": "epoch", "at": 21, "epoch": 1, "loss": 0.5, "val_loss": 0.6}\n',
        '{"event": "step", "at": 24.0, "phase": "training", "done": 4, "of": 10}\n',
        '{"event": "step", "at": 25.0, "pha',
    ]
    progress = Progress.of_lines(lines)
    assert (progress.phase, progress.done, progress.of) == ("training", 4, 10)
    assert progress.left == pytest.approx(12.0)  # 2 steps in 4 s, and 6 to go.
    assert progress.images == {"train": 8}
    assert progress.history["val_loss"].tolist() == [0.6]
    assert [kind for kind, _ in progress.told] == ["found"]
    assert Progress.of_lines([]).left is None


def test_a_mistake_is_told_as_the_command_tells_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "runs")
    shelf.job("x").start(["train", str(tmp_path / "nowhere"), "--out", str(shelf.place("x"))])
    until(lambda: not shelf.job("x").alive)
    assert shelf.state("x") == "failed"
    assert "nowhere: does not exist" in shelf.job("x").complaint()
    assert "Traceback" not in shelf.job("x").complaint()
    shelf.delete("x")
    assert shelf.entries() == []


@pytest.mark.slow
def test_a_training_outlives_who_started_it_and_can_be_stopped_and_gone_on_with(
    two_classes: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "runs")
    words = ["train", str(two_classes), "--out", str(shelf.place("x")), *CHOICES]
    # As a script's background has it, which what is started inherits.
    program = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import sys\nfrom pathlib import Path\nfrom firstread.app.shelf import Shelf\n"
        "Shelf(Path(sys.argv[1])).job('x').start(sys.argv[2:])\n"
    )
    scratch = ["--strategy", "scratch", "--epochs", "60"]
    start = [sys.executable, "-c", program, str(shelf.folder), *words, *scratch]
    subprocess.run(start, check=True)
    job = shelf.job("x")
    until(lambda: len(job.progress().history) > 2)
    assert job.alive
    assert shelf.state("x") == "training"
    with pytest.raises(RunError, match="under way already"):
        job.start(words)
    job.stop()
    assert job.stopping or not job.alive
    until(lambda: not job.alive)
    assert shelf.state("x") == "stopped"
    assert job.complaint() == ""
    job.start(["train", "--resume", str(shelf.place("x")), "--no-audit"])
    until(lambda: not job.alive)
    assert shelf.state("x") == "finished", job.complaint()
    assert Run.open(shelf.place("x")).history()["epoch"].tolist() == list(range(1, 61))
    assert Job(job.folder).progress().told[-1][0] == "result"
