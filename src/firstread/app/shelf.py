"""The folder of runs: what lies in it, and names that can't lead out of it."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firstread.app.jobs import FOLDER as JOBS
from firstread.app.jobs import Job
from firstread.errors import FirstreadError, RunError, UsageError
from firstread.locks import is_held
from firstread.report.wording import interval_text, value_text
from firstread.run import METRICS, PLAN, UNFINISHED, Run, check_unfinished

IMAGES = "images"
"""The folder beside the runs that holds images which were dropped or computed here."""

LONGEST = 60
"""Letters of a name."""

State = Literal["training", "finished", "stopped", "failed"]

_PLAIN = re.compile(r"[\w][\w .+-]*", re.ASCII)
_RESERVED = {IMAGES}


@dataclass(frozen=True)
class Entry:
    """A run as it is listed.

    Parameters
    ----------
    name
        Of its folder.
    state
        `training`, `finished`, `stopped` (it can be gone on with) or `failed`.
    changed
        When, in seconds since 1970.
    backbone, strategy
        Of its plan, as far as that is settled.
    accuracy
        In words, of a finished one.
    """

    name: str
    state: State
    changed: float
    backbone: str = ""
    strategy: str = ""
    accuracy: str = ""

    @property
    def day(self) -> str:
        """When it was made, to the minute."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.changed))


@dataclass(frozen=True)
class Shelf:
    """A folder of runs.

    Parameters
    ----------
    folder
        Made when something is first put there.
    """

    folder: Path

    def place(self, name: str) -> Path:
        """Return a run's folder.

        Raises
        ------
        UsageError
            If the name could lead elsewhere, or would be hard to type.
        """
        return self.folder / checked(name)

    def job(self, name: str) -> Job:
        """Return a run's training, which may never have been started from here."""
        return Job(self.folder / JOBS / checked(name))

    def state(self, name: str) -> State | None:
        """Say what state a run is in; None where there is none of this name."""
        place, job = self.place(name), self.job(name)
        if job.alive or is_held(place / UNFINISHED):
            return "training"
        if (place / UNFINISHED).exists():
            try:
                check_unfinished(place)
            except FirstreadError:
                return "failed"
            return "stopped"
        if (place / PLAN).exists() and (place / METRICS).exists():
            return "finished"
        return "failed" if job.known else None

    def entries(self) -> list[Entry]:
        """Return the runs, the newest first."""
        found = [self.entry(name) for name in self._names()]
        return sorted((e for e in found if e), key=lambda entry: -entry.changed)

    def entry(self, name: str) -> Entry | None:
        """Return a run as it is listed; None where there is none."""
        state = self.state(name)
        if state is None:
            return None
        place = self.place(name)
        there = place if place.exists() else self.job(name).folder
        run, plan = Run(place), {}
        accuracy = ""
        try:
            plan = run.plan()
            if state == "finished":
                accuracy = _accuracy(run)
        except (
            OSError,
            ValueError,
            LookupError,
            StopIteration,
        ):  # Not settled yet, or damaged: opening it tells.
            pass
        known = (str(plan.get("backbone", "")), str(plan.get("strategy", "")), accuracy)
        return Entry(name, state, there.stat().st_mtime, *known)

    def free(self, wish: str) -> str:
        """Return a name that no run has yet, near a wish."""
        plain = re.sub(r"[^\w.+-]+", "-", wish, flags=re.ASCII).strip("-._+ ")[:LONGEST] or "run"
        name, number = plain, 1
        while name in _RESERVED or self.place(name).exists() or self.job(name).known:
            number += 1
            name = f"{plain[: LONGEST - 4]}-{number}"
        return name

    def delete(self, name: str) -> None:
        """Remove a run and what is known of its training.

        Raises
        ------
        RunError
            If there is no run of this name, or it is under way.
        """
        place, state = self.place(name), self.state(name)
        if state is None:
            raise RunError(f"{name}: there is no such run in {self.folder}")
        if state == "training":
            raise RunError(f"{name}: is being trained; stop it first")
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)
        self.job(name).delete()

    def _names(self) -> set[str]:
        folders = [self.folder, self.folder / JOBS]
        found = {p.name for f in folders if f.is_dir() for p in f.iterdir() if p.is_dir()}
        return {name for name in found if _PLAIN.fullmatch(name) and name not in _RESERVED}


def checked(name: str) -> str:
    """Return a name that is fit for a folder.

    Raises
    ------
    UsageError
        If it is empty, too long, has a character that a folder's name can't have everywhere, or
        could lead out of its folder.

    Examples
    --------
    >>> checked("hands 2")
    'hands 2'
    """
    name = name.strip()
    if not _PLAIN.fullmatch(name) or len(name) > LONGEST or name.endswith("."):
        raise UsageError(
            f"{name[:LONGEST]!r} is no name for a run: take up to {LONGEST} letters, digits, "
            "spaces and - _ . +, a letter or digit first"
        )
    if name.casefold() in _RESERVED:
        raise UsageError(f"{name!r} is the folder of the images; choose another name")
    return name


def homely(path: str | Path) -> str:
    """Write a path with `~` for the user's own folder.

    Examples
    --------
    >>> homely(Path.home() / "firstread"), homely("/data/films")
    ('~/firstread', '/data/films')
    """
    home = f"{Path.home()}/"
    text = str(path)
    return f"~/{text.removeprefix(home)}" if text.startswith(home) else text


def _accuracy(run: Run) -> str:
    figures = run.metrics()
    judged = figures["test" if "test" in figures else "val"]["figures"]
    accuracy = next(one for one in judged if one["figure"] == "accuracy" and not one["class"])
    return f"{value_text(accuracy)} ({interval_text(accuracy)})"
