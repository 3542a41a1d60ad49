"""What is drawn of runs that were judged on the same images."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from firstread.report import wording
from firstread.report.performance import COLOURS, GUIDE, plain, roc_figure
from firstread.report.sides import Sides, unpaired
from firstread.report.wording import counted

MOST_CURVES = 4
"""Classes whose curves are drawn, of more those told worst."""
_SHARES = ("accuracy", "balanced_accuracy", "auroc")
"""Figures from 0 to 1 of which more is better, all classes together."""
_MOST_FOUND = 6
_ABREAST = 3
_MARKERS = "osD^vP*"


def figures(sides: Sides) -> Iterator[tuple[str, Figure]]:
    """Yield each drawing with the name of its file."""
    yield "figures", _side_by_side(sides)
    yield "differences", _differences(sides)
    for place in _drawn(sides):
        name = sides.classes[place]
        plainly = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
        yield f"roc_{place}_{plainly}", _roc(sides, place)


def _side_by_side(sides: Sides) -> Figure:
    """Draw the figures of all runs: a dot with its interval for each."""
    places = [(figure, "") for figure in _SHARES]
    places += [("sensitivity", name) for name in sides.classes[:_MOST_FOUND]]
    rows = [
        (figure, name, [sides.estimate(run, figure, name) for run in sides.names])
        for figure, name in places
    ]
    rows = [row for row in rows if any(row[2])]
    runs = len(sides.names)
    figure = Figure(figsize=(7.2, 1.7 + len(rows) * (0.26 + 0.17 * runs)), layout="constrained")
    axes = figure.subplots()
    for place, (_, _, held) in enumerate(rows):
        for number, record in enumerate(held):
            if record is None:
                continue
            y = place + 0.7 * ((number + 0.5) / runs - 0.5)
            colour, label = (
                COLOURS[number % len(COLOURS)],
                sides.names[number] if not place else None,
            )
            if record["low"] is not None:
                axes.plot([100 * record["low"], 100 * record["high"]], [y, y], color=colour, lw=1.8)
            marker = _MARKERS[number % len(_MARKERS)]
            axes.plot(100 * record["value"], y, marker, color=colour, markersize=6, label=label)
    titles = [
        f"found of {name}" if name else wording.FIGURES[figure].title for figure, name, _ in rows
    ]
    axes.set_yticks(range(len(rows)), titles)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("% (AUROC: x 100), with 95 % interval")
    n = len(sides.answers[0].paths)
    axes.set_title(f"The same {counted(n, 'image')}", loc="left")
    figure.legend(frameon=False, loc="outside lower center", ncols=min(runs, _ABREAST))
    plain(axes)
    return figure


def _differences(sides: Sides) -> Figure:
    """Draw how far each later run is ahead of the first, with intervals, dashed if not paired."""
    table = sides.differences
    table = table[table["figure"].isin(_SHARES) & table["difference"].notna()]
    figure = Figure(figsize=(7.2, 1.5 + 0.4 * len(table)), layout="constrained")
    axes = figure.subplots()
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    for place, row in enumerate(rows):
        number = sides.names.index(row["run"])
        colour = COLOURS[number % len(COLOURS)]
        ends, style = [100 * row["low"], 100 * row["high"]], "--" if unpaired(row) else "-"
        axes.plot(ends, [place, place], style, color=colour, lw=2)
        axes.plot(100 * row["difference"], place, _MARKERS[number % len(_MARKERS)], color=colour)
    axes.axvline(0, **GUIDE)
    titles = [f"{row['run']}: {wording.FIGURES[row['figure']].title}" for row in rows]
    axes.set_yticks(range(len(table)), titles)
    axes.set_ylim(len(table) - 0.4, -0.6)
    edge = 1.1 * 100 * max(0.05, float(table[["low", "high"]].abs().max().max()))
    axes.set_xlim(-edge, edge)
    dashed = "\n(dashed: not paired)" if any(map(unpaired, rows)) else ""
    axes.set_xlabel(f"difference in points (AUROC: x 100), with 95 % interval{dashed}")
    axes.set_title(f"Each run less {sides.names[0]}, on the same images", loc="left")
    plain(axes)
    return figure


def _roc(sides: Sides, place: int) -> Figure:
    lines = {}
    for name, answers in zip(sides.names, sides.answers, strict=True):
        fpr, tpr, _ = roc_curve(answers.yes[:, place], answers.probabilities[:, place])
        lines[f"{name}: {sides.area(name, place)}"] = pd.DataFrame({"fpr": fpr, "tpr": tpr})
    figure = roc_figure(lines, len(sides.answers[0].paths))
    axes = figure.axes[0]
    axes.set_title(f"{sides.classes[place]}: {axes.get_title(loc='left')}", loc="left")
    return figure


def _drawn(sides: Sides) -> list[int]:
    """Return the classes whose curves are drawn: of two one, of many those told worst."""
    yes = sides.answers[0].yes
    known = [k for k in range(len(sides.classes)) if 0 < yes[:, k].sum() < len(yes)]
    if len(sides.classes) == 2 and not sides.multilabel:
        return known[1:]

    def told(k: int) -> float:
        return min(float(roc_auc_score(yes[:, k], a.probabilities[:, k])) for a in sides.answers)

    return sorted(known, key=told)[:MOST_CURVES]
