"""Whether the files are what they should be: unreadable, blank, or unlike the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from firstread.auditing.finding import Finding
from firstread.auditing.survey import Survey
from firstread.datasets import Dataset

BLANK_RANGE = 6 / 255
"""An image whose gray levels (less the outer 1 % on either side) span less holds nothing."""

BLANK_SHARE = 0.995
"""An image with more of its pixels at one gray level holds nothing either."""

EXTREME_ASPECT = 3.0
"""Longer side over shorter side: beyond, squashing to a square distorts beyond recognition."""

ODD_SHARE = 0.1
"""Where fewer images than this share differ from the others, they're taken for mistakes."""

COLOURED = 0.001
"""An image with more of its pixels in colour isn't gray."""

SMALL = 64
"""Images with a shorter side than this, in pixels, show little of any anatomy."""

_TABLES = (".csv", ".tsv")
_MODES = {
    "1": "black and white",
    "L": "gray",
    "I": "gray",
    "I;16": "gray",
    "F": "gray",
    "LA": "gray with transparency",
    "P": "a palette",
    "RGB": "colour",
    "RGBA": "colour with transparency",
    "CMYK": "printing colours",
    "": "another kind",
}


def unreadable(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find files that can't be read."""
    broken = survey.table[~survey.readable]
    if broken.empty:
        return
    reasons = broken["error"].str.removeprefix("is ").str.split(r" \(|;", n=1, regex=True).str[0]
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts().items())
    yield Finding(
        "UNREADABLE",
        "warning",
        f"{_images(len(broken), 'image')} of {len(survey)} can't be read: {listed}.",
        "A training stops at such a file, or leaves it out, and what is left out is seldom left "
        "out by chance: damaged files often come from one scanner or one class.",
        "Export them again from where they came from; --skip-unreadable leaves them out.",
        tuple(broken["path"]),
        figures=(("images", len(broken)),),
    )


def passed_over(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find files beside the images that are no images by their names."""
    files = [path for path in dataset.passed_over if path.suffix.lower() not in _TABLES]
    if not files:
        return
    kinds = Counter(path.suffix.lower() or "no suffix" for path in files)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    yield Finding(
        "NOT-IMAGES",
        "note",
        f"{_images(len(files), 'file')} beside the images {_be(len(files))} passed over: {listed}.",
        "If they are images in a format that firstread doesn't read, they are missing from the "
        "training without a word.",
        "Convert them to PNG if they are images; leave them if not.",
        tuple(map(str, files)),
        figures=tuple(kinds.items()),
    )


def blank(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find images of one gray level, or nearly so."""
    table = survey.table[survey.readable]
    empty = (table["high"] - table["low"] < BLANK_RANGE) | (table["commonest"] > BLANK_SHARE)
    if not empty.any():
        return
    found = table[empty].sort_values("std")
    yield Finding(
        "BLANK",
        "warning",
        f"{_images(len(found), 'image')} of {len(table)} {_be(len(found))} blank or nearly so.",
        "There is nothing in them to learn from; a network then learns that a blank image "
        "belongs to their class.",
        "Look at them and remove them, or export them again.",
        tuple(found["path"]),
        figures=(("images", len(found)),),
    )


def aspect(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find images that are far longer one way than the other."""
    table = survey.table[survey.readable]
    if table.empty:
        return
    sides = table[["width", "height"]]
    ratio = sides.max(axis=1) / sides.min(axis=1)
    extreme = ratio > EXTREME_ASPECT
    if not extreme.any():
        return
    found = table.loc[ratio[extreme].sort_values(ascending=False).index]
    worst = found.iloc[0]
    yield Finding(
        "ASPECT-EXTREME",
        "warning",
        f"{_images(len(found), 'image')} of {len(table)} {_be(len(found))} more than "
        f"{EXTREME_ASPECT:.0f} times as long one way as the other (the worst is "
        f"{worst['width']} x {worst['height']} px).",
        "Squashed to the square that a network sees, what they show is distorted beyond "
        "recognition; often they are strips, scales or screenshots.",
        "Look at them; crop them to the anatomy, or remove them.",
        tuple(found["path"]),
        figures=(("images", len(found)),),
    )


def small(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find images far smaller than the others."""
    table = survey.table[survey.readable]
    if table.empty:
        return
    side = table[["width", "height"]].min(axis=1)
    # Where all are small, that is how this data set is.
    tiny = (side < SMALL) & (side < side.median() / 2)
    if not tiny.any():
        return
    found = table[tiny].loc[side[tiny].sort_values().index]
    yield Finding(
        "SIZE-SMALL",
        "warning",
        f"{_images(len(found), 'image')} of {len(table)} {_be(len(found))} less than {SMALL} px "
        f"on a side, where half of the images have {side.median():.0f} px or more.",
        "They are likely thumbnails saved in the place of the images.",
        "Export them again in full size, or remove them.",
        tuple(found["path"]),
        figures=(("images", len(found)),),
    )


def mixed_formats(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find file formats that differ."""
    yield from _mixed(
        survey,
        "FORMAT-MIXED",
        "file formats",
        lambda table: table["format"],
        "Compression leaves traces that a network can see: where formats and classes go "
        "together, it learns the format.",
        "Save all images in one format that loses nothing (PNG), from the originals.",
    )


def mixed_depths(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find bit depths that differ."""
    yield from _mixed(
        survey,
        "DEPTH-MIXED",
        "bit depths",
        lambda table: "of " + table["bits"].astype(str) + " bits a channel",
        "Images of more than 8 bits are scaled from their own minimum and maximum, others are "
        "not, so the same tissue gets different gray levels.",
        "Export all images in the same way, with the same window.",
    )


def mixed_modes(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find gray images among colour images, palettes and transparency among others."""
    yield from _mixed(
        survey,
        "MODE-MIXED",
        "ways of storing pixels",
        lambda table: (
            "stored as "
            + table["mode"].map(lambda mode: _MODES.get(mode, mode))
            + np.where(table["coloured"] > COLOURED, ", showing colour", ", showing gray")
        ),
        "Colour among gray images means overlays, photographs or another source: a network can "
        "tell the source by it.",
        "Look at the few that differ; export them as the others, or remove them.",
    )


def mixed_sizes(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find image sizes that differ."""
    table = survey.table[survey.readable]
    sizes = table["width"].astype(str) + " x " + table["height"].astype(str) + " px"
    counts = sizes.value_counts()
    if len(counts) < 2:
        return
    common, count = str(counts.index[0]), int(counts.iloc[0])
    odd = table[sizes != common]
    rare = len(odd) < ODD_SHARE * len(table)
    low, high = table[["width", "height"]].min(), table[["width", "height"]].max()
    yield Finding(
        "SIZE-MIXED",
        "warning" if rare else "note",
        f"{len(counts)} sizes, {low['width']} to {high['width']} px wide and {low['height']} to "
        f"{high['height']} px high; the commonest is {common} ({count} of {len(table)} images).",
        "Images of different shape are squashed to one square, each in its own way; where sizes "
        "and classes go together, a network learns the size.",
        "See that each class has the same mix of sizes; pad images to one shape if not.",
        tuple(odd["path"]) if rare else (),
        figures=(("sizes", len(counts)), ("commonest", common), ("images", count)),
    )


def _mixed(
    survey: Survey, code: str, what: str, kind: Any, why: str, advice: str
) -> Iterator[Finding]:
    """Find images of a rarer kind than the commonest; few are mistakes, many are two sources."""
    table = survey.table[survey.readable]
    if table.empty:
        return
    kinds: pd.Series = kind(table)
    counts = kinds.value_counts()
    if len(counts) < 2:
        return
    odd = table[kinds != counts.index[0]]
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    yield Finding(
        code,
        "warning",
        f"{len(counts)} {what}: {listed}.",
        why,
        advice,
        tuple(odd["path"]),
        figures=tuple((str(name), int(count)) for name, count in counts.items()),
    )


def _images(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
