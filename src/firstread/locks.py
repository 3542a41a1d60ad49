"""Locks that a process holds on a file for as long as it lives: a killed one holds none."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nothing is held and nothing is known of others.
    fcntl = None  # type: ignore[assignment]


def taken(file: IO[Any]) -> bool:
    """Take the lock of an open file, until it is closed; False where another has it.

    Children that inherit the file hold the lock along with it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Say whether a living process holds the lock of a file."""
    try:
        with path.open("rb") as file:
            return not taken(file)
    except OSError:
        return False
