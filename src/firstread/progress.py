"""Progress as a value: whatever takes long is a generator that yields steps and notices."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")


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
