"""`firstread serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on, as 0.0.0.0 for every one of this machine; needs "
            "--token-file. By default this machine alone is answered.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with the token that clients must show (Authorization: Bearer TOKEN).",
            show_default=False,
        ),
    ] = None,
    files: Annotated[int, typer.Option(min=1, max=1000, help="Files a request.")] = 64,
    largest: Annotated[
        int, typer.Option(metavar="MIB", min=1, max=4096, help="Size of a file.")
    ] = 64,
    pixels: Annotated[
        float, typer.Option(metavar="MILLIONS", min=0.001, max=64, help="Pixels of an image.")
    ] = 36,
    waiting: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Requests at a time; more are told to come again."),
    ] = 64,
    seconds: Annotated[
        float,
        typer.Option(min=1, max=3600, help="For a request to arrive, and to be answered."),
    ] = 60,
) -> None:
    """Answer over HTTP with the figures of `firstread predict`; the page is at /docs.

    Ends by Ctrl+C or SIGTERM, when it has answered what it took.
    """
    from firstread.cli.screen import notices
    from firstread.errors import UsageError

    if host is not None and token_file is None:
        raise UsageError(
            "--host lets in other machines and needs --token-file; make one by "
            "`openssl rand -hex 32 > token`"
        )
    from firstread.outlets.serving.gate import LOOPBACK, Access
    from firstread.outlets.serving.limits import MIB, Limits
    from firstread.outlets.serving.running import serving
    from firstread.outlets.serving.service import Answerer

    hosts = LOOPBACK if host is None else ()
    access = Access(hosts=hosts) if token_file is None else Access.by_token(token_file, hosts)
    limits = Limits(
        files=files,
        file_bytes=largest * MIB,
        request_bytes=4 * largest * MIB,
        pixels=round(1e6 * pixels),
        waiting=waiting,
        seconds=seconds,
    )
    for address in serving(Answerer.of(run), limits, access, host or LOOPBACK[0], port):
        notices.print(
            f"serving {run.resolve().name} at {address}, its page at {address}/docs", markup=False
        )
    notices.print("stopped")
