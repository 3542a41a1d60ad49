"""pydicom without its remarks on values that break the standard: they quote them.

They go to its logger and to Python's warnings, and the values may name patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from pydicom import config


@dataclass
class _Readers:
    """How many threads read headers, and how pydicom was set before the first of them."""

    lock: Lock = field(default_factory=Lock)
    count: int = 0
    before: int = config.WARN


_READERS = _Readers()


@contextmanager
def unquoted() -> Iterator[None]:
    """Read within the block without pydicom's validation.

    Its setting is one for the whole process: the first of several threads changes it, and the
    last one puts it back. What firstread needs of a value it checks itself.
    """
    with _READERS.lock:
        if _READERS.count == 0:
            _READERS.before = config.settings.reading_validation_mode
            config.settings.reading_validation_mode = config.IGNORE
        _READERS.count += 1
    try:
        yield
    finally:
        with _READERS.lock:
            _READERS.count -= 1
            if _READERS.count == 0:
                config.settings.reading_validation_mode = _READERS.before
