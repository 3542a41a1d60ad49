"""Drawings of networks: one stage by stage, and two side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Polygon, Rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from firstread.backbones.lessons import Lesson
    from firstread.backbones.measure import Architecture, StageMeasure

# Colours that colour-blind readers tell apart (Okabe and Ito, "Color Universal Design", 2008).
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_GRAY, _PALE = "#595959", "#D9D9D9"

# Everything in a stage drawing is placed in inches: the axes are the page.
_LEFT, _PITCH = 1.35, 1.3
_BLOCK, _BAR, _SQUARE = 1.7, 0.75, 0.75
_FOOT, _FIELD, _MACS, _PARAMETERS, _MAP, _NAMES, _HEIGHT = 0.6, 0.95, 2.15, 3.3, 4.75, 7.0, 8.15
_SMALL, _TEXT, _TITLE = 8, 9, 13

_UNITS = ("", " k", " M", " G", " T")


def amount(number: float) -> str:
    """Write a count with three significant digits and a unit.

    Examples
    --------
    >>> amount(61100840), amount(15470264320), amount(1448), amount(12)
    ('61.1 M', '15.5 G', '1.45 k', '12')
    """
    power = min(int(math.log10(max(number, 1))) // 3, len(_UNITS) - 1)
    scaled = number / 1000**power
    digits = 2 - int(math.log10(max(scaled, 1))) if power else 0
    return f"{scaled:.{digits}f}{_UNITS[power]}"


def shape_text(shape: Sequence[int]) -> str:
    """Write the shape of a feature map, a token sequence or a vector.

    Examples
    --------
    >>> shape_text((64, 27, 27)), shape_text((197, 192)), shape_text((4096,))
    ('64 x 27 x 27', '197 tokens x 192', '4096')
    """
    between = " tokens x " if len(shape) == 2 else " x "
    return between.join(map(str, shape))


def field_text(field: float) -> str:
    """Write a receptive field.

    Examples
    --------
    >>> field_text(27.0), field_text(float("inf"))
    ('27 px', 'whole image')
    """
    return f"{field:.0f} px" if math.isfinite(field) else "whole image"


def side_of(shape: Sequence[int]) -> float:
    """Return the side of a feature map, of a token sequence laid out as one, 1 for a vector.

    Examples
    --------
    >>> side_of((64, 27, 27)), side_of((196, 192)), side_of((4096,))
    (27.0, 14.0, 1.0)
    """
    if len(shape) == 1:
        return 1.0
    return float(shape[1]) if len(shape) == 3 else math.sqrt(shape[0])


def rows(architecture: Architecture) -> list[StageMeasure]:
    """Return what a drawing shows: the stages, then the top.

    Neighbours of the same shape and cost, as a transformer's blocks are, become one with their
    sums.
    """
    top = architecture.top if architecture.stages else replace(architecture.top, name="all")
    alike = groupby(
        [*architecture.stages, top],
        lambda stage: (stage.shape, stage.parameters, stage.macs),
    )
    return [_together(list(group)) for _, group in alike]


def broken(name: str) -> str:
    """Break a stage's name into lines that fit over a column.

    Examples
    --------
    >>> broken("blocks.0 to blocks.11").splitlines()
    ['blocks.0 to', 'blocks.11']
    """
    lines = name.replace(" to ", " to\n").split("\n")
    return "\n".join(line if len(line) <= 12 else line.replace(".", ".\n") for line in lines)


def summary(architecture: Architecture) -> str:
    """Write one line about the whole network."""
    size = architecture.size
    return (
        f"{architecture.layers} layers, {amount(architecture.parameters)} parameters, "
        f"{amount(architecture.macs)} multiply-adds for an image of {size} x {size} px"
    )


def stages_figure(architecture: Architecture) -> Figure:
    """Draw a network stage by stage: shapes, parameters, multiply-adds, receptive field.

    Parameters
    ----------
    architecture
        As measured.
    """
    columns = rows(architecture)
    width = max(_LEFT + _PITCH * (len(columns) + 1) + 0.15, 8.0)
    figure = Figure(figsize=(width, _HEIGHT))
    page = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, _HEIGHT))
    page.set_axis_off()
    page.text(0.2, _HEIGHT - 0.35, architecture.name, size=_TITLE, weight="bold", va="center")
    page.text(0.2, _HEIGHT - 0.65, summary(architecture), size=_TEXT, color=_GRAY, va="center")
    size = architecture.size
    places = [_LEFT + _PITCH * (place + 0.5) for place in range(len(columns) + 1)]
    _label(page, places[0], _NAMES, "input", weight="bold")
    _block(page, places[0], (3, size, size), size, "#999999")
    _square(page, places[0], 0.0, size)
    for x, stage in zip(places[1:], columns, strict=True):
        _label(page, x, _NAMES, stage.name, weight="bold")
        _block(page, x, stage.shape, size, BLUE)
        _square(page, x, stage.receptive_field, size)
    _bars(page, places[1:], _PARAMETERS, [stage.parameters for stage in columns], ORANGE)
    _bars(page, places[1:], _MACS, [stage.macs for stage in columns], GREEN)
    for y, text in (
        (_MAP + _BLOCK / 2, "feature map:\nchannels x\nheight x width"),
        (_PARAMETERS + _BAR / 2, "parameters"),
        (_MACS + _BAR / 2, "multiply-adds\nfor one image"),
        (_FIELD + _SQUARE / 2, f"receptive field\nof the {size} px\na side"),
    ):
        page.text(0.2, y, text, size=_TEXT, va="center")
    page.text(
        0.2,
        _FOOT / 2,
        "Blocks: height is the side of the map (square-root scale), width its channels "
        "(log scale).\nBars: linear. Squares: what one value sees, in the outline of the input.",
        size=_SMALL,
        color=_GRAY,
        va="center",
    )
    return figure


def lessons_figure(lessons: Sequence[Lesson]) -> Figure:
    """Draw comparisons as pairs of bars: parameters on the left, multiply-adds on the right.

    Parameters
    ----------
    lessons
        One row each.
    """
    figure = Figure(
        figsize=(10, 0.4 + 1.5 * len(lessons)),
        layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08),
    )
    grid = figure.subplots(len(lessons), 2, squeeze=False)
    counts: tuple[tuple[str, Callable[[Any], int], str], ...] = (
        ("parameters", lambda rival: rival.parameters, ORANGE),
        ("multiply-adds for one input", lambda rival: rival.macs, GREEN),
    )
    for lesson, panels in zip(lessons, grid, strict=True):
        names = [
            f"{rival.name}\n(sees {field_text(rival.receptive_field)})" for rival in lesson.rivals
        ]
        for axes, (label, count, colour) in zip(panels, counts, strict=True):
            values = [count(rival) for rival in lesson.rivals]
            bars = axes.barh(names, values, color=[colour, colour], height=0.62)
            bars[1].set_hatch("///")
            bars[1].set_edgecolor("white")
            axes.bar_label(bars, [amount(value) for value in values], padding=4, size=_TEXT)
            axes.set_xlim(0, max(values) * 1.18)
            axes.invert_yaxis()
            axes.set_xticks([])
            axes.tick_params(axis="y", length=0, labelsize=_TEXT)
            axes.spines[["top", "right", "bottom"]].set_visible(False)
            axes.set_xlabel(f"{label} ({_ratio(values)})", size=_TEXT, color=_GRAY, loc="left")
        panels[1].set_yticklabels([])
        panels[0].set_title(lesson.title, size=10, weight="bold", loc="left")
    return figure


def _together(stages: Sequence[StageMeasure]) -> StageMeasure:
    first, last = stages[0], stages[-1]
    return replace(
        last,
        name=first.name if len(stages) == 1 else f"{first.name} to {last.name}",
        parameters=sum(stage.parameters for stage in stages),
        macs=sum(stage.macs for stage in stages),
    )


def _label(page: Axes, x: float, y: float, text: str, weight: str = "normal") -> None:
    """Write a label centred over a column, broken so that it fits in."""
    page.text(x, y, broken(text), size=_TEXT, ha="center", va="bottom", weight=weight)


def _block(page: Axes, x: float, shape: Sequence[int], size: int, colour: str) -> None:
    """Draw a feature map as a cuboid in front of the reader."""
    channels = shape[0] if len(shape) == 3 else shape[-1]
    height = max(_BLOCK * math.sqrt(side_of(shape) / size), 0.06)
    width = 0.06 * math.log2(channels + 1)
    depth = 0.18 * height
    left, bottom = x - (width + depth) / 2, _MAP + 0.05 + (_BLOCK - height) / 2
    right, top = left + width, bottom + height
    over, behind = top + depth, right + depth
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    flank = [(right, bottom), (behind, bottom + depth), (behind, over), (right, top)]
    lid = [(left, top), (right, top), (behind, over), (left + depth, over)]
    for face, light in ((front, 1.0), (flank, 0.7), (lid, 0.45)):
        page.add_patch(Polygon(face, facecolor=colour, alpha=light, edgecolor="white"))
    page.text(
        x,
        _MAP - 0.05,
        shape_text(shape).replace("tokens x", "tokens\nx"),
        size=_SMALL,
        ha="center",
        va="top",
    )


def _bars(
    page: Axes, places: Sequence[float], floor: float, values: Sequence[int], colour: str
) -> None:
    """Draw one row of upright bars with their numbers."""
    most = max([*values, 1])
    page.plot([_LEFT, places[-1] + _PITCH / 2], [floor, floor], color=_PALE, linewidth=0.8)
    for x, value in zip(places, values, strict=True):
        height = _BAR * value / most
        page.add_patch(Rectangle((x - 0.3, floor), 0.6, height, facecolor=colour))
        page.text(x, floor + height + 0.04, amount(value), size=_SMALL, ha="center", va="bottom")


def _square(page: Axes, x: float, field: float, size: int) -> None:
    """Draw what one value sees as a square within the outline of the input."""
    seen = _SQUARE * min(field / size, 1.0)
    page.add_patch(
        Rectangle((x - seen / 2, _FIELD + (_SQUARE - seen) / 2), seen, seen, facecolor=VERMILLION)
    )
    page.add_patch(
        Rectangle(
            (x - _SQUARE / 2, _FIELD), _SQUARE, _SQUARE, fill=False, edgecolor=_GRAY, linewidth=0.8
        )
    )
    text = field_text(field) if field else f"{size} px"
    page.text(x, _FIELD - 0.05, text, size=_SMALL, ha="center", va="top")


def _ratio(values: Sequence[int]) -> str:
    most, least = max(values), min(values)
    return f"{most / least:.1f} to 1"
