"""The page on a port of this machine, and the files of runs that it links to; asks nobody."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from typing import Any

from firstread.app import showing
from firstread.app.shelf import Shelf
from firstread.app.using import ONNX
from firstread.comparing import compare_runs
from firstread.errors import FirstreadError
from firstread.outlets.extra import missing
from firstread.report.comparison import rendered
from firstread.run import REPORT

try:
    import fastapi
    import uvicorn
    from fastapi.responses import FileResponse, HTMLResponse, Response

    from firstread.app.guard import TOKEN, Guard
    from firstread.outlets.serving.gate import LOOPBACK
    from firstread.outlets.serving.running import listening, served
except ModuleNotFoundError as error:
    raise missing(error, "app", "firstread app needs it") from None

LARGEST = "2gb"
"""Size of a file that may be dropped."""

FILES = {
    REPORT: "text/html",
    ONNX: "application/octet-stream",
    ONNX.replace(".onnx", ".py"): "text/x-python",
}
"""What of a run folder the page links to."""


def application(shelf: Shelf, token: str) -> Guard:
    """Return the page over a folder of runs, with the files that it links to.

    Parameters
    ----------
    shelf
        The folder of runs.
    token
        What a browser must show.
    """
    try:
        import gradio as gr
    except ModuleNotFoundError as error:
        raise missing(error, "app", "firstread app needs it") from None
    from firstread.app.page import THEME, built

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/style.css")
    def style() -> Response:
        return Response(showing.style(), media_type="text/css")

    @app.get("/icon.svg")
    def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml")

    @app.get("/runs/{name}/{file}")
    def file(name: str, file: str) -> Response:
        try:
            path = shelf.place(name) / file
        except FirstreadError as error:
            return _said(error, 404)
        if file not in FILES or not path.is_file():
            return _said(FirstreadError(f"{name} has no {file}"), 404)
        named = None if file == REPORT else f"{name}{path.suffix}"
        return FileResponse(path, media_type=FILES[file], filename=named)

    @app.get("/compare")
    def compare(request: fastapi.Request) -> Response:
        try:
            runs = [shelf.place(name) for name in request.query_params.getlist("run")]
            return HTMLResponse(rendered(compare_runs(runs).sides))
        except FirstreadError as error:
            return _said(error, 400)

    mounted: Any = gr.mount_gradio_app(
        app,
        built(shelf),
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=LARGEST,
        theme=THEME,
        head='<link rel="stylesheet" href="style.css"><link rel="icon" href="icon.svg">',
    )
    return Guard(mounted, token)


def serving(shelf: Shelf, port: int) -> Iterator[str]:
    """Yield the address, token and all, once its port is taken; then answer until SIGINT.

    SIGTERM ends it too. Trainings go on when it has ended; the next one finds them.

    Parameters
    ----------
    shelf
        The folder of runs.
    port
        0 for a free one.

    Raises
    ------
    UsageError
        If the port is taken.
    """
    with (
        listening(LOOPBACK[0], port) as held,
        tempfile.TemporaryDirectory(prefix="firstread-app-") as scratch,
    ):
        # Gradio reads these when it is imported: what is dropped lies here until it has been used.
        os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=scratch)
        token = secrets.token_hex(16)
        app = application(shelf, token)
        yield f"http://{LOOPBACK[0]}:{held.getsockname()[1]}/?{TOKEN}={token}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Open pages wait for news for ever.
            timeout_graceful_shutdown=1,
        )
        served(config, held)


def _said(error: FirstreadError, status: int) -> Response:
    return Response(str(error), status, media_type="text/plain; charset=utf-8")


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="7" fill="#0b5394"/><path d="M11 25V8h11M11 16h8" stroke="#fff" stroke-width="3.4" '
    'fill="none" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)
