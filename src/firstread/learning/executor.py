"""Where the work of a training is done: here, unless something else is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from firstread.learning.loop import Train, train_here
from firstread.progress import Share, in_turn
from firstread.spreading import Each


def _here(paths: Sequence[Path]) -> None:
    """Find nothing wrong: this process reads its own files."""


@dataclass(frozen=True)
class Executor:
    """Who does the work.

    Parameters
    ----------
    train
        Runs the loop of a training by gradients.
    share
        Does pieces of work that don't depend on each other: folds, shuffles, candidates.
    check
        Is given the image files before any work starts, and raises where it can't be done.
    each
        Reads, hashes and decodes images, and computes features of them, where this process
        doesn't.
    """

    train: Train = train_here
    share: Share = in_turn
    check: Callable[[Sequence[Path]], None] = _here
    each: Each | None = None


HERE = Executor()
"""This process, one thing after another."""
