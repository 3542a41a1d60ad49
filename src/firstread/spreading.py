"""One function over many items, ahead of the reader: in threads here, or wherever else."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeVar

WORKERS = os.cpu_count() or 1
# Far enough ahead that workers never wait, near enough that memory stays flat.
AHEAD = 4 * WORKERS

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Each(Protocol):
    """Applies a function to each item, and yields what it makes in the items' order."""

    def __call__(
        self,
        function: Callable[[Any], _Made],
        items: Sequence[Any],
        lost: Callable[[Any], _Made] | None = None,
    ) -> Iterator[_Made]:
        """Apply it.

        Parameters
        ----------
        function
            Of one item; can be pickled, and so can what it makes.
        items
            What it is applied to.
        lost
            What to yield for an item that killed the process that worked on it, where another
            process does.
        """


def in_threads(
    function: Callable[[_Item], _Made],
    items: Iterable[_Item],
    lost: Callable[[_Item], _Made] | None = None,
) -> Iterator[_Made]:
    """Apply a function in one thread a core, as of `Each`; Pillow and hashlib let threads run.

    Examples
    --------
    >>> list(in_threads(len, ["a", "", "abc"]))
    [1, 0, 3]
    """
    with ThreadPoolExecutor(WORKERS) as workers:
        yield from ahead(workers, function, items, AHEAD)


def ahead(
    pool: Executor,
    function: Callable[[_Item], _Made],
    items: Iterable[_Item],
    count: int,
) -> Iterator[_Made]:
    """Apply a function in a pool, so many items ahead of the reader; yield in the items' order."""
    source = iter(items)
    waiting = deque(pool.submit(function, item) for item in islice(source, count))
    while waiting:
        made = waiting.popleft().result()
        waiting.extend(pool.submit(function, item) for item in islice(source, 1))
        yield made
