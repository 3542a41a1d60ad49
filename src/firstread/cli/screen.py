"""What the commands print with: one console a stream, one way to print a table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firstread.errors import UsageError

console = Console(highlight=False, soft_wrap=True)
"""Results, on standard output."""

Value = TypeVar("Value")

DRAWINGS = (".png", ".pdf", ".svg", ".jpg")
"""What figures' names end in."""

notices = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors, on standard error."""


def bar(rate: bool = False) -> Any:
    """Return a progress bar on standard error: drawn on a terminal, nothing elsewhere.

    Parameters
    ----------
    rate
        Whether to show how many are done a second.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class Rate(ProgressColumn):
        """How many a second, of late."""

        def render(self, task: Task) -> str:
            return f"{task.speed:,.3g}/s" if task.speed else ""

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([Rate()] if rate else []),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=notices, transient=True, disable=not notices.is_terminal)


def followed(events: Iterable[Any], rate: bool = False) -> Any:
    """Draw the steps of long work as they are done; return what comes last.

    Parameters
    ----------
    events
        The work.
    rate
        As of `bar`.
    """
    from firstread.progress import Step

    event, phase = None, ""
    with bar(rate) as drawn:
        task = drawn.add_task("", total=None)
        for event in events:
            if isinstance(event, Step):
                if event.phase != phase:
                    drawn.reset(task)
                    phase = event.phase
                drawn.update(task, description=event.phase, completed=event.done, total=event.of)
    return event


def stepped(work: Generator[Any, None, Value]) -> Value:
    """Draw the steps of long work as they are done; return what the work returns."""

    def passed() -> Iterator[Any]:
        made.append((yield from work))

    made: list[Value] = []
    followed(passed())
    return made[0]


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    title: str = "",
    right: Collection[str] = (),
) -> None:
    """Print a table for a person, or tab-separated lines for a program.

    Parameters
    ----------
    columns
        Their headings.
    rows
        Cells as text, as many as there are columns.
    title
        Above the table, on a terminal.
    right
        The columns that hold numbers.
    """
    if not console.is_terminal:
        writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
        writer.writerows([columns, *rows])
        return
    table = Table(title=escape(title) or None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table, soft_wrap=False)


def drawable(option: str, path: Path) -> None:
    """Refuse a figure's name that nothing can be drawn to.

    Raises
    ------
    UsageError
        If its ending is unknown or its folder missing.
    """
    if path.suffix.lower() not in DRAWINGS:
        raise UsageError(f"{option} {path}: the name must end in one of {', '.join(DRAWINGS)}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent} to write it to")
