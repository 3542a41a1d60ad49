"""What the site shows and nobody drew by hand: figures by firstread's own code, and its commands.

mkdocs calls `on_files` when a site is built (`hooks` in `mkdocs.yml`), so that neither a figure nor
the list of options can be older than the code.
"""

from __future__ import annotations

import io
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from matplotlib.figure import Figure
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from firstread.backbones import entry, measure
from firstread.backbones.lessons import lessons
from firstread.cli import app
from firstread.evidence import proportion
from firstread.report.architecture import BLUE, VERMILLION, lessons_figure, stages_figure

NETWORKS = (
    *("alexnet", "zfnet", "vgg16", "googlenet", "inception_v3"),
    *("resnet50", "xception", "mobilenet_v2"),
)
MONTAGE = Path(__file__).parents[1] / "benchmarks" / "phantom_montage.py"
WIDTH = 78
"""Characters of a line that a page shows without scrolling."""

IMAGES = (10, 20, 50, 100, 200, 500, 1000)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the drawn figures and the page of commands to the site's files."""
    for name in NETWORKS:
        files.append(_drawn(config, f"drawn/{name}.svg", stages_figure(measure(entry(name)))))
    files.append(_drawn(config, "drawn/lessons.svg", lessons_figure(lessons())))
    files.append(_drawn(config, "drawn/intervals.svg", intervals_figure()))
    if files.get_file_from_path("phantoms.png") is None:
        montage = runpy.run_path(str(MONTAGE))
        files.append(_drawn(config, "phantoms.png", montage["draw"]([montage["computed"](0)])))
    files.append(File.generated(config, "commands.md", content="\n".join(commands_page())))
    return files


def intervals_figure() -> Figure:
    """Draw the 95 % interval of an accuracy against the number of images it was measured on."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for share, colour, shift in ((1.0, BLUE, 0.96), (0.9, VERMILLION, 1.04)):
        limits = [proportion(share * count, count) for count in IMAGES]
        beside = [count * shift for count in IMAGES]
        axes.vlines(
            beside,
            [100 * low for low, _ in limits],
            [100 * high for _, high in limits],
            **{"color": colour, "linewidth": 3},
        )
        axes.plot(
            beside,
            [100 * share] * len(IMAGES),
            "o",
            color=colour,
            label=f"{100 * share:.0f} % right",
        )
    axes.set_xscale("log")
    axes.set_xticks(IMAGES, map(str, IMAGES))
    axes.minorticks_off()
    axes.set_xlabel("images that the accuracy was measured on")
    axes.set_ylabel("accuracy, 95 % interval (%)")
    axes.set_ylim(50, 102)
    axes.grid(axis="y", color="0.9")
    axes.legend(frameon=False, loc="lower right")
    return figure


def commands_page() -> Iterator[str]:
    """Write what `firstread COMMAND --help` prints, command by command, as a page."""
    yield "# Commands\n\nWhat `firstread COMMAND --help` prints."
    yield from _helped(_context("firstread", typer.main.get_command(app)))


def _helped(context: typer.Context) -> Iterator[str]:
    context.terminal_width = context.max_content_width = WIDTH
    yield f"\n## {context.command_path}\n\n```text\n{context.get_help()}\n```"
    for name, command in getattr(context.command, "commands", {}).items():
        yield from _helped(_context(name, command, context))


def _context(name: str, command: Any, parent: typer.Context | None = None) -> typer.Context:
    return typer.Context(command, info_name=name, parent=parent, **command.context_settings)


def _drawn(config: MkDocsConfig, name: str, figure: Figure) -> File:
    page = io.BytesIO()
    kind = name.rpartition(".")[2]
    # Without a date the same code gives the same file.
    figure.savefig(page, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return File.generated(config, name, content=page.getvalue())
