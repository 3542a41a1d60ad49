"""A service on a port, until it is told to end."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Iterator

from firstread.errors import UsageError
from firstread.outlets.extra import missing
from firstread.outlets.serving.application import application
from firstread.outlets.serving.gate import Access, log
from firstread.outlets.serving.limits import Limits
from firstread.outlets.serving.service import Answerer

try:
    import uvicorn
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

_CONNECTIONS = 512
"""Beyond the requests that wait; further ones are turned away before anything is read."""


def serving(
    answerer: Answerer, limits: Limits, access: Access, host: str, port: int
) -> Iterator[str]:
    """Yield the address once its port is taken, then answer until SIGINT or SIGTERM.

    Requests that were taken until then are answered first.

    Parameters
    ----------
    answerer
        The run.
    limits
        What it takes on.
    access
        Who is let in.
    host, port
        Where to listen; of port 0 a free one is found.

    Raises
    ------
    UsageError
        If the address is none of this machine's, or taken.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with _listening(host, port) as held:
        number = held.getsockname()[1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{number}"
        config = uvicorn.Config(
            application(answerer, limits, access),
            # What uvicorn would log holds addresses of clients, and what they ask for.
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=limits.waiting + _CONNECTIONS,
            timeout_graceful_shutdown=round(2 * limits.seconds),
        )
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        # uvicorn repeats the signal that ended it once all is done.
        before = {number: signal.signal(number, _done) for number in _SIGNALS}
        try:
            uvicorn.Server(config).run([held])
        finally:
            for number, handler_ in before.items():
                signal.signal(number, handler_)
            log.removeHandler(handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _done(number: int, frame: object) -> None:
    """Take the signal for what it was: the service has ended by now."""


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or "can't be listened on"
        raise UsageError(f"{host}:{port}: {reason}; choose another --host or --port") from None
