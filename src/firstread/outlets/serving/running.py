"""A service on a port, until it is told to end."""

from __future__ import annotations

import asyncio
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
    import h11
    import uvicorn
    from fastapi import FastAPI
    from uvicorn.protocols.http.h11_impl import H11Protocol
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
    with listening(host, port) as held:
        number = held.getsockname()[1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{number}"
        config = configured(application(answerer, limits, access), limits)
        try:
            served(config, held)
        finally:
            log.removeHandler(handler)


def served(config: uvicorn.Config, held: socket.socket) -> None:
    """Answer on a port until SIGINT or SIGTERM."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    # uvicorn repeats the signal that ended it once all is done.
    before = {number: signal.signal(number, _done) for number in _SIGNALS}
    try:
        uvicorn.Server(config).run([held])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def configured(app: FastAPI, limits: Limits) -> uvicorn.Config:
    """Return how uvicorn runs the application."""
    return uvicorn.Config(
        app,
        http=Punctual,
        # What uvicorn would log holds addresses of clients, and what they ask for.
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=limits.waiting + _CONNECTIONS,
        timeout_graceful_shutdown=round(2 * limits.seconds),
    )


class Punctual(H11Protocol):
    """Closes connections on which a request's head is too long in coming.

    Its body is timed by `uploads.received`; uvicorn times only what comes after an answer.
    """

    seconds = 20.0
    """For all lines of a head."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, until a head is complete."""
        self._wait()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._late is None and self.conn.their_state is h11.IDLE:
            self._late = self.loop.call_later(self.seconds, self.transport.close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _done(number: int, frame: object) -> None:
    """Take the signal for what it was: the service has ended by now."""


def listening(host: str, port: int) -> socket.socket:
    """Take a port; of 0 a free one.

    Raises
    ------
    UsageError
        If the address is none of this machine's, or taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or "can't be listened on"
        raise UsageError(f"{host}:{port}: {reason}; choose another --port") from None
