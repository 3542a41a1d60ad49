"""What the workers of a training tell to the process that began it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from firstread.cluster.nodes import this_node
from firstread.errors import FirstreadError
from firstread.progress import Notice

Kind = TypeVar("Kind", bound=BaseException)

_WRAPPED = ("cause", "health_check_failure", "__cause__")
"""Where the errors of Ray and of Python keep those that they tell of."""


class _Memory:
    """What was told and not yet taken, in a process of its own."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.failure = ""
        self.error: FirstreadError | None = None

    def tell(self, events: Sequence[Any]) -> None:
        self.events += events

    def fail(self, failure: str, error: FirstreadError | None) -> None:
        self.failure, self.error = failure, error
        self.events.append(Notice(f"{failure}; going on from the last checkpoint"))

    def take(self) -> list[Any]:
        taken, self.events = self.events, []
        return taken

    def last(self) -> tuple[str, FirstreadError | None]:
        return self.failure, self.error


@dataclass(frozen=True)
class Board:
    """Where events are put and taken from, by whoever holds it.

    Parameters
    ----------
    memory
        The Ray actor that keeps them.
    """

    memory: Any

    @classmethod
    def opened(cls) -> Board:
        """Make a board that lives on this machine, so that no lost one takes it along."""
        import ray

        board = cls(ray.remote(num_cpus=0, scheduling_strategy=this_node())(_Memory).remote())
        board.taken()  # It is there.
        return board

    def tell(self, events: Sequence[Any]) -> None:
        """Put events there, without waiting."""
        self.memory.tell.remote(list(events))

    def failed(self, errors: Mapping[int, BaseException]) -> None:
        """Say that workers failed, by their numbers."""
        import ray

        died = ray.exceptions.RayActorError
        # Where one dies the others fail because of it.
        dead = [rank for rank, error in errors.items() if _cause(error, died)]
        rank = min(dead or errors)
        said = str(errors[rank]).strip().splitlines() or [type(errors[rank]).__name__]
        failure = f"worker {rank} died" if dead else f"worker {rank} failed ({said[-1]})"
        own = [cause for error in errors.values() if (cause := _cause(error, FirstreadError))]
        ray.get(self.memory.fail.remote(failure, own[0] if own else None))

    def taken(self) -> list[Any]:
        """Take what was told since this was last asked."""
        import ray

        events: list[Any] = ray.get(self.memory.take.remote())
        return events

    def last_failure(self) -> tuple[str, FirstreadError | None]:
        """Return why workers failed the last time, and the error of firstread that they raised."""
        import ray

        last: tuple[str, FirstreadError | None] = ray.get(self.memory.last.remote())
        return last

    def close(self) -> None:
        """End it."""
        import ray

        with suppress(ray.exceptions.RayError):
            ray.kill(self.memory)


def _cause(error: BaseException | None, kind: type[Kind]) -> Kind | None:
    """Return the error of some kind that another wraps, or is itself."""
    while error is not None and not isinstance(error, kind):
        inner = (getattr(error, name, None) for name in _WRAPPED)
        error = next(filter(None, inner), None)
    return error
