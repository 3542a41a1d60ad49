"""Draw 24 computed images of all families, and beside them real ones where they are at hand.

    python benchmarks/phantom_montage.py docs/phantoms.png
    python benchmarks/phantom_montage.py beside.png --real ../shared/data

Real images are for looking at alone: the figure with them is not part of firstread.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from firstread.datasets import load
from firstread.images import read
from firstread.phantoms import DRAWS, FAMILIES, LABELS, SIGNS, Phantoms

COLUMNS, ROWS = 6, 4


def caption(phantoms: Phantoms) -> str:
    """Say what is known of one computed image."""
    known = {name: int(answers[0]) for name, answers in phantoms.labels.items()}
    words = [FAMILIES[known["family"]].replace("_", " ")]
    words += [LABELS[name][known[name]] for name in ("side", "view") if known[name] >= 0]
    there = [name for name, sign in zip(SIGNS, phantoms.signs[0], strict=True) if sign == 1]
    return " ".join(words) + ("\n" + ", ".join(there[:3]).replace("_", " ") if there else "\n")


def computed(seed: int, size: int = 128) -> list[tuple[np.ndarray, str]]:
    """Return 24 images with captions: each family once, the first ones twice."""
    generator = torch.Generator().manual_seed(seed)
    names = [*DRAWS, *DRAWS][: COLUMNS * ROWS]
    drawn = [DRAWS[name](1, size, generator) for name in sorted(names, key=[*DRAWS].index)]
    return [(one.pixels[0, 0].numpy(), caption(one)) for one in drawn]


def real(folder: Path, seed: int) -> list[tuple[np.ndarray, str]]:
    """Return 24 real images with their labels."""
    rng, shown = np.random.default_rng(seed), []
    for name, each in (("hello_world", 3), ("mednist_small", 3)):
        cases = load(folder / name).cases
        for label in sorted(cases["label"].unique()):
            paths = cases.loc[cases["label"] == label, "path"]
            for path in rng.choice(paths.to_numpy(), each, replace=False):
                gray = np.atleast_3d(read(path).resized(128).as_float()).mean(2)
                shown.append((gray, f"real: {label}\n"))
    return shown


def draw(panels: list[list[tuple[np.ndarray, str]]]) -> Figure:
    """Draw one or two sheets side by side."""
    figure = Figure(figsize=(1.5 * COLUMNS * len(panels), 1.75 * ROWS), layout="constrained")
    for sheet, images in zip(
        figure.subfigures(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        axes = sheet.subplots(ROWS, COLUMNS).ravel()
        for axis in axes:
            axis.axis("off")
        for axis, (image, title) in zip(axes, images, strict=False):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set_title(title, fontsize=6)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=Path, help="a folder with hello_world and mednist_small")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    panels = [computed(arguments.seed)]
    if arguments.real:
        panels.append(real(arguments.real, arguments.seed))
    draw(panels).savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
