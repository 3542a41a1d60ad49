"""`comparison.html`: runs that were judged on the same images, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstread.report import wording
from firstread.report.charts import Chart, svg
from firstread.report.comparison_figures import figures
from firstread.report.records import Answers, Record
from firstread.report.report import page
from firstread.report.sides import Sides, unpaired
from firstread.report.thumbnails import Album, Thumbnail
from firstread.report.wording import interval_text, listed, percent, value_text

TEMPLATE = "comparison.html.j2"
MOST = 18
"""Disagreements that are shown."""
_OF_A_CLASS = ("sensitivity", "auroc")


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


def _exception(sides: Sides) -> str:
    """Return the end of a sentence on paired intervals: which of them are none."""
    alone = sides.differences[sides.differences.apply(unpaired, axis=1)]
    if alone.empty:
        return ""
    titles = dict.fromkeys(wording.FIGURES[figure].title for figure in alone["figure"])
    runs = "" if len(sides.names) == 2 else f" of {listed(list(dict.fromkeys(alone['run'])))}"
    return (
        f"; but not for the {listed(list(titles))}{runs} (dashed where drawn): a run shows no "
        "mistake there that could be paired, and the interval, of both runs' own, is wider"
    )


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
    areas = [f"{run} {sides.area(run, place)}" for run in sides.names]
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
