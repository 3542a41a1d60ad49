"""`firstread card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def card(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    license: options.License = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write it; RUN/README.md by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Write a model card that a hub can read: what for, made of what, how good, and its limits.

    Names no patient, no file and no folder. `firstread push` sends it along by itself.
    """
    from firstread.cli.screen import console
    from firstread.errors import UsageError
    from firstread.outlets.sharing.parcel import CARD, card_of
    from firstread.run import Run

    opened = Run.open(run)
    path = out or opened.folder / CARD
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent} to write it to")
    path.write_text(card_of(opened, license), encoding="utf-8")
    console.print(f"{path}: read it before you pass the model on", markup=False)
