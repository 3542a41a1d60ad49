"""One function over many items, by the workers of a cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstread.classifier import batched
from firstread.cluster.checks import check_seen
from firstread.cluster.nodes import Cluster
from firstread.cluster.pipeline import Tally, Work, streamed

TOGETHER = 32
"""Items that travel together, at most."""


@dataclass(frozen=True)
class Applying:
    """The job of a worker: applies a function to each of some items."""

    function: Callable[[Any], Any]
    lost: Callable[[Any], Any] | None

    def ready(self, again: bool) -> Work[list[Any]]:
        """Load what the function needs, by unpickling it.

        A worker that was started again after its death works in a process of its own, where it is
        known what stands for an item that kills its process.
        """
        if again and self.lost is not None:
            return self._apart
        return lambda items: [self.function(item) for item in items]

    def _apart(self, items: Sequence[Any]) -> list[Any]:
        assert self.lost is not None
        made: list[Any] = []
        while len(made) < len(items):
            pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            try:
                for item in items[len(made) :]:
                    made.append(pool.submit(self.function, item).result())
            except BrokenProcessPool:
                made.append(self.lost(items[len(made)]))
            finally:
                pool.shutdown(cancel_futures=True)
        return made


@dataclass(frozen=True)
class Spread:
    """Applies functions to items on a cluster, as of `firstread.spreading.Each`.

    Parameters
    ----------
    cluster
        Connected to.
    workers
        How many.
    tally
        Counts what they did.
    """

    cluster: Cluster
    workers: int
    tally: Tally = field(repr=False)

    @classmethod
    def over(cls, cluster: Cluster, workers: int | None = None) -> Spread:
        """Spread over all cores of a cluster, or so many workers."""
        count = workers or cluster.cpus
        return cls(cluster, count, Tally(count))

    def __call__(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        lost: Callable[[Any], Any] | None = None,
    ) -> Iterator[Any]:
        """Apply a function, and yield what it makes in the items' order.

        Raises
        ------
        DataError
            If the items are files, and machines don't see the first of them.
        NetworkError
            If workers die over and over.
        """
        if items and isinstance(items[0], Path) and items[0].is_file():
            check_seen(self.cluster, [items[0]])
        size = max(1, min(TOGETHER, len(items) // (4 * self.workers)))
        groups = list(batched(items, size))
        job = Applying(function, lost)
        for done in streamed(self.cluster, job, groups, self.workers, ordered=True):
            self.tally.add(done, len(done.made))
            yield from done.made
