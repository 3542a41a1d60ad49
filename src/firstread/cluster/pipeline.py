"""Work over many items, as a Ray Data pipeline of actors that make ready once."""

from __future__ import annotations

import logging
import os
import pickle
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from firstread.cluster.nodes import Cluster, this_node
from firstread.errors import FirstreadError, NetworkError

ATTEMPTS = 5
"""How often an item is given to a worker again that died over it, before the work is given up."""

CORES = 0.5
"""What Ray takes a worker to need.

There is one worker a core; as Ray is told that half a core would do, the workers of a node that
died find a place on the others at once, instead of waiting for a node to come back.
"""

_BLOCKS = 4096

Item = TypeVar("Item", contravariant=True)
Made = TypeVar("Made", covariant=True)
_Made = TypeVar("_Made")
Work = Callable[[Any], _Made]


class Job(Protocol[Made]):
    """What workers do. It travels to them once, and each makes ready once."""

    def ready(self, again: bool) -> Work[Made]:
        """Load what is needed; return what is done to one item.

        Parameters
        ----------
        again
            Whether this worker takes the place of one that died.
        """


@dataclass(frozen=True)
class Done(Generic[_Made]):
    """One item that is done.

    Parameters
    ----------
    made
        What the work returned.
    worker
        Node and process that did it.
    seconds
        How long it took there.
    again
        Whether that worker took the place of one that died.
    memory
        The most that it had resident so far, in bytes.
    """

    made: _Made
    worker: tuple[str, int]
    seconds: float
    again: bool
    memory: int = 0


@dataclass
class Tally:
    """What a pipeline did so far.

    Parameters
    ----------
    workers
        How many there were to be.
    images
        That are done.
    busy
        Seconds that went into them, of all workers together.
    memory
        The most that one worker had resident, in bytes.
    """

    workers: int
    images: int = 0
    busy: float = 0.0
    memory: int = 0
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    _restarted: set[tuple[str, int]] = field(default_factory=set)

    def add(self, done: Done[Any], images: int) -> None:
        """Count an item of some images."""
        self.count(images, done.seconds)
        self.memory = max(self.memory, done.memory)
        if done.again:
            self.restart(done.worker)

    def count(self, images: int, busy: float) -> None:
        """Count images and the seconds that went into them."""
        self.images += images
        self.busy += busy
        self.ended = time.monotonic()

    def restart(self, worker: tuple[str, int]) -> None:
        """Count a worker that had to be started again, once."""
        self._restarted.add(worker)

    @property
    def seconds(self) -> float:
        """From the start to the last item."""
        return max(self.ended - self.begun, 1e-9)

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    @property
    def utilisation(self) -> float:
        """Share of the workers' time that went into the work, from 0 to 1."""
        return min(1.0, self.busy / (self.seconds * self.workers))

    @property
    def retries(self) -> int:
        """How many workers had to be started again."""
        return len(self._restarted)

    def sentence(self) -> str:
        """Say it.

        Examples
        --------
        >>> Tally(2, images=600, busy=90.0, begun=0.0, ended=60.0).sentence()
        '600 images in 60 s: 10 a second, 2 workers busy 75 % of the time, 0 retries.'
        """
        noun = "retry" if self.retries == 1 else "retries"
        workers = "1 worker" if self.workers == 1 else f"{self.workers:,} workers"
        return (
            f"{self.images:,} images in {self.seconds:,.0f} s: {self.rate:,.3g} a second, "
            f"{workers} busy {100 * self.utilisation:.0f} % of the time, {self.retries} {noun}."
        )


def peak_memory() -> int:
    """Return the most memory that this process had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Ledger:
    """An actor that counts how often items were begun by workers whose forerunners died."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Count an item, and return how often it was counted."""
        self._begun[number] += 1
        return self._begun[number]


class Worker:
    """The actor: makes ready once, then does item after item."""

    def __init__(self, job: Job[Any], ledger: Any, folder: str) -> None:
        import ray

        with suppress(OSError):  # Where the command was given, so that names mean the same.
            os.chdir(folder)

        context = ray.get_runtime_context()
        self._again = context.was_current_actor_reconstructed
        self._name = (context.get_node_id(), os.getpid())
        self._work = job.ready(self._again)
        self._ledger = ledger

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, list[bytes]]]:
        """Yield each item of a block when it is done, pickled: Arrow has no type for them."""
        for number, packed in zip(batch["number"], batch["item"], strict=True):
            if self._again:
                self._check(int(number))
            begun = time.monotonic()
            made = self._work(pickle.loads(packed))
            seconds = time.monotonic() - begun
            done = Done(made, self._name, seconds, self._again, peak_memory())
            yield {"done": [pickle.dumps(done)]}

    def _check(self, number: int) -> None:
        """Give up what kills every worker; Ray itself would try for ever."""
        import ray

        if ray.get(self._ledger.begin.remote(number)) > ATTEMPTS:
            raise NetworkError(
                f"piece {number} of the work ended its worker {ATTEMPTS} times; look for what did "
                "(too little memory?) with `ray status`, and start the same command again"
            )


def streamed(
    cluster: Cluster, job: Job[_Made], items: Sequence[Any], workers: int, *, ordered: bool = False
) -> Iterator[Done[_Made]]:
    """Do a job for every item, and yield each as it is done; what isn't fetched holds it back.

    A worker that dies, or whose node does, is started again, and its items are done again.

    Parameters
    ----------
    cluster
        Connected to.
    job
        What to do.
    items
        To which; small values.
    workers
        How many actors, of one thread each.
    ordered
        Whether to yield them in the order given.

    Raises
    ------
    NetworkError
        If workers die over and over.
    """
    import ray
    import ray.data

    if not items:
        return
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    ledger = ray.remote(num_cpus=0, scheduling_strategy=this_node())(Ledger).remote()
    packed = ray.data.from_items(
        [{"number": number, "item": pickle.dumps(item)} for number, item in enumerate(items)],
        override_num_blocks=min(len(items), _BLOCKS),
    )
    packed.context.enable_progress_bars = False
    packed.context.print_on_execution_start = False
    packed.context.execution_options.preserve_order = ordered
    done = packed.map_batches(
        Worker,
        batch_size=None,
        fn_constructor_args=[job, ledger, str(Path.cwd())],
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(items))),
        num_cpus=CORES,
    )
    try:
        for batch in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            for row in batch["done"]:
                yield pickle.loads(row)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, FirstreadError) else error from None
    except ray.exceptions.RayError as error:
        # Where a worker couldn't make ready its error is the last of many lines.
        reason = str(error).strip().splitlines()[-1]
        raise NetworkError(
            f"--cluster {cluster.address}: Ray broke off ({reason}); look at `ray status`, and "
            "start the same command again"
        ) from None
