"""Trainings that are really killed, at random moments, and go on to the same end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import firstread
from firstread.errors import DataError, RunError
from firstread.learning import Epoch
from firstread.run import UNFINISHED
from firstread.training import training

OPTIONS = {
    **{"backbone": "resnet18", "strategy": "scratch", "epochs": 6, "image_size": 32},
    **{"batch_size": 4, "precision": "float32", "patience": 5},
}
PROGRAM = """
import sys
import firstread
from firstread.learning import keeper
keeper.EVERY_S = 0.0
sys.argv[1] == "train" and firstread.train(sys.argv[2], sys.argv[3], **{options!r})
sys.argv[1] == "resume" and firstread.resume(sys.argv[3])
"""
Write = Callable[..., Path]


def start(kind: str, data: Path, out: Path) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(options=OPTIONS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", program, kind, str(data), str(out)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    two_classes: Path, tmp_path: Path
) -> None:
    assert start("train", two_classes, tmp_path / "whole").wait() == 0
    moments = random.Random(7)
    out, kills = tmp_path / "killed", 0
    process = start("train", two_classes, out)
    for _ in range(40):
        # From the moment that the run can be gone on with; most kills hit between two steps.
        while process.poll() is None and not (out / "checkpoint.pt").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        if process.poll() is None and kills < 8:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            assert (out / UNFINISHED).exists()
            with pytest.raises(RunError, match="Go on with `firstread train --resume"):
                firstread.load(out)
            process = start("resume", two_classes, out)
            continue
        if process.wait() == 0:
            break
    assert kills >= 3
    assert not (out / UNFINISHED).exists()
    assert not (out / "checkpoint.pt").exists()
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert models[0] == models[1]
    histories = [
        pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds")
        for name in ("whole", "killed")
    ]
    assert histories[0].equals(histories[1])


def stopped(data: Path, out: Path, epochs: int, **options: object) -> None:
    events = training(data, out, **{**OPTIONS, **options})
    for event in events:
        if isinstance(event, Epoch) and event.epoch == epochs:
            break
    events.close()


def test_a_stopped_training_goes_on_to_the_same_bits(two_classes: Path, tmp_path: Path) -> None:
    firstread.train(two_classes, tmp_path / "whole", **OPTIONS)
    stopped(two_classes, tmp_path / "stopped", 3)
    run = firstread.resume(tmp_path / "stopped")
    assert run.history()["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    models = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("whole", "stopped")]
    assert models[0] == models[1]
    assert firstread.load(run.folder).classes == ("bright", "dark")


def test_patients_stay_on_their_sides_and_their_names_out_of_the_folder(
    tmp_path: Path, write_image: Write
) -> None:
    rows = ["path,label,patient"]
    for number in range(24):
        label = ("dark", "bright")[number % 2]
        write_image(f"{number}.png", 60 + 130 * (number % 2), number)
        rows.append(f"{number}.png,{label},Müller-{number // 2 % 6}-{number % 2}")
    table = tmp_path / "cases.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    stopped(table, tmp_path / "RUN", 1)
    cases = pd.read_csv(tmp_path / "RUN" / "cases.csv")
    assert (cases.groupby("patient")["split"].nunique() == 1).all()
    assert cases["patient"].nunique() == 12
    firstread.resume(tmp_path / "RUN")
    texts = [p.read_bytes() for p in (tmp_path / "RUN").iterdir() if p.suffix != ".png"]
    assert not any("Müller".encode() in text for text in texts)


def test_what_cannot_be_gone_on_with_is_named(two_classes: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no such run to resume"):
        firstread.resume(tmp_path / "nowhere")
    firstread.train(two_classes, tmp_path / "done", **{**OPTIONS, "epochs": 1})
    with pytest.raises(RunError, match="is finished already"):
        firstread.resume(tmp_path / "done")
    stopped(two_classes, tmp_path / "RUN", 1)
    moved = next((two_classes / "dark").iterdir())
    moved.rename(tmp_path / "elsewhere.png")
    with pytest.raises(DataError, match="has gone"):
        firstread.resume(tmp_path / "RUN")
