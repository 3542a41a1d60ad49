"""`firstread evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstread.cli import options

if TYPE_CHECKING:
    from firstread.evaluating import Event
    from firstread.evaluation import Evaluated
    from firstread.evidence import Evaluation
    from firstread.progress import Step


def evaluate(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    data: Annotated[
        Path,
        typer.Argument(
            help="Images with labels, as for train. Of data in parts the test part is judged.",
            show_default=False,
        ),
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Judge the images of each value of this column of the table too (sex, age, "
            "scanner). Can be given several times.",
            show_default=False,
        ),
    ] = None,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]P",
            help="Share of the class where the classifier is to be used, for the predictive "
            "values; by default its share among these images.",
            show_default=False,
        ),
    ] = None,
    operating: Annotated[
        str | None,
        typer.Option(
            metavar="youden|sensitivity=0.95|cost=MISS:ALARM",
            help="Choose a threshold on the run's validation images, and judge it on these.",
            show_default=False,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Of two classes the one to find; by default the second.",
            show_default=False,
        ),
    ] = None,
    column: options.Column = None,
    slices: options.Slices = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="train|val|test|all", help="Part of the data to judge.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to make, for predictions, figures and drawings.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    samples: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = 2000,
    skip_unreadable: options.SkipUnreadable = False,
    cluster: options.Cluster = None,
    workers: options.Workers = None,
) -> None:
    """Judge a trained classifier on labelled images, each figure with its 95 % interval.

    Says first how the images differ from those that it was trained on.
    """
    from firstread.cli.clustered import labelling
    from firstread.cli.progress import show
    from firstread.evaluating import evaluating

    results: list[Evaluated] = []
    with labelling(cluster, run, workers) as label:
        events = evaluating(
            run,
            data,
            by=by or (),
            prevalence=prevalence or (),
            operating=operating,
            positive=positive,
            part=part,
            columns=column or (),
            slices=slices,
            out=out,
            skip_unreadable=skip_unreadable,
            samples=samples,
            label=label,
        )
        show(_steps(events, results))
    (evaluated,) = results
    if json:
        _print_json(evaluated)
    else:
        _print_result(evaluated, out)


def _steps(events: Iterator[Event], results: list[Evaluated]) -> Iterator[Step]:
    """Pass steps on, say what is known before the scores, and keep the result."""
    from firstread.cli.screen import notices
    from firstread.evaluation import Evaluated, Looked

    for event in events:
        if isinstance(event, Looked):
            for sentence in event.sentences():
                notices.print(sentence, markup=False, style="yellow")
        elif isinstance(event, Evaluated):
            results.append(event)
        else:
            yield event


def _print_json(evaluated: Evaluated) -> None:
    import json

    typer.echo(json.dumps(evaluated.record(), indent=2, ensure_ascii=False, allow_nan=False))


def _print_result(evaluated: Evaluated, out: Path | None) -> None:
    from firstread.cli.screen import console, notices, print_table

    for line in evaluated.skipped:
        notices.print(f"left out: {line}", markup=False, style="yellow")
    columns, rows = _table(evaluated.evaluation)
    print_table(columns, rows, "Each with its 95 % interval", right=columns[1:])
    for part in evaluated.parts:
        accuracy, area = part.estimates("accuracy"), part.estimates("auroc")
        cells = [
            [name, str(e.n), a.text(), r.text()]
            for name, e, a, r in zip(part.names, part.evaluations, accuracy, area, strict=True)
        ]
        print_table([part.column, "images", "accuracy", "AUROC"], cells, right=["images"])
    for place, sentence in enumerate(evaluated.sentences()):
        console.print(sentence, markup=False, style="" if place else "bold")
    if out is not None:
        console.print(f"Predictions, figures and drawings are in {out}.", markup=False)


def _table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return one row a figure, one column for all classes and one a class."""
    from firstread.evidence import FIGURES

    places = ["", *evaluation.classes]
    texts = {(e.figure, e.class_name): e.text() for e in evaluation.estimates}
    rows = [
        [kind.title, *(texts.get((figure, place), "") for place in places)]
        for figure, kind in FIGURES.items()
    ]
    return ["figure", "all classes", *evaluation.classes], rows
