"""A map over its image: as pixels of the image's own size, and as a sheet with scale and words."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from firstread.explaining.explanation import UNMOVED, Checks, Explanation
from firstread.explaining.methods import METHODS
from firstread.images import Image

Pixels = npt.NDArray[np.uint8]

STRENGTH = 0.6
"""How much of the film the strongest colour hides."""

_ONE_SIDED = colormaps["cividis"]
SIGNED = LinearSegmentedColormap.from_list("against and for", ["#1e88e5", "#ffffff", "#ff9800"])
"""Both keep their order for colour-blind eyes, and their strong ends stand out on black film."""

_PERCENTILE = 99.5


def overlay(image: Image, explanation: Explanation) -> Pixels:
    """Colour an image by a map: uint8, of the image's height and width, 3 channels.

    What the map doesn't mark is left as it is.
    """
    film = _rgb(image).astype(np.float32) / 255
    colours, norm = _scale(explanation)
    placed = np.asarray(norm(explanation.map), np.float32).clip(0, 1)
    strength = np.abs(2 * placed - 1) if _signed(explanation) else placed
    alpha = (STRENGTH * np.sqrt(strength))[..., None]
    coloured = np.asarray(colours(placed), np.float32)[..., :3]
    mixed = (1 - alpha) * film + alpha * coloured
    return np.asarray(np.rint(255 * mixed.clip(0, 1)).astype(np.uint8))


def save_overlay(image: Image, explanation: Explanation, path: Path) -> None:
    """Write an image coloured by a map as a PNG of the image's own size."""
    PIL.Image.fromarray(overlay(image, explanation)).save(path)


def sheet(image: Image, explanation: Explanation, name: str) -> Figure:
    """Draw the image, the image under its map with the scale, and what the checks found.

    Parameters
    ----------
    image
        At its own size.
    explanation
        Of it.
    name
        Of the image, for the title.
    """
    checks = explanation.checks
    height, width = image.shape
    tall = 3.6 * min(max(height / width, 0.6), 1.6)
    figure = Figure(figsize=(9.6, tall + (3.7 if checks else 0.9)), layout="constrained")
    rows = [tall, 2.2, 0.9] if checks else [tall]
    grid = figure.add_gridspec(len(rows), 2, height_ratios=rows)
    film, marked = (figure.add_subplot(grid[0, column]) for column in (0, 1))
    film.imshow(_rgb(image), interpolation="nearest")
    film.set_title(f"{name}: {width} x {height} px", fontsize=9)
    marked.imshow(overlay(image, explanation), interpolation="nearest")
    kind = METHODS[explanation.method]
    down, across = explanation.grid.shape
    places = f", {down} x {across} places" if kind.cheap else ""
    sure = f"probability {explanation.probability:.3f}"
    marked.set_title(f"{kind.title} for {explanation.target} ({sure}){places}", fontsize=9)
    for axes in (film, marked):
        axes.set_axis_off()
    colours, norm = _scale(explanation)
    bar = figure.colorbar(_mappable(colours, norm), ax=marked, shrink=0.85, pad=0.02)
    bar.set_label(_unit(explanation), fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if checks:
        _draw_checks(figure, grid, checks)
        words = figure.add_subplot(grid[2, :])
        words.set_axis_off()
        lines = [textwrap.fill(sentence, 118) for sentence in checks.sentences()]
        text = "\n".join(lines)
        words.text(
            0.01, 0.95, text, fontsize=8.5, va="top", weight="normal" if checks.passed else "bold"
        )
    return figure


def _draw_checks(figure: Figure, grid: Any, checks: Checks) -> None:
    left, right = (figure.add_subplot(grid[1, column]) for column in (0, 1))
    names = [name for name, _ in checks.randomised]
    left.plot(range(len(names)), [r for _, r in checks.randomised], "o-", color="#00204d")
    left.axhline(UNMOVED, color="#888888", linestyle=":", linewidth=1)
    left.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=7)
    left.set_ylim(0, 1)
    left.set_ylabel("rank correlation", fontsize=8)
    left.set_title("Map against that of random weights, from the top down to", fontsize=8)
    steps = np.linspace(0, 100, len(checks.deletion))
    styles = {
        "covered": (checks.deletion, checks.random_deletion, "#00204d", "-"),
        "uncovered": (checks.insertion, checks.random_insertion, "#b35806", "--"),
    }
    for word, (curve, chance, colour, line) in styles.items():
        right.plot(steps, curve, line, color=colour, label=f"{word}, map's order")
        ends = chance.min(axis=0), chance.max(axis=0)
        right.fill_between(
            steps, *ends, color=colour, alpha=0.18, linewidth=0, label=f"{word}, random orders"
        )
    right.set_xlabel("part of the image (%)", fontsize=8)
    right.set_ylabel("log-odds", fontsize=8)
    right.legend(fontsize=6.5, loc="best", framealpha=0.8)
    right.set_title("Covering and uncovering what the map marks", fontsize=8)
    for axes in (left, right):
        axes.tick_params(labelsize=7)


def _scale(explanation: Explanation) -> tuple[Colormap, Normalize]:
    """Return colours and the values of their ends: from 0, or the same far on both sides."""
    values = explanation.map
    top = float(np.percentile(np.abs(values), _PERCENTILE)) or float(np.abs(values).max()) or 1.0
    if _signed(explanation):
        return SIGNED, Normalize(-top, top)
    return _ONE_SIDED, Normalize(0.0, top)


def _signed(explanation: Explanation) -> bool:
    return METHODS[explanation.method].signed


def _unit(explanation: Explanation) -> str:
    kind, share = METHODS[explanation.method], explanation.share
    if kind.adds_up == "mean":
        return f"logit of {explanation.target} at this place; their mean is the logit"
    if kind.adds_up == "sum" and share is not None:
        return f"for (above 0) or against; sums to {100 * share:.0f} % of the logit's change"
    if kind.signed:
        return "logit lost where covered (above 0: speaks for the class)"
    return "weight in the class's favour, no unit"


def _mappable(colours: Colormap, norm: Normalize) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm, colours)


def _rgb(image: Image) -> Pixels:
    pixels = np.rint(255 * image.as_float()).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=2) if image.gray else pixels
