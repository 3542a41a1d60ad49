"""Other people's loggers, which may quote what headers hold."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from firstread.outlets.extra import missing

try:
    from pynetdicom import _config
except ModuleNotFoundError as error:
    raise missing(error) from None

LOGGERS = ("pydicom", "pynetdicom", "highdicom", "dicomweb_client", "urllib3", "requests")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' loggers silent within the block, whatever the program logs itself.

    They would log names, UIDs, and queries with patients' IDs. What goes wrong is told by
    firstread instead, without them.
    """
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    handlers = _config.LOG_HANDLER_LEVEL
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    _config.LOG_HANDLER_LEVEL = "none"
    try:
        yield
    finally:
        _config.LOG_HANDLER_LEVEL = handlers
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
