"""`firstread inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def inspect(
    file: Annotated[
        str,
        typer.Argument(
            help="An image file of any kind, or one image in it as FILE#frame=3 or FILE#slice=40.",
            show_default=False,
        ),
    ],
    window: options.Window = None,
    spacing: options.Spacing = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Draw the pixels before and after (.png, .pdf, .svg).", show_default=False
        ),
    ] = None,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Show what names the patient as well.")
    ] = False,
) -> None:
    """Show what firstread reads from an image file: header, every step to gray, the result.

    Names, IDs and dates of the patient are masked.
    """
    from firstread.cli.screen import notices, print_table
    from firstread.errors import UsageError
    from firstread.images import Display
    from firstread.images.inspection import inspect as read

    if out is not None and out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"--out {out}: the name must end in one of .png, .pdf, .svg")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent} to write it to")
    inspection = read(file, Display(window or "first", spacing), identifiers=identifiers)
    print_table(("what", "value"), inspection.rows)
    if out is not None:
        from firstread.report.inspection import before_after

        before_after(inspection, Path(file).name).savefig(out, dpi=120)
        notices.print(f"drawn: {out}", markup=False)
