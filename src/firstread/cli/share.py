"""`firstread push` and `firstread pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def push(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    to: Annotated[
        str,
        typer.Argument(
            metavar="hf://USER/NAME|FOLDER",
            help="A repository of the Hugging Face hub (HF_ENDPOINT names another hub), or a "
            "folder to make.",
            show_default=False,
        ),
    ],
    license: options.License = "",
    public: Annotated[
        bool,
        typer.Option("--public", help="Let everybody see the repository; else it is private."),
    ] = False,
) -> None:
    """Pass a trained model on: weights, JSON and a model card, with the SHA-256 of each.

    No image goes along, no name of a file or patient, and no score of a single image.
    """
    from firstread.cli.screen import console, stepped
    from firstread.outlets.sharing.transfer import pushing

    passed = stepped(pushing(run, to, license=license, public=public))
    files = len(passed.manifest.files)
    console.print(f"{to}: {files} files, {passed.size / 1e6:,.1f} MB.", markup=False)
    console.print(f"Fetch and check it with: firstread pull {to} MODEL --sha256 {passed.sha256}")


def pull(
    source: Annotated[
        str,
        typer.Argument(
            metavar="hf://USER/NAME[@REVISION]|URL|FOLDER",
            help="Where `firstread push` put the model, or the address of a web server's folder "
            "that holds the same files.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Run folder to make.", show_default=False)
    ],
    sha256: Annotated[
        str,
        typer.Option(
            "--sha256",
            metavar="HASH",
            help="What `firstread push` printed: takes no model but that one.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Fetch a model, check every file of it, and only then put it in its place.

    Fetches safetensors, JSON and the card, whatever else lies there, and runs nothing of it.
    """
    from firstread.cli.screen import console, stepped
    from firstread.outlets.sharing.transfer import pulling

    passed = stepped(pulling(source, out, sha256=sha256))
    files = len(passed.manifest.files)
    console.print(f"{out}: {files} files, {passed.size / 1e6:,.1f} MB, checked.", markup=False)
    if not sha256:
        console.print(
            "The list that they were checked against came from the same place. Ask who pushed the "
            f"model whether its SHA-256 is {passed.sha256}, or give --sha256.",
            markup=False,
        )
    console.print(f"Read {out / 'README.md'}; then: firstread predict {out} IMAGE", markup=False)
