"""The run folder: its file names and formats, in one place. Readable without firstread."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from platform import platform
from typing import Any

import pandas as pd

from firstread.errors import RunError
from firstread.locks import is_held, taken

UNFINISHED = "UNFINISHED.txt"
PLAN = "plan.json"
HISTORY = "history.csv"
COUNTS = "counts.csv"
CURVES = "curves.png"
PREDICTIONS = "predictions.csv"
METRICS = "metrics.json"
SKIPPED = "skipped.txt"
VERSIONS = "versions.json"
LOG = "log.txt"
CASES = "cases.csv"
DATA = "data.json"
CHECKPOINT = "checkpoint.pt"
CLUSTER = "cluster.json"
ADVICE = "advice.csv"
LEARNING_CURVE = "learning_curve"
LR_RANGE = "lr_range"
MODEL = "model.json"
WEIGHTS = "model.safetensors"
AUDIT = "audit.json"
CALIBRATION = "calibration.json"
LADDER = "ladder.json"
CROSSVALIDATION = "crossvalidation.json"
OUT_OF_FOLD = "out_of_fold.csv"
SUBGROUPS = "subgroups.json"
REPORT = "report.html"

_HELD = "{}: another process is training it; wait for that one, or stop it"
_UNDER_WAY = "This run is under way, or was killed. It holds no usable model."


@dataclass(frozen=True)
class Run:
    """A finished run on disk.

    Parameters
    ----------
    folder
        Holds the model (`model.safetensors`, `model.json`), `plan.json`, `data.json`,
        `cases.csv`, `counts.csv`, `history.csv`, `curves.png`, `predictions.csv`, `metrics.json`,
        `versions.json` and `log.txt`; `advice.csv` and `learning_curve.csv` with its `.png` where
        strategies were compared; `lr_range.csv` with its `.png` where a range test chose the
        learning rate; `audit.json`, `evaluation.json`, `calibration.json`, `ladder.json` and
        `subgroups.json` where these were made; `report.html`, which shows all of it.
    """

    folder: Path

    def history(self) -> pd.DataFrame:
        """Return one row an epoch, or one a strength of regularisation that a probe tried.

        With loss, acc, val_loss and val_acc; epoch, lr and seconds, or c.
        """
        return pd.read_csv(self.folder / HISTORY)

    def counts(self) -> pd.DataFrame:
        """Return how many images were used: one row a class, one column a split."""
        return pd.read_csv(self.folder / COUNTS, index_col="label", dtype={"label": str})

    def predictions(self) -> pd.DataFrame:
        """Return one row a judged image: path, split, truth, label and probabilities."""
        return pd.read_csv(self.folder / PREDICTIONS)

    def plan(self) -> dict[str, Any]:
        """Return what was planned, by the names of `Plan`."""
        planned: dict[str, Any] = json.loads((self.folder / PLAN).read_text(encoding="utf-8"))
        return planned

    def advice(self) -> pd.DataFrame:
        """Return the strategies that were compared, one row each, the chosen one marked."""
        return pd.read_csv(self.folder / ADVICE)

    def metrics(self) -> dict[str, Any]:
        """Return the figures by split."""
        figures: dict[str, Any] = json.loads((self.folder / METRICS).read_text(encoding="utf-8"))
        return figures

    def kept(self, name: str) -> Path:
        """Return where a file of the run is.

        Raises
        ------
        RunError
            If the run came without it, as a model that was pulled does.
        """
        path = self.folder / name
        if not path.exists():
            raise RunError(
                f"{self.folder}: has no {name}, which this needs; a model that was pulled comes "
                "without a list of its images: do this where it was trained"
            )
        return path

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open a finished run.

        Raises
        ------
        RunError
            If there is none there, or it was never finished.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise RunError(
                f"{folder}: no such run folder; `firstread train DATA --out RUN` makes one"
            )
        if (folder / UNFINISHED).exists():
            state = (folder / UNFINISHED).read_text(encoding="utf-8").strip()
            raise RunError(
                f"{folder}: is unfinished. {state} Go on with `firstread train --resume "
                f"{folder}`, or delete the folder and train again"
            )
        if not (folder / PLAN).exists():
            raise RunError(f"{folder}: is no run of firstread (it has no {PLAN})")
        return cls(folder)


@dataclass(frozen=True)
class Draft:
    """A run that is being written; says so in its folder until it is complete."""

    folder: Path

    def path(self, name: str) -> Path:
        """Return where a file of the run goes."""
        return self.folder / name

    def log(self, line: str) -> None:
        """Add a line with the time to the run's log."""
        with self.path(LOG).open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON for people to read."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        self.path(name).write_text(text + "\n", encoding="utf-8")


def check_free(folder: str | Path) -> None:
    """Refuse a folder that holds something already.

    Raises
    ------
    RunError
        If it exists and isn't empty.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunError(f"{folder}: is a file; --out takes the name of a new folder")
    if any(folder.iterdir()):
        state = "an unfinished run" if (folder / UNFINISHED).exists() else "something"
        raise RunError(f"{folder}: holds {state} already; choose another --out, or delete it")


def check_unfinished(folder: str | Path) -> None:
    """Refuse a folder that holds no unfinished run to go on with.

    Raises
    ------
    RunError
        If it doesn't.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such run to resume; name the folder given to --out")
    if not (folder / UNFINISHED).exists():
        done = (folder / PLAN).exists()
        state = "is finished already" if done else "is no run of firstread"
        raise RunError(f"{folder}: {state}; --resume goes on with an unfinished run")
    if is_held(folder / UNFINISHED):
        raise RunError(_HELD.format(folder))
    missing = [name for name in (PLAN, DATA, CASES) if not (folder / name).exists()]
    if missing:
        raise RunError(
            f"{folder}: was stopped before anything was settled (it has no {missing[0]}); delete "
            "it and train again"
        )


@contextmanager
def drafting(folder: str | Path, *, resumed: bool = False) -> Iterator[Draft]:
    """Make a run folder that is unfinished until the block ends well, or go on with one.

    The folder says from its first moment that it is unfinished, so that even a run that was
    killed can't be taken for a finished one; where the block fails, it says why.
    """
    if not resumed:
        check_free(folder)
    draft = Draft(Path(folder))
    draft.folder.mkdir(parents=True, exist_ok=True)
    note = draft.path(UNFINISHED)
    note.write_text(_UNDER_WAY + "\n", encoding="utf-8")
    # Opened to read, so that it stays one file while the note in it changes.
    with note.open("rb") as lock:
        if not taken(lock):
            raise RunError(_HELD.format(folder))
        try:
            yield draft
        except BaseException as error:
            reason = str(error) or type(error).__name__
            stopped = isinstance(error, KeyboardInterrupt | GeneratorExit)
            why = "This run was stopped." if stopped else f"This run failed: {reason}."
            note.write_text(f"{why} It holds no usable model.\n", encoding="utf-8")
            draft.log(why)
            raise
    draft.path(CHECKPOINT).unlink(missing_ok=True)
    note.unlink()


@contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its place when the block ends well, and else vanishes.

    Raises
    ------
    RunError
        If there is something in its place, or it can't be made.
    """
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".firstread-", dir=folder.parent))
    except OSError as error:
        raise RunError(f"{folder}: can't be made ({error.strerror})") from None
    try:
        yield made
        made.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def versions() -> dict[str, str]:
    """Return what a run rests on: Python, the machine's kind, and the libraries in use."""
    packages = ("firstread", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn")
    return {
        "python": sys.version.split()[0],
        "platform": platform(),
        **{name: metadata.version(name) for name in packages},
    }
