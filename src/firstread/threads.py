"""Small linear algebra on one thread."""

from __future__ import annotations

from collections.abc import Iterator
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


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries whose threads can be limited."""
    return ThreadpoolController()
