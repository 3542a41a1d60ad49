"""`firstread zoo`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from firstread.backbones import Architecture
    from firstread.backbones.lessons import Lesson

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
_WIDE = 160
_COST = (
    "input\n(px)",
    "layers",
    "parameters",
    "multiply-\nadds",
    "receptive\nfield (px)",
    "top-1\n(%)",
)
_STORY = ("weights", "licence", "idea")
_RIVALS = ("", "parameters", "multiply-\nadds", "receptive\nfield (px)", "channels out")
_CAPTION = (
    "Counted with the top for 1,000 ImageNet classes and without auxiliary classifiers; "
    "multiply-adds for one image of the input size; receptive field at the last feature map. "
    "Top-1 is ImageNet accuracy as published: by torchvision with its weights, for zfnet and "
    "xception in their papers. torchvision's alexnet has one column instead of two "
    "(arXiv:1404.5997), its googlenet 3x3 filters where the paper has 5x5."
)


def zoo(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Draw this network stage by stage: one of the zoo, or timm/NAME.",
            show_default=False,
        ),
    ] = None,
    lessons: Annotated[
        bool,
        typer.Option("--lessons", help="Compare designs: 3x3 filters, bottlenecks and more."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the network or the lessons as a figure (.png, .pdf, .svg).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the networks: what each costs, sees and stands for."""
    _check(name, lessons, out)
    if lessons:
        _print_lessons(out)
    elif name is not None:
        _print_network(name, out)
    else:
        _print_zoo()


def _check(name: str | None, lessons: bool, out: Path | None) -> None:
    """Complain about every option that can't be, at once."""
    from firstread.errors import UsageError

    problems = []
    if name is not None and lessons:
        problems.append(f"zoo draws one network ({name}) or the --lessons, not both: leave one out")
    if out is not None:
        if name is None and not lessons:
            problems.append(f"--out {out}: the table has no figure; add a NAME or --lessons")
        if out.suffix.lower() not in FIGURE_SUFFIXES:
            problems.append(
                f"--out {out}: the name must end in one of {', '.join(FIGURE_SUFFIXES)}"
            )
        if not out.parent.is_dir():
            problems.append(f"--out {out}: there is no folder {out.parent} to write it to")
    if problems:
        raise UsageError("\n".join(problems))


def _print_zoo() -> None:
    from firstread.backbones import zoo_table
    from firstread.cli.screen import console, print_table

    networks = zoo_table().to_dict("records")
    rows = [_row(network, plain=not console.is_terminal) for network in networks]
    if console.is_terminal and console.width < _WIDE:
        tables = {
            "What they cost and see": ("network", *_COST),
            "What they stand for": ("network", "year", *_STORY),
        }
    else:
        tables = {"": ("network", "year", *_COST, *_STORY)}
    for title, columns in tables.items():
        cells = [[row[column] for column in columns] for row in rows]
        print_table(_headings(columns), cells, title, right=_headings(_COST))
    _say(_CAPTION)
    _say("firstread zoo NAME draws one of them; timm/NAME is any network of timm's.")


def _headings(columns: Sequence[str]) -> list[str]:
    """Return headings as they are printed: broken over two lines on a terminal alone."""
    from firstread.cli.screen import console

    if console.is_terminal:
        return list(columns)
    return [column.replace("-\n", "-").replace("\n", " ") for column in columns]


def _row(network: Mapping[Hashable, Any], plain: bool) -> dict[str, str]:
    import pandas as pd

    from firstread.report.architecture import amount

    write = str if plain else amount
    cost = (
        str(network["size"]),
        str(network["layers"]),
        write(network["parameters"]),
        write(network["macs"]),
        _field(network["receptive_field"]),
        "" if pd.isna(network["top1"]) else f"{network['top1']:.1f}",
    )
    story = (network["weights"], network["licence"], network["idea"])
    return {
        "network": network["network"],
        "year": str(network["year"]),
        **dict(zip(_COST, cost, strict=True)),
        **dict(zip(_STORY, story, strict=True)),
    }


def _print_network(name: str, out: Path | None) -> None:
    from firstread.backbones import entry, measure
    from firstread.cli.screen import console, print_table
    from firstread.report.architecture import shape_text, stages_figure, summary

    row = entry(name)
    architecture = measure(row)
    year = f" ({row.year})" if row.year else ""
    _say(f"{row.name}{year}: {row.idea}")
    _say(summary(architecture))
    if console.is_terminal:
        _draw_network(architecture)
    else:
        print_table(
            ["stage", "shape", *_headings(_COST[2:5])],
            [
                [
                    stage.name,
                    shape_text(stage.shape),
                    str(stage.parameters),
                    str(stage.macs),
                    _field(stage.receptive_field),
                ]
                for stage in (*architecture.stages, architecture.top)
            ],
        )
    _finish(stages_figure(architecture) if out else None, out)


def _draw_network(architecture: Architecture) -> None:
    """Draw a network in a terminal: maps that shrink, receptive fields that grow."""
    from rich.bar import Bar
    from rich.table import Table

    from firstread.cli.screen import console
    from firstread.report.architecture import (
        amount,
        broken,
        field_text,
        rows,
        shape_text,
        side_of,
    )

    size = architecture.size
    # The other columns of the zoo's networks take up to 66 characters.
    length = max(6, min(16, (console.width - 66) // 2))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("stage", overflow="fold")
    table.add_column("map", no_wrap=True)
    table.add_column("its side")
    for heading in ("params", "mult-adds"):
        table.add_column(heading, justify="right")
    table.add_column("sees")
    table.add_column("", no_wrap=True)
    table.add_row("input", shape_text((3, size, size)), Bar(1, 0, 1, width=length))
    for stage in rows(architecture):
        side = (side_of(stage.shape) / size) ** 0.5
        table.add_row(
            broken(stage.name),
            shape_text(stage.shape),
            Bar(1, (1 - side) / 2, (1 + side) / 2, width=length, color="blue"),
            amount(stage.parameters),
            amount(stage.macs),
            Bar(size, 0, min(stage.receptive_field, size), width=length, color="red"),
            field_text(stage.receptive_field),
        )
    console.print()
    console.print(table, soft_wrap=False)
    console.print()
    _say(
        "its side: side of the map, on a square-root scale; sees: receptive field, a full bar "
        f"for all of the {size} px."
    )


def _print_lessons(out: Path | None) -> None:
    from firstread.backbones.lessons import lessons
    from firstread.cli.screen import console, print_table
    from firstread.report.architecture import lessons_figure

    taught = lessons()
    if console.is_terminal:
        for lesson in taught:
            print_table(_RIVALS, _rivals(lesson, plain=False), lesson.title, right=_RIVALS[1:])
            _say(f"{lesson.sentence}\n({lesson.setting}. {lesson.source}.)\n")
    else:
        print_table(
            ["lesson", "rival", *_headings(_RIVALS[1:])],
            [[lesson.title, *row] for lesson in taught for row in _rivals(lesson, plain=True)],
        )
        for lesson in taught:
            _say(f"{lesson.title}: {lesson.sentence} ({lesson.setting}. {lesson.source}.)")
    _finish(lessons_figure(taught) if out else None, out)


def _rivals(lesson: Lesson, plain: bool) -> list[Sequence[str]]:
    from firstread.report.architecture import amount

    write = str if plain else amount
    return [
        [
            rival.name,
            write(rival.parameters),
            write(rival.macs),
            _field(rival.receptive_field),
            str(rival.channels),
        ]
        for rival in lesson.rivals
    ]


def _field(pixels: float) -> str:
    from firstread.report.architecture import field_text

    return field_text(pixels).removesuffix(" px")


def _say(text: str) -> None:
    """Print words around a table; beside it where a program reads the table."""
    from firstread.cli.screen import console, notices

    if console.is_terminal:
        console.print(text, markup=False, soft_wrap=False)
    else:
        notices.print(text, markup=False)


def _finish(figure: Figure | None, out: Path | None) -> None:
    """Write the figure where one was asked for, else say how to get it."""
    from firstread.errors import UsageError

    if figure is None or out is None:
        _say("--out FILE.png draws this as a figure (.pdf and .svg too).")
        return
    try:
        figure.savefig(out, dpi=150)
    except OSError as error:
        raise UsageError(f"--out {out}: can't be written ({error.strerror})") from None
    _say(f"drawn: {out}")
