"""Trainings as processes of their own: they outlive the page, and are found again by their files.

Each has a folder of its own beside the runs: `events.jsonl`, what `firstread train --json` prints;
`messages.txt`, what it complains of; `job.json`, its command and process. The process holds the
lock of its events for as long as it lives.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from firstread.errors import RunError
from firstread.locks import is_held, taken

FOLDER = ".trainings"
EVENTS = "events.jsonl"
MESSAGES = "messages.txt"
RECORD = "job.json"

_ERROR = "error: "


@dataclass(frozen=True)
class Progress:
    """How far a training has come, by what it told.

    Parameters
    ----------
    phase
        What is under way; empty before anything is.
    done, of
        Steps of it.
    left
        Seconds until the phase ends, at its pace so far; None where that can't be told.
    history
        One row an epoch, or one a strength that a probe tried; as `Run.history`.
    images
        By part.
    told
        What else it said, each with its kind.
    """

    phase: str = ""
    done: int = 0
    of: int = 0
    left: float | None = None
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    images: dict[str, int] = field(default_factory=dict)
    told: tuple[tuple[str, dict[str, Any]], ...] = ()

    @classmethod
    def of_lines(cls, lines: Iterable[str]) -> Progress:
        """Read what `firstread train --json` printed so far; a line that is half written waits."""
        steps: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        told: list[tuple[str, dict[str, Any]]] = []
        images: dict[str, int] = {}
        for said in _parsed(lines):
            kind, at = said.pop("event"), said.pop("at")
            if kind == "step":
                if steps and steps[-1]["phase"] != said["phase"]:
                    steps.clear()
                steps.append({**said, "at": at})
            elif kind in ("epoch", "trial"):
                rows.append(said)
            else:
                images = said["images"] if kind == "found" else images
                told.append((kind, said))
        known = (_left(steps), pd.DataFrame(rows), images, tuple(told))
        if not steps:
            return cls("", 0, 0, *known)
        last = steps[-1]
        return cls(last["phase"], last["done"], last["of"], *known)


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def _left(steps: Sequence[dict[str, Any]]) -> float | None:
    """Return the seconds that are left of a phase, by the pace since its first step."""
    if len(steps) < 2:
        return None
    first, last = steps[0], steps[-1]
    done, seconds = last["done"] - first["done"], last["at"] - first["at"]
    return None if done <= 0 else seconds * (last["of"] - last["done"]) / done


@dataclass(frozen=True)
class Job:
    """One training, under way or over.

    Parameters
    ----------
    folder
        Of its files.
    """

    folder: Path

    @property
    def alive(self) -> bool:
        """Whether its process lives."""
        _reap()
        return is_held(self.folder / EVENTS) or str(self.folder) in _CHILDREN

    @property
    def known(self) -> bool:
        """Whether it was ever started from here."""
        return (self.folder / RECORD).exists()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, and has not stopped yet."""
        return self.alive and bool(self._record().get("stopped"))

    def start(self, words: Sequence[str]) -> None:
        """Start `firstread` with some words, in a session of its own, so that it outlives this one.

        Raises
        ------
        RunError
            If it is under way already, or its files can't be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (
                (self.folder / EVENTS).open("a", encoding="utf-8") as events,
                (self.folder / MESSAGES).open("w", encoding="utf-8") as messages,
            ):
                if not taken(events):
                    raise RunError(f"{self.folder.name}: this training is under way already")
                events.truncate(0)
                process = subprocess.Popen(
                    [sys.executable, "-m", "firstread", *words, "--json"],
                    stdin=subprocess.DEVNULL,
                    stdout=events,
                    stderr=messages,
                    start_new_session=True,
                )
        except OSError as error:
            raise RunError(f"{self.folder}: can't be written ({error.strerror})") from None
        _CHILDREN[str(self.folder)] = process
        self._write({"words": list(words), "process": process.pid})

    def stop(self) -> None:
        """Interrupt it as Ctrl+C does; it can be gone on with."""
        if self.alive:
            record = self._record()
            self._write({**record, "stopped": True})
            os.kill(record["process"], signal.SIGINT)

    def progress(self) -> Progress:
        """Return how far it has come."""
        try:
            with (self.folder / EVENTS).open(encoding="utf-8") as lines:
                return Progress.of_lines(lines)
        except FileNotFoundError:
            return Progress()

    def complaint(self) -> str:
        """Return the error that ended it, as `firstread` says it; empty where there was none."""
        try:
            text = (self.folder / MESSAGES).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return text.rpartition(_ERROR)[2].strip() if _ERROR in text else ""

    def delete(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record

    def _write(self, record: dict[str, Any]) -> None:
        (self.folder / RECORD).write_text(json.dumps(record) + "\n", encoding="utf-8")


_CHILDREN: dict[str, subprocess.Popen[bytes]] = {}
"""Those that this process started: it must take leave of them when they are over."""


def _reap() -> None:
    for name, process in list(_CHILDREN.items()):
        if process.poll() is not None:
            _CHILDREN.pop(name, None)
