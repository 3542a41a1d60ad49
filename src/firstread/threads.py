"""How many threads numerical libraries use, where the default is not the fastest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep numerical libraries to one thread within the block.

    Matrices of some hundred rows are done before a second thread has woken up, and on a busy
    machine threads that wait for each other take many times as long as one alone.
    """
    with _libraries().limit(limits=1):
        yield


@contextmanager
def torch_workers(count: int = 0) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool whose threads share torch's threads between them.

    Parameters
    ----------
    count
        How many; by default as many as torch has threads. Then each computes on one: no core waits
        for another within a layer, and the digits that come out are the same on every number of
        cores.
    """
    import torch

    threads = torch.get_num_threads()
    count = count or threads
    each = max(1, threads // count)
    pool = ThreadPoolExecutor(count, "torch", initializer=torch.set_num_threads, initargs=(each,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        # Threads to come would take the number that a worker set last.
        torch.set_num_threads(threads)


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries whose threads can be limited."""
    return ThreadpoolController()
