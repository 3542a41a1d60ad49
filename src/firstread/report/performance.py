"""An evaluation's figures: ROC, precision-recall, reliability, confusion, ladder, subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color universal design" (2008); the yellow, too pale for a line, left out.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_STYLES = ("-", "--", "-.", ":")
_BEFORE, _AFTER = COLOURS[1], COLOURS[0]
GUIDE: dict[str, Any] = {"color": "0.5", "linewidth": 1, "linestyle": (0, (1, 2)), "zorder": 0}
"""Of a line that stands for guessing, or for no difference."""
INSIDE = 4
"""Curves whose legend fits into the axes."""


def roc_figure(
    curves: Mapping[str, pd.DataFrame],
    n: int,
    point: tuple[float, float] | None = None,
    point_name: str = "",
) -> Figure:
    """Draw ROC curves.

    Parameters
    ----------
    curves
        By the line that the legend gives each: frames with `fpr` and `tpr`, from 0 to 1.
    n
        Images.
    point, point_name
        False-positive rate and sensitivity of an operating point, and what the legend calls it.
    """
    figure, axes = _square(len(curves))
    axes.plot([0, 100], [0, 100], label="guessing", **GUIDE)
    for (name, curve), style in zip(curves.items(), _looks(), strict=False):
        axes.plot(100 * curve["fpr"], 100 * curve["tpr"], label=name, **style)
    if point is not None:
        axes.plot(100 * point[0], 100 * point[1], "kD", markersize=7, label=point_name)
    axes.set_xlabel("1 - specificity: called so though it isn't (%)")
    axes.set_ylabel("sensitivity: found of those that are (%)")
    axes.set_title(f"ROC, {n:,} images", loc="left")
    return _finished(figure, axes, len(curves), "lower right")


def precision_recall_figure(
    curves: Mapping[str, pd.DataFrame], shares: Sequence[float], n: int
) -> Figure:
    """Draw precision-recall curves.

    Parameters
    ----------
    curves
        By the line that the legend gives each: frames with `recall` and `precision`, from 0 to 1.
    shares
        Of each curve's class among the images, which is the precision of guessing.
    n
        Images.
    """
    figure, axes = _square(len(curves))
    for (name, curve), share, style in zip(curves.items(), shares, _looks(), strict=False):
        axes.plot(
            100 * curve["recall"],
            100 * curve["precision"],
            label=name,
            drawstyle="steps-pre",
            **style,
        )
        axes.axhline(100 * share, **{**GUIDE, "color": style["color"]})
    axes.plot([], [], label="guessing", **GUIDE)
    axes.set_xlabel("recall: found of those that are (%)")
    axes.set_ylabel("precision: of those called so, the share that are (%)")
    axes.set_title(f"Precision and recall, {n:,} images", loc="left")
    return _finished(figure, axes, len(curves), "lower left")


def reliability_figure(
    before: pd.DataFrame, after: pd.DataFrame | None, n: int, what: str
) -> Figure:
    """Draw what was said against what came true, before and after temperature scaling.

    Parameters
    ----------
    before, after
        One row a bin: `predicted`, `observed`, `low`, `high` (from 0 to 1) and `n`; `after` is
        None where no temperature was fitted.
    n
        Images.
    what
        Whose probability it is, for the label of the axis.
    """
    figure = Figure(figsize=(6, 6.6), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 100], [0, 100], label="said what came true", **GUIDE)
    looks = [(before, "as the network says it", _BEFORE, "o", 0.0)]
    if after is not None:
        looks.append((after, "after temperature scaling", _AFTER, "s", 0.7))
    for frame, name, colour, marker, shift in looks:
        x, y = 100 * frame["predicted"] + shift, 100 * frame["observed"]
        ends = [y - 100 * frame["low"], 100 * frame["high"] - y]
        axes.errorbar(
            x, y, ends, color=colour, marker=marker, markersize=5, capsize=2, lw=1.2, label=name
        )
        below.bar(x, frame["n"], width=3.2, color=colour, alpha=0.75 if shift else 0.4, label=name)
    axes.set_ylim(-3, 103)
    axes.set_xlim(-3, 103)
    axes.set_ylabel("came true (%), with 95 % interval")
    axes.set_title(f"Reliability, {n:,} images", loc="left")
    axes.legend(frameon=False, loc="upper left")
    below.set_ylabel("images")
    below.set_xlabel(f"{what} (%)")
    for each in (axes, below):
        plain(each)
    return figure


def confusion_figure(counts: npt.NDArray[Any], classes: Sequence[str]) -> Figure:
    """Draw the confusion matrix, or one for each label where an image may have several.

    Parameters
    ----------
    counts
        As of `Evaluation.confusion`: shape (k, k), or (k, 2, 2).
    classes
        Class names in order.
    """
    if counts.ndim == 2:
        side = 2.2 + 0.75 * len(classes)
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axes = figure.subplots()
        _matrix(axes, counts, classes)
        axes.set_title(f"Confusion, {counts.sum():,} images", loc="left")
        return figure
    columns = min(4, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.8 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[len(classes) :]:
        spare.set_axis_off()
    for axes, table, name in zip(grid, counts, classes, strict=False):
        _matrix(axes, table, ("no", "yes"))
        axes.set_title(name, fontsize=10)
    figure.suptitle(f"Confusion of each label, {counts[0].sum():,} images")
    return figure


def ladder_figure(rungs: pd.DataFrame, n: int) -> Figure:
    """Draw the ladder of baselines: a dot with its interval for each rung.

    Parameters
    ----------
    rungs
        One row a rung from the bottom up: `rung`, `accuracy`, `low`, `high` (from 0 to 1).
    n
        Images.
    """
    figure = Figure(figsize=(8, 1.4 + 0.45 * len(rungs)), layout="constrained")
    axes = figure.subplots()
    last = len(rungs) - 1
    for place, row in enumerate(rungs.to_dict("records")):
        colour, marker = (_AFTER, "D") if place == last else ("0.25", "o")
        _dot(axes, place, row["accuracy"], row["low"], row["high"], colour, marker)
    top = rungs.iloc[-1]
    axes.axvspan(100 * top["low"], 100 * top["high"], color=_AFTER, alpha=0.1, lw=0, zorder=0)
    axes.set_yticks(range(len(rungs)), list(rungs["rung"]))
    axes.set_ylim(-0.6, last + 0.7)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("right (%) with 95 % interval; band: trained model")
    axes.set_title(f"What each rung gets right of the same {n:,} images", loc="left")
    plain(axes)
    return figure


def subgroup_figure(
    parts: pd.DataFrame, column: str, whole: float, what: str = "accuracy (%)"
) -> Figure:
    """Draw a figure of every part of the images, as a forest plot.

    Parameters
    ----------
    parts
        One row a part: `part`, `images`, `value`, `low`, `high` (from 0 to 1).
    column
        What the images are parted by.
    whole
        The figure of all images together.
    what
        The figure, with its unit.
    """
    figure = Figure(figsize=(7.5, 1.5 + 0.42 * len(parts)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(parts.to_dict("records")):
        _dot(axes, place, row["value"], row["low"], row["high"], _AFTER, "s")
    axes.axvline(100 * whole, **GUIDE)
    names = [f"{r['part']} (n = {r['images']:,})" for r in parts.to_dict("records")]
    axes.set_yticks(range(len(parts)), names)
    axes.set_ylim(len(parts) - 0.4, -0.7)
    axes.set_xlim(-2, 102)
    axes.set_xlabel(f"{what}, with 95 % interval")
    axes.set_title(f"By {column} (dotted: all images, {100 * whole:.0f})", loc="left")
    plain(axes)
    return figure


def _dot(
    axes: Axes, place: int, value: float, low: float, high: float, colour: str, marker: str
) -> None:
    if np.isnan(value):
        axes.text(50, place, "not known", ha="center", va="center", color="0.4")
        return
    axes.plot([100 * low, 100 * high], [place, place], color=colour, lw=2, solid_capstyle="butt")
    axes.plot(100 * value, place, marker=marker, color=colour, markersize=7)
    axes.annotate(
        f"{100 * value:.0f}",
        (100 * value, place),
        (0, 6),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=colour,
    )


def _matrix(axes: Axes, counts: npt.NDArray[Any], names: Sequence[str]) -> None:
    """Draw a table of counts, shaded by the share of its row."""
    with np.errstate(invalid="ignore"):
        shares = np.nan_to_num(counts / counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count:,}\n{100 * shares[row, column]:.0f} %"
        ink = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    slant = max(map(len, names)) > 8
    turn: dict[str, Any] = {"rotation": 35, "ha": "right"} if slant else {}
    axes.set_xticks(range(len(names)), list(names), **turn)
    axes.set_yticks(range(len(names)), list(names))
    axes.set_xlabel("answer")
    axes.set_ylabel("truth (% of row)")
    axes.tick_params(length=0)


def _square(curves: int) -> tuple[Figure, Axes]:
    wide = curves > INSIDE
    figure = Figure(figsize=(8.5 if wide else 5.6, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    axes.set_aspect("equal")
    return figure, axes


def _finished(
    figure: Figure, axes: Axes, curves: int, place: Literal["lower left", "lower right"]
) -> Figure:
    if curves > INSIDE:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    else:
        axes.legend(loc=place, fontsize=9, framealpha=0.85, edgecolor="none")
    plain(axes)
    return figure


def plain(axes: Axes) -> None:
    """Give axes a faint grid and two sides."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _looks() -> Any:
    """Yield line styles without end, apart by colour and by dashes."""
    for colour, style in zip(cycle(COLOURS), cycle(_STYLES), strict=False):
        yield {"color": colour, "linestyle": style, "linewidth": 1.8}
