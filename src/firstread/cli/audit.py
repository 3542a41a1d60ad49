"""`firstread audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstread.cli import options

if TYPE_CHECKING:
    from firstread.auditing import Audit, Finding

SHOWN = 3
"""Files, or groups of them, that a finding lists on the screen."""

_STYLES = {"severe": "bold red", "warning": "yellow", "note": "cyan"}


def audit(
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder of class folders; folder with train/ and val/ of them; or CSV or TSV "
            "with the columns path and label, and perhaps patient and split.",
            show_default=False,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with every file.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 where a finding is severe.")
    ] = False,
    cluster: options.Cluster = None,
    workers: options.Workers = None,
) -> None:
    """Look for what is wrong with labelled images, before anything is trained on them.

    Files that can't be read, copies, patients in several parts, names that contradict labels,
    classes that are too small, and what the validation images can show. Changes nothing.
    """
    from firstread.auditing import auditing
    from firstread.cli.clustered import spread
    from firstread.cli.screen import followed

    with spread(cluster, workers) as each:
        result: Audit = followed(auditing(data, each=each), rate=cluster is not None)
    if json:
        import json as format_

        typer.echo(format_.dumps(result.records(), indent=2, ensure_ascii=False))
    else:
        _print(result)
    if strict and result.severe:
        raise typer.Exit(1)


def _print(result: Audit) -> None:
    from firstread.cli.screen import console

    told = [finding for finding in result.findings if finding.severity in _STYLES]
    for finding in told:
        _print_finding(finding, result.data)
    for severity in ("passed", "not applicable"):
        _print_rest(severity, [f for f in result.findings if f.severity == severity])
    counts = {name: sum(finding.severity == name for finding in told) for name in _STYLES}
    listed = ", ".join(
        f"{count} {name if count == 1 or name == 'severe' else name + 's'}"
        for name, count in counts.items()
    )
    console.print(f"{result.images:,} images: {listed}.", style="bold")


def _print_finding(finding: Finding, data: str) -> None:
    from firstread.cli.screen import console

    piped = not console.is_terminal  # Lines are wrapped for people, not for programs.
    style = _STYLES[finding.severity]
    console.print(f"{finding.severity}: {finding.code}", style=style, markup=False)
    console.print(finding.message, markup=False, soft_wrap=piped)
    for line in _files(finding, data):
        console.print(f"    {line}", markup=False, style="dim", soft_wrap=piped)
    console.print(f"Why it matters: {finding.why}", markup=False, soft_wrap=piped)
    console.print(f"What to do: {finding.advice}", markup=False, soft_wrap=piped)
    console.print()


def _print_rest(title: str, findings: list[Finding]) -> None:
    """Print what was looked for and not found, one line each."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from firstread.cli.screen import console

    if not findings:
        return
    console.print(f"{title}:", style="bold")
    if not console.is_terminal:
        for finding in findings:
            console.print(f"    {finding.code}: {finding.message}", markup=False)
    else:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        for finding in findings:
            grid.add_row(finding.code, Text(finding.message))
        console.print(Padding(grid, (0, 0, 0, 4)), soft_wrap=False)
    console.print()


def _files(finding: Finding, data: str) -> list[str]:
    """Return the first files of a finding, a line a file or a group, and how many are left."""
    groups = finding.groups or tuple((path,) for path in finding.files)
    between = " = " if finding.code.startswith("DUPLICATE") else ", "
    rows = [_joined([_short(path, data) for path in group], between) for group in groups[:SHOWN]]
    more = len(groups) - SHOWN
    noun = ("group" if finding.groups else "file") + ("s" if more > 1 else "")
    return [*rows, *([f"... and {more:,} more {noun} (--json lists all)"] if more > 0 else [])]


def _joined(names: list[str], between: str) -> str:
    """Join the first members of a group; say how many are left."""
    more = len(names) - 2 * SHOWN
    return between.join(names[: 2 * SHOWN]) + (f"{between}{more:,} more" if more > 0 else "")


def _short(path: str, data: str) -> str:
    """Return a file's name from the data folder on."""
    root = Path(data) if Path(data).is_dir() else Path(data).parent
    file = Path(path)
    return str(file.relative_to(root)) if file.is_relative_to(root) else path
