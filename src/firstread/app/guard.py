"""Who may open the page: whoever shows the token that was made when it was started."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firstread.errors import UsageError
from firstread.outlets.extra import missing

try:
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, RedirectResponse, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from firstread.outlets.serving.gate import LOOPBACK, Access
    from firstread.outlets.serving.limits import Refused
except ModuleNotFoundError as error:
    raise missing(error, "app", "firstread app needs it") from None

TOKEN = "token"
"""Of the query of the address that is printed."""

OPEN = ("/manifest.json",)
"""What is answered without a token: browsers ask for it without cookies, and it knows no run."""

_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio's HTML is a template that the browser evaluates.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
_CLOSED = (
    "This page opens for whoever started it.\n\nOpen the address that firstread app printed where "
    "it was started: it ends in ?token= and 32 letters.\nEach start prints another one.\n"
)


class Guard:
    """Lets in whoever knows the token, and lets the pages call nobody else.

    The first visit brings it in the address; from then on the browser shows it as a cookie.
    Others on this machine can reach the port as well, and pages of other sites can in the same
    browser: they are refused.

    Parameters
    ----------
    app
        What is behind it.
    token
        What is to be shown.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._access = Access(hashlib.sha256(token.encode()).digest(), LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request to its end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # The page opens no web socket, so this is not the page.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        answer = self._refused(scope) or self._app
        await answer(scope, receive, answering)

    def _refused(self, scope: Scope) -> Response | None:
        """Return what is answered instead of the page; None to whoever may see it."""
        request = Request(scope)
        try:
            self._access.check_name(dict(scope["headers"]))
        except Refused:
            return PlainTextResponse("this page is called 127.0.0.1", 421)
        origin = request.headers.get("origin")
        if origin not in (None, f"http://{request.headers['host']}"):
            # A page of somebody else's, in this browser.
            return PlainTextResponse("not for other pages", 403)
        # Browsers send a cookie to every port of a machine: each page has one of its own.
        cookie = f"firstread-{(scope.get('server') or ('', 0))[1]}"
        shown = request.query_params.get(TOKEN, "")
        if self._access.knows(shown.encode()):
            # On to the same address without it, which may be kept or shown to others.
            onward = RedirectResponse(str(request.url.remove_query_params(TOKEN)), 303)
            onward.set_cookie(cookie, shown, httponly=True, samesite="lax")
            return onward
        known = self._access.knows(request.cookies.get(cookie, "").encode())
        if known or request.url.path in OPEN:
            return None
        return PlainTextResponse(_CLOSED, 403)


@contextmanager
def doorway(folder: Path, address: str) -> Iterator[Path]:
    """Keep a page that leads on to an address, which the user alone can read.

    A browser that is started with an address shows it to all users of the machine, in the list of
    processes; of this page they see the name.

    Parameters
    ----------
    folder
        Where the page is put.
    address
        With the token.

    Raises
    ------
    UsageError
        If nothing can be written there.
    """
    door = folder / f"open-{os.getpid()}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        door.unlink(missing_ok=True)
        # A new file, and so none that somebody else put there to be written to.
        door.touch(0o600, exist_ok=False)
    except OSError as error:
        raise UsageError(
            f"{folder}: can't be written ({error.strerror}); choose another by --runs"
        ) from None
    try:
        door.write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>firstread</title>'
            f'<meta http-equiv="refresh" content="0; url={address}">'
            f'<p><a href="{address}">firstread</a></p></html>\n',
            encoding="utf-8",
        )
        yield door
    finally:
        door.unlink(missing_ok=True)
