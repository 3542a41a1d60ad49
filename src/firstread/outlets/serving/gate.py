"""What every request passes before anything looks at it: host, token, size; and what is logged."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from firstread.errors import UsageError
from firstread.outlets.extra import missing
from firstread.outlets.serving.answers import problem
from firstread.outlets.serving.limits import MIB, Limits, Refused
from firstread.outlets.serving.metrics import Metrics

try:
    from starlette.requests import ClientDisconnect
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
OPEN = ("/healthz", "/docs", "/openapi.json")
"""What is answered without a token: none of it knows the run."""

SHORTEST = 16
"""Letters of a token."""

log = logging.getLogger("firstread.serve")

_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
]


@dataclass(frozen=True)
class Access:
    """Who is let in.

    Parameters
    ----------
    token
        SHA-256 of the token that clients must show; None where they need none.
    hosts
        The names that the service may be called by; empty for every name. A page in a browser
        could otherwise reach it under a name of its own (DNS rebinding).
    """

    token: bytes | None = None
    hosts: Collection[str] = ()

    @classmethod
    def by_token(cls, file: Path, hosts: Collection[str] = ()) -> Access:
        """Let in those who show the token in a file.

        Raises
        ------
        UsageError
            If the file can't be read, or holds no token of 16 or more plain characters.
        """
        try:
            text = file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise UsageError(f"{file}: can't be read ({error.strerror}); check the path") from None
        except UnicodeDecodeError:
            text = ""
        if len(text) < SHORTEST or not text.isprintable() or " " in text:
            raise UsageError(
                f"{file}: holds no token of {SHORTEST} or more plain characters in one line; make "
                "one by `openssl rand -hex 32`"
            )
        return cls(hashlib.sha256(text.encode()).digest(), hosts)

    def check(self, path: str, headers: dict[bytes, bytes]) -> None:
        """Refuse a request by a wrong name, or without the token where it needs one.

        Raises
        ------
        Refused
            421 or 401.
        """
        self.check_name(headers)
        if self.token is None or path in OPEN:
            return
        scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not self.knows(shown.strip()):
            raise Refused(401, "show the service's token: Authorization: Bearer TOKEN")

    def check_name(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a request by a wrong name.

        Raises
        ------
        Refused
            421.
        """
        host = headers.get(b"host", b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.hosts and name not in self.hosts:
            raise Refused(421, f"this service is called {', '.join(self.hosts)}")

    def knows(self, shown: bytes) -> bool:
        """Say whether this is the token, in the same time for every wrong one."""
        # Digests are of one length, so that comparing them tells nothing of the token's either.
        digest = hashlib.sha256(shown).digest()
        return self.token is not None and hmac.compare_digest(digest, self.token)


class Gate:
    """Checks, counts and logs each request, and answers for whatever goes wrong behind it.

    Parameters
    ----------
    app
        What is behind it.
    access, limits, metrics
        Of the service.
    routes
        The paths that there are; requests of others are counted as one.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        limits: Limits,
        metrics: Metrics,
        routes: Collection[str],
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request to its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        try:
            headers = dict(scope["headers"])
            self._access.check(scope["path"], headers)
            await self._app(scope, self._counted(headers, receive), answering)
        except ClientDisconnect:
            status = status or 499  # nginx's number for a client that went away.
        except Refused as refused:
            await problem(refused)(scope, receive, answering)
        except Exception as error:
            # The kind alone: the text may hold paths, and values of a header.
            log.error("%s while answering", type(error).__name__)
            if not status:
                await problem(Refused(500, "something went wrong"))(scope, receive, answering)
        finally:
            route = scope["path"] if scope["path"] in self._routes else "other"
            seconds = time.perf_counter() - started
            self._metrics.answered(route, status, seconds)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            log.info("%s %s %d %.0f ms", method, route, status, 1000 * seconds)

    def _counted(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Refuse a body that is too large as soon as its header says so, or it turns out so."""
        most, total = self._limits.request_bytes, 0
        told = headers.get(b"content-length", b"0")
        large = Refused(413, f"the request has more than {most / MIB:g} MiB; send several")
        if told.isdigit() and int(told) > most:
            raise large

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > most:
                raise large
            return message

        return counted


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
