"""`firstread show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Print what a run planned, what it found best, and what came out.

    `firstread train --plan RUN/plan.json --out ANOTHER` repeats it.
    """
    from firstread.cli.screen import console, print_table
    from firstread.run import ADVICE, PLAN, Run

    opened = Run.open(run)
    if json:
        typer.echo((opened.folder / PLAN).read_text(encoding="utf-8"), nl=False)
        return
    print_table(["plan", "value"], [[name, str(value)] for name, value in opened.plan().items()])
    if (opened.folder / ADVICE).exists():
        advice = opened.advice()
        rows = [
            [
                ("* " if row["chosen"] else "  ") + str(row["candidate"]),
                f"{100 * row['accuracy']:.1f}" if row["images"] else "",
                f"{100 * row['low']:.0f} to {100 * row['high']:.0f}" if row["images"] else "",
                "" if not isinstance(row["note"], str) else row["note"],
            ]
            for row in advice.to_dict("records")
        ]
        print_table(["compared", "accuracy (%)", "95 % interval", "note"], rows)
    for split, figures in opened.metrics().items():
        low, high = figures["accuracy_interval_95"]
        console.print(
            f"{split}: accuracy {100 * figures['accuracy']:.1f} % ({100 * low:.0f} to "
            f"{100 * high:.0f} %) on {figures['images']} images"
        )
