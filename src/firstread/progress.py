"""Progress as a value: whatever takes long is a generator that yields steps and notices."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Value = TypeVar("Value")

Piece = Callable[[], Generator[Any, None, Any]]
"""A piece of work that depends on no other one, to be begun by a call."""


@dataclass(frozen=True)
class Step:
    """One step of a phase is done; of use to whoever draws a progress bar.

    Parameters
    ----------
    phase
        What is under way, for a person to read.
    done, of
        Steps.
    """

    phase: str
    done: int
    of: int


@dataclass(frozen=True)
class Notice:
    """Something went wrong on the way that did no harm to the result; said once.

    Parameters
    ----------
    text
        What, where, and the way out.
    """

    text: str


class Share(Protocol):
    """Does pieces of work, and knows where and in which order: one after another, or elsewhere."""

    def __call__(self, pieces: Sequence[Piece], phase: str) -> Generator[Any, None, list[Any]]:
        """Yield steps, and return what each piece returns, in their order.

        Parameters
        ----------
        pieces
            Of work.
        phase
            What steps are called where the pieces' own ones can't be seen.
        """


def in_turn(pieces: Sequence[Piece], phase: str) -> Generator[Any, None, list[Any]]:
    """Do pieces of work one after another, here; as of `Share`.

    Examples
    --------
    >>> def counting(end):
    ...     yield Step("counting", end, end)
    ...     return end
    >>> returned(in_turn([lambda: counting(1), lambda: counting(2)], "counting"))
    [1, 2]
    """
    made = []
    for piece in pieces:
        made.append((yield from piece()))
    return made


def returned(work: Generator[object, None, Value]) -> Value:
    """Do work to its end without looking at its steps, and give what it returns.

    Examples
    --------
    >>> def counting():
    ...     yield Step("counting", 1, 1)
    ...     return "one"
    >>> returned(counting())
    'one'
    """
    while True:
        try:
            next(work)
        except StopIteration as end:
            value: Value = end.value
            return value
