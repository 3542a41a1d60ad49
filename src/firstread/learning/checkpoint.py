"""A training's state on disk: written whole or not at all, read without running code."""

from __future__ import annotations

import os
import pickle
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from firstread.errors import RunError, first_line


class Kept(Protocol):
    """Where a training's state is kept."""

    def load(self) -> dict[str, Any] | None:
        """Return the last state; None where there is none yet."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state instead of the last one."""


@dataclass(frozen=True)
class File:
    """A training's state in a file of this machine.

    Parameters
    ----------
    path
        Of the checkpoint.
    """

    path: Path

    def load(self) -> dict[str, Any] | None:
        """Return what the file holds; None where there is none yet."""
        return load(self.path) if self.path.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        """Write the file anew."""
        save(self.path, state)


def save(path: Path, state: dict[str, Any], command: str = "firstread train --resume") -> None:
    """Write a state under another name and rename it when it is on the disk.

    Parameters
    ----------
    path
        Of the checkpoint; one that is there stays until the new one is whole.
    state
        Tensors, numbers, texts, and lists and dictionaries of them.
    command
        What goes on from it, given its folder.

    Raises
    ------
    RunError
        If it can't be written, for instance where the disk is full.
    """
    written = path.with_suffix(".tmp")
    try:
        with written.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    # Torch's own writer says RuntimeError where the file system says that it is full.
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            written.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or first_line(error)
        raise RunError(
            f"{path}: the training's state can't be written ({reason}); make room there, then go "
            f"on with: {command} {path.parent}"
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote. Nothing in the file is ever run.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (
        *(OSError, RuntimeError, ValueError, EOFError, KeyError),
        *(pickle.UnpicklingError, zipfile.BadZipFile),
    ) as error:
        raise RunError(
            f"{path}: the checkpoint is damaged ({first_line(error)}); delete {path.parent} and "
            "train again"
        ) from None
    return state
