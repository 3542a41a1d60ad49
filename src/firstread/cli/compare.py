"""`firstread compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Finished run folders; the others are compared with the first.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to make: a page, figures, and tables as CSV.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    samples: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = 2000,
) -> None:
    """Put runs side by side on the images that all were judged on, with paired intervals.

    Says first which images these are. Differences are of each run less the first.
    """
    from firstread.cli.screen import console, notices, print_table
    from firstread.comparing import PAGE, compare_runs
    from firstread.evidence import FIGURES
    from firstread.run import check_free

    if out is not None:
        check_free(out)
    compared = compare_runs(runs, samples=samples)
    if out is not None:
        compared.write(out)
    if json:
        _print_json([c.record() for c in compared.comparisons], compared.facts)
        return
    for fact in compared.facts:
        notices.print(fact, markup=False, style="yellow")
    rows = []
    for figure, kind in FIGURES.items():
        found = [
            next((e for e in one.estimates if (e.figure, e.class_name) == (figure, "")), None)
            for one in compared.evaluations
        ]
        if any(e is not None and e.known for e in found):
            rows.append([kind.title, *("" if e is None else e.text() for e in found)])
    print_table(["figure", *compared.names], rows, "Each with its 95 % interval")
    for sentence in compared.sentences():
        console.print(sentence, markup=False)
    if out is not None:
        console.print(f"{out / PAGE}: open it in any browser", markup=False)


def _print_json(comparisons: list[dict[str, object]], facts: tuple[str, ...]) -> None:
    import json

    record = {"images": list(facts), "comparisons": comparisons}
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
