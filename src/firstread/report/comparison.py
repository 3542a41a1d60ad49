"""`comparison.html`: runs that were judged on the same images, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from firstread.images import Display
from firstread.report import wording
from firstread.report.charts import Chart, svg
from firstread.report.performance import COLOURS, GUIDE, plain, roc_figure
from firstread.report.records import Answers, Record
from firstread.report.report import page
from firstread.report.thumbnails import Album, Thumbnail
from firstread.report.wording import counted, interval_text, listed, percent, value_text

TEMPLATE = "comparison.html.j2"
MOST = 18
"""Disagreements that are shown."""
MOST_CURVES = 4
"""Classes whose curves are drawn, of more those told worst."""
_SHARES = ("accuracy", "balanced_accuracy", "auroc")
"""Figures from 0 to 1 of which more is better, all classes together."""
_OF_A_CLASS = ("sensitivity", "auroc")
_MOST_FOUND = 6
_ABREAST = 3
_MARKERS = "osD^vP*"


@dataclass(frozen=True)
class Sides:
    """Runs on the same images, as values.

    Parameters
    ----------
    names, models
        Of the runs, and their networks.
    classes
        In the order of the columns of all answers.
    multilabel
        Whether an image can be of several.
    answers
        Of each run, on the same images in the same order.
    figures
        One row a figure: run, figure, class, value, low, high, method, n.
    differences
        One row a figure of a later run less that of the first: run, against, figure, difference,
        low, high, method, p_value.
    comparisons
        Of each later run with the first, as `evidence` records them.
    facts
        Which images these are.
    display
        The window that they are shown through.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    classes: tuple[str, ...]
    multilabel: bool
    answers: tuple[Answers, ...]
    figures: pd.DataFrame
    differences: pd.DataFrame
    comparisons: tuple[Record, ...]
    facts: tuple[str, ...]
    display: Display

    @property
    def apart(self) -> list[int]:
        """Places of the images that the runs don't all call the same, the furthest apart first."""
        called = np.stack([answers.called for answers in self.answers])
        places = np.flatnonzero((called != called[0]).any(axis=(0, 2)))
        said = np.stack([answers.probabilities for answers in self.answers])[:, places]
        gap = np.ptp(said, axis=0).max(axis=1)
        return [int(place) for place in places[np.argsort(-gap, kind="stable")]]

    def disagreements(self) -> pd.DataFrame:
        """Return one row an image that the runs call differently, with what each calls it."""
        first = self.answers[0]
        return pd.DataFrame(
            {
                "path": [first.paths[place] for place in self.apart],
                "truth": [first.truth[place] for place in self.apart],
                **{
                    name: [answers.label[place] for place in self.apart]
                    for name, answers in zip(self.names, self.answers, strict=True)
                },
            }
        )

    def estimate(self, run: str, figure: str, class_name: str = "") -> Record | None:
        """Return one figure of a run, if the images give it."""
        table = self.figures
        rows = table[
            (table["run"] == run) & (table["figure"] == figure) & (table["class"] == class_name)
        ]
        known = rows[rows["value"].notna()].astype(object)
        records = known.where(known.notna(), None).to_dict("records")
        return {str(k): v for k, v in records[0].items()} if records else None


@dataclass(frozen=True)
class Apart:
    """An image that runs call differently.

    Parameters
    ----------
    picture
        Small.
    truth
        In words.
    answers
        Of each run: its name, what it says, how probable it finds that, in words too, and whether
        it is right.
    """

    picture: Thumbnail
    truth: str
    answers: tuple[tuple[str, str, float, str, bool], ...]


def rendered(sides: Sides) -> str:
    """Return the page."""
    notes = dict.fromkeys(sides.answers[0].paths, "")
    album = Album(sides.display, notes, MOST)
    shown = [_apart(sides, place, album) for place in sides.apart[:MOST]]
    return page(
        TEMPLATE,
        {
            "sides": sides,
            "n": len(sides.answers[0].paths),
            "figures": wording.FIGURES,
            "rows": list(_rows(sides)),
            "differences": list(_gaps(sides)),
            "charts": [Chart(svg(figure), *_told(sides, name)) for name, figure in figures(sides)],
            "apart": [one for one in shown if one is not None],
            "more": len(sides.apart) - len(shown),
            "missing": album.missing,
        },
    )


def figures(sides: Sides) -> Iterator[tuple[str, Figure]]:
    """Yield each drawing with the name of its file."""
    yield "figures", _side_by_side(sides)
    yield "differences", _differences(sides)
    for place in _drawn(sides):
        name = sides.classes[place]
        plainly = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
        yield f"roc_{place}_{plainly}", _roc(sides, place)


def _rows(sides: Sides) -> Iterator[tuple[str, str, list[Record | None]]]:
    """Yield each figure's title, its class, and its value in each run."""
    wanted = sides.figures[["figure", "class"]].drop_duplicates()
    for figure, name in wanted.itertuples(index=False):
        if name and figure not in _OF_A_CLASS:
            continue
        row = [sides.estimate(run, figure, name) for run in sides.names]
        if any(row):
            yield figure, name, row


def _gaps(sides: Sides) -> Iterator[dict[str, Any]]:
    """Yield each difference in words: points where the figure is a share, else as it is."""
    for row in sides.differences.to_dict("records"):
        scale, form = (100, ".1f") if wording.FIGURES[row["figure"]].percent else (1, ".3f")
        ends = [f"{scale * row[name]:{form}}" for name in ("difference", "low", "high")]
        known = not np.isnan(row["difference"])
        unit = " points" if scale == 100 else ""
        yield {
            **{str(column): value for column, value in row.items()},
            "text": f"{ends[0]}{unit}",
            "range": f"{ends[1]} to {ends[2]}",
            "known": known,
        }


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
        ends, style = [100 * row["low"], 100 * row["high"]], "--" if _alone(row) else "-"
        axes.plot(ends, [place, place], style, color=colour, lw=2)
        axes.plot(100 * row["difference"], place, _MARKERS[number % len(_MARKERS)], color=colour)
    axes.axvline(0, **GUIDE)
    titles = [f"{row['run']}: {wording.FIGURES[row['figure']].title}" for row in rows]
    axes.set_yticks(range(len(table)), titles)
    axes.set_ylim(len(table) - 0.4, -0.6)
    edge = 1.1 * 100 * max(0.05, float(table[["low", "high"]].abs().max().max()))
    axes.set_xlim(-edge, edge)
    dashed = "\n(dashed: not paired)" if any(map(_alone, rows)) else ""
    axes.set_xlabel(f"difference in points (AUROC: x 100), with 95 % interval{dashed}")
    axes.set_title(f"Each run less {sides.names[0]}, on the same images", loc="left")
    plain(axes)
    return figure


def _alone(row: Record) -> bool:
    """Say whether a difference's interval follows from both runs' own intervals."""
    return str(row["method"]).endswith("not paired")


def _exception(sides: Sides) -> str:
    """Return the end of a sentence on paired intervals: which of them are none."""
    alone = sides.differences[sides.differences.apply(_alone, axis=1)]
    if alone.empty:
        return ""
    titles = dict.fromkeys(wording.FIGURES[figure].title for figure in alone["figure"])
    runs = "" if len(sides.names) == 2 else f" of {listed(list(dict.fromkeys(alone['run'])))}"
    return (
        f"; but not for the {listed(list(titles))}{runs} (dashed where drawn): a run shows no "
        "mistake there that could be paired, and the interval, of both runs' own, is wider"
    )


def _roc(sides: Sides, place: int) -> Figure:
    lines = {}
    for name, answers in zip(sides.names, sides.answers, strict=True):
        fpr, tpr, _ = roc_curve(answers.yes[:, place], answers.probabilities[:, place])
        lines[f"{name}: {_area(sides, name, place)}"] = pd.DataFrame({"fpr": fpr, "tpr": tpr})
    figure = roc_figure(lines, len(sides.answers[0].paths))
    axes = figure.axes[0]
    axes.set_title(f"{sides.classes[place]}: {axes.get_title(loc='left')}", loc="left")
    return figure


def _area(sides: Sides, run: str, place: int) -> str:
    record = sides.estimate(run, "auroc", sides.classes[place])
    if record is None:
        return "AUROC not known"
    limits = interval_text(record)
    return f"AUROC {value_text(record)}{f' ({limits})' if limits else ''}"


def _drawn(sides: Sides) -> list[int]:
    """Return the classes whose curves are drawn: of two one, of many those told worst."""
    yes = sides.answers[0].yes
    known = [k for k in range(len(sides.classes)) if 0 < yes[:, k].sum() < len(yes)]
    if len(sides.classes) == 2 and not sides.multilabel:
        return known[1:]

    def told(k: int) -> float:
        return min(float(roc_auc_score(yes[:, k], a.probabilities[:, k])) for a in sides.answers)

    return sorted(known, key=told)[:MOST_CURVES]


def _told(sides: Sides, name: str) -> tuple[str, str]:
    """Return what a drawing shows, in words, and how to read it."""
    if name == "figures":
        said = [
            f"{run} {value_text(record)} ({interval_text(record)})"
            for run in sides.names
            if (record := sides.estimate(run, "accuracy")) is not None
        ]
        return (
            f"Accuracy on the same images: {listed(said)}.",
            "Where intervals overlap, the runs may still differ: look at the differences.",
        )
    if name == "differences":
        gaps = [g for g in _gaps(sides) if g["figure"] == "accuracy"]
        said = [f"{g['run']} {g['text']} ({g['range']})" for g in gaps]
        return (
            f"Accuracy less that of {sides.names[0]}: {listed(said)}.",
            "An interval that holds 0 leaves open which is better. It is paired, so that what is "
            f"hard for both runs cancels out{_exception(sides)}.",
        )
    place = int(name.split("_")[1])
    areas = [f"{run} {_area(sides, run, place)}" for run in sides.names]
    return (
        f"ROC of {sides.classes[place]}: {listed(areas)}.",
        "The nearer to the upper left corner, the better; guessing gets 0.5.",
    )


def _apart(sides: Sides, place: int, album: Album) -> Apart | None:
    first = sides.answers[0]
    picture = album.thumbnail(first.paths[place])
    if picture is None:
        return None
    return Apart(
        picture,
        _words(first.truth[place]),
        tuple(
            (name, _words(a.label[place]), p := _sure(a, place), percent(p), bool(a.right[place]))
            for name, a in zip(sides.names, sides.answers, strict=True)
        ),
    )


def _sure(answers: Answers, place: int) -> float:
    """Return the probability of what was said; of labels, of the least sure one."""
    said, called = answers.probabilities[place], answers.called[place]
    return float(np.where(called, said, 1 - said).min() if called.sum() != 1 else said[called][0])


def _words(label: str) -> str:
    return label.replace(";", ", ") or "none"
