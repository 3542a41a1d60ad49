"""`firstread report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
) -> None:
    """Write RUN/report.html: the verdict, the evidence and the model card on one page.

    The page holds its pictures and asks nothing of any network: it can be read offline, mailed and
    printed. Made from the run's own records; an older page is replaced.
    """
    from firstread.cli.screen import console
    from firstread.report.report import write
    from firstread.run import Run

    path = write(Run.open(run))
    console.print(f"{path}: open it in any browser", markup=False)
