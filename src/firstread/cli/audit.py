"""`firstread audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
) -> None:
    """Look for what is wrong with labelled images, before anything is trained on them.

    Files that can't be read, copies, patients in several parts, names that contradict labels,
    classes that are too small, and what the validation images can show. Changes nothing.
    """
    from firstread.auditing import auditing
    from firstread.cli.screen import followed

    result: Audit = followed(auditing(data))
    if json:
        import json as format_

        typer.echo(format_.dumps(result.records(), indent=2, ensure_ascii=False))
    else:
        _print(result)
    if strict and result.severe:
        raise typer.Exit(1)


def _print(result: Audit) -> None:
    from firstread.cli.screen import console

    shown = [f for f in result.findings if f.severity in _STYLES]
    for finding in shown:
        _print_finding(finding, result.data)
    for severity in ("passed", "not applicable"):
        rest = [f for f in result.findings if f.severity == severity]
        if rest:
            console.print(f"{severity}:", style="bold")
        for finding in rest:
            console.print(f"  {finding.code:<29} {finding.message}", markup=False)
    console.print()
    counts = {name: sum(f.severity == name for f in shown) for name in _STYLES}
    summary = f"{result.images:,} images: {counts['severe']} severe, {counts['warning']} to be "
    console.print(f"{summary}warned of, {counts['note']} to note.", style="bold")


def _print_finding(finding: Finding, data: str) -> None:
    from firstread.cli.screen import console

    style = _STYLES[finding.severity]
    console.print(f"{finding.severity}: {finding.code}", style=style, markup=False)
    piped = not console.is_terminal  # Lines are wrapped for people, not for programs.
    console.print(finding.message, markup=False, soft_wrap=piped)
    for line in _files(finding, data):
        console.print(f"    {line}", markup=False, style="dim")
    console.print(f"Why it matters: {finding.why}", markup=False, soft_wrap=piped)
    console.print(f"What to do: {finding.advice}", markup=False, soft_wrap=piped)
    console.print()


def _files(finding: Finding, data: str) -> list[str]:
    """Return the first files of a finding, a line a file or a group, and how many are left."""
    rows = [" = ".join(_short(path, data) for path in group) for group in finding.groups]
    rows = rows or [_short(path, data) for path in finding.files]
    noun = "groups" if finding.groups else "files"
    more = len(rows) - SHOWN
    return [
        *rows[:SHOWN],
        *([f"... and {more:,} more {noun} (--json lists all)"] if more > 0 else []),
    ]


def _short(path: str, data: str) -> str:
    """Return a file's name from the data folder on."""
    root = Path(data) if Path(data).is_dir() else Path(data).parent
    file = Path(path)
    return str(file.relative_to(root)) if file.is_relative_to(root) else path
