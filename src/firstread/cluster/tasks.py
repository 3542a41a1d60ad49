"""Pieces of work as Ray tasks: folds, shuffles of the labels, candidates of advice."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from firstread.errors import FirstreadError, NetworkError, first_line
from firstread.progress import Piece, Step, returned

TRIES = 3
"""How often a piece is begun anew whose worker dies."""


@dataclass(frozen=True)
class Tasks:
    """Does pieces of work on a cluster, as of `firstread.progress.Share`.

    Each gets as many cores as torch uses threads in this process, because a training's last bits
    depend on their number: so the results are those of this process.

    Parameters
    ----------
    cpus
        Cores of a task, and threads.
    gpus
        GPUs of a task.
    """

    cpus: int
    gpus: int = 0

    def __call__(self, pieces: Sequence[Piece], phase: str) -> Generator[Step, None, list[Any]]:
        """Do all pieces; a piece whose worker dies is done anew elsewhere.

        Raises
        ------
        FirstreadError
            What a piece raised.
        NetworkError
            If the workers of one piece, or their machines, die again and again.
        """
        import ray

        # Together and once: what pieces have in common, the pixels for instance, is sent once.
        sent = ray.put(tuple(pieces))
        task = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=TRIES)(_done)
        waiting = [task.remote(sent, place, self.cpus) for place in range(len(pieces))]
        places = {reference: place for place, reference in enumerate(waiting)}
        made: dict[int, Any] = {}
        try:
            while waiting:
                (reference, *_), waiting = ray.wait(waiting)
                made[places[reference]] = _value(reference, phase)
                yield Step(phase, len(made), len(pieces))
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)
        return [made[place] for place in range(len(pieces))]


def _done(pieces: Sequence[Piece], place: int, threads: int) -> Any:
    """Do one piece, in a worker."""
    torch.set_num_threads(threads)
    try:
        return returned(pieces[place]())
    except FirstreadError as error:
        return error


def _value(reference: Any, phase: str) -> Any:
    import ray

    try:
        value = ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        raise NetworkError(
            f"{phase}: Ray gave up one task ({first_line(error)}); look at `ray status` and at the "
            "memory of the machines, and start again"
        ) from None
    if isinstance(value, FirstreadError):
        raise value
    return value
