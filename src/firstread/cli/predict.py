"""`firstread predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstread.cli import options

if TYPE_CHECKING:
    import pandas as pd


def predict(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE…|FOLDER|-",
            help="Images, folders of them, or - for a list of paths on standard input.",
            show_default=False,
        ),
    ],
    csv: Annotated[
        Path | None, typer.Option(help="Write the predictions to this CSV.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Draw the images with their scores (.png, .pdf, .svg).", show_default=False
        ),
    ] = None,
    skip_unreadable: options.SkipUnreadable = False,
) -> None:
    """Label images with a trained classifier: path, label, probability of each class."""
    from firstread.classifier import load
    from firstread.cli.screen import drawable, notices, print_table
    from firstread.errors import UsageError

    if sheet is not None:
        drawable("--sheet", sheet)
    if csv is not None and not csv.parent.is_dir():
        raise UsageError(f"{csv}: there is no folder {csv.parent} to write it to")
    paths = [line for name in images for line in (_standard_input() if name == "-" else [name])]
    classifier = load(run)
    predictions = classifier.predict(paths, skip_unreadable=skip_unreadable)
    for line in predictions.attrs["skipped"]:
        notices.print(f"left out: {line}", markup=False, style="yellow")
    if csv is not None:
        predictions.to_csv(csv, index=False)
    if sheet is not None:
        from firstread.report.figures import sheet as draw

        draw(predictions, classifier.classes).savefig(sheet, dpi=120)
    if json:
        typer.echo(_as_json(predictions, classifier.classes))
        return
    columns = ["path", "label", *(f"p({name})" for name in classifier.classes)]
    rows = [
        [path, label, *(f"{p:.5f}" for p in scores)]
        for path, label, *scores in predictions.itertuples(index=False)
    ]
    print_table(columns, rows, right=columns[2:])


def _standard_input() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def _as_json(predictions: pd.DataFrame, classes: tuple[str, ...]) -> str:
    import json

    records = [
        {
            "path": path,
            "label": label,
            "probabilities": dict(zip(classes, map(float, scores), strict=True)),
        }
        for path, label, *scores in predictions.itertuples(index=False)
    ]
    return json.dumps(records, indent=2, ensure_ascii=False)
