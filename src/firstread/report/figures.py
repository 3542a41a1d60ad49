"""The figures of a run: its learning curves, and sheets of images with their scores."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

from firstread.datasets import Dataset
from firstread.images import Display, Image, read
from firstread.run import Run

# The tutorial's colours, in shades that colour-blind people tell apart by lightness, and with
# markers and line styles besides.
_CURVES = (
    ("acc", "training accuracy", "#e69f00", "o", "-"),
    ("val_acc", "validation accuracy", "#1f4fb4", "s", "--"),
    ("loss", "training loss", "#d62728", "o", "-"),
    ("val_loss", "validation loss", "#1b7f3b", "s", "--"),
)
_SHEET_COLUMNS = 5
_SHEET_MOST = 60


@dataclass(frozen=True)
class LearningCurves:
    """How a run learned: as numbers and as a figure.

    Parameters
    ----------
    history
        One row an epoch, with `epoch`, `loss`, `acc`, `val_loss`, `val_acc`.
    training, validation
        Images in each part.

    Examples
    --------
    ::

        curves = firstread.LearningCurves.of("RUN")
        curves.frame()      # one row an epoch
        curves.plot()       # a matplotlib figure, which a notebook shows
    """

    history: pd.DataFrame
    training: int
    validation: int

    @classmethod
    def of(cls, run: Run | str | Path) -> LearningCurves:
        """Read the curves of a finished run.

        Raises
        ------
        RunError
            If there is no finished run there.
        """
        opened = Run.open(run.folder if isinstance(run, Run) else run)
        counts = opened.counts().sum()
        return cls(opened.history(), int(counts["train"]), int(counts["val"]))

    def frame(self) -> pd.DataFrame:
        """Return one row an epoch."""
        return self.history

    def plot(self) -> Figure:
        """Draw the four curves: accuracies above, losses below."""
        return curves(self.history, self.training, self.validation)


def curves(history: pd.DataFrame, training: int, validation: int) -> Figure:
    """Draw the four learning curves: accuracies above, losses below.

    Over the epochs of a training by gradients; for a probe, which is solved and has no epochs,
    over the strengths of regularisation that were tried.

    Parameters
    ----------
    history
        One row an epoch, with `epoch`, `loss`, `acc`, `val_loss`, `val_acc`; or one a strength,
        with `c` for `epoch`, the validation then being the inner one on training images.
    training, validation
        Images in each part, which the legend names.
    """
    figure = Figure(figsize=(7, 6.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    solved = "c" in history
    counts = {"training": training, "validation": training if solved else validation}
    for name, label, colour, marker, style in _CURVES:
        axes = above if name.endswith("acc") else below
        n = counts[label.split()[0]]
        said = label.replace("validation", "cross-validated") if solved else label
        axes.plot(
            history["c" if solved else "epoch"],
            history[name] * (100 if axes is above else 1),
            **{"color": colour, "marker": marker, "linestyle": style, "markersize": 3.5},
            label=f"{said} (n = {n})",
        )
    above.set_ylabel("accuracy (%)")
    above.set_ylim(-3, 103)
    below.set_ylabel("cross-entropy loss (nats)")
    below.set_ylim(bottom=0)
    if solved:
        below.set_xscale("log")
        below.set_xlabel("C, inverse strength of regularisation (weaker to the right)")
        chosen = history["c"].iloc[int(history["val_loss"].round(4).argmin())]
        for axes in (above, below):
            axes.axvline(chosen, color="0.5", linewidth=0.8, linestyle=":")
        side = "right" if chosen > history["c"].median() else "left"
        below.annotate(
            " chosen ", (chosen, 0.9), xycoords=("data", "axes fraction"), color="0.35", ha=side
        )
    else:
        below.set_xlabel("epoch")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (above, below):
        _plain(axes)
        axes.legend(frameon=False)
    return figure


def learning_curve_figure(
    measured: pd.DataFrame, beyond: pd.DataFrame, sentence: str, unit: str
) -> Figure:
    """Draw accuracy against the number of training images, and how it may go on.

    Parameters
    ----------
    measured
        `images`, `accuracy`, `low`, `high`, `draws`.
    beyond
        Extrapolated: `images`, `accuracy`, `low`, `high`.
    sentence
        What it means, for the title.
    unit
        What the images are counted in.
    """
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    draws = int(measured["draws"].iloc[0])
    axes.fill_between(
        beyond["images"], 100 * beyond["low"], 100 * beyond["high"], color="#1f4fb4", alpha=0.15
    )
    axes.plot(
        beyond["images"],
        100 * beyond["accuracy"],
        "--",
        color="#1f4fb4",
        label="fitted, and extrapolated",
    )
    reach = (
        100 * (measured["accuracy"] - measured["low"]),
        100 * (measured["high"] - measured["accuracy"]),
    )
    axes.errorbar(
        measured["images"],
        100 * measured["accuracy"],
        yerr=reach,
        fmt="o",
        color="#d62728",
        capsize=3,
        label=f"measured on held-out images, {draws} draws (95 % interval)",
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    ticks = [*measured["images"], round(beyond["images"].iloc[-1])]
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.set_xlabel(f"training {unit} (logarithmic)")
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(top=101)
    axes.set_title("\n".join(textwrap.wrap(sentence, 88)), fontsize=9, loc="left")
    _plain(axes)
    axes.legend(frameon=False, loc="lower right")
    return figure


def lr_range_figure(table: pd.DataFrame, chosen: float) -> Figure:
    """Draw a learning-rate range test.

    Parameters
    ----------
    table
        `lr` and smoothed `loss`, one row a step.
    chosen
        The learning rate taken.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(table["lr"], table["loss"], color="#1f4fb4")
    axes.axvline(chosen, color="#d62728", linestyle="--", label=f"chosen: {chosen:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate, growing from step to step (logarithmic)")
    axes.set_ylabel("training loss (nats), smoothed")
    _plain(axes)
    axes.legend(frameon=False)
    return figure


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def sheet(
    predictions: pd.DataFrame, classes: Sequence[str], display: Display | None = None
) -> Figure:
    """Show images with their label and scores, as the tutorial does; of very many, the first 60.

    Parameters
    ----------
    predictions
        With `path`, `label` and a `p_CLASS` column for each class.
    classes
        Class names in order.
    display
        The window that DICOM and NIfTI images are shown through.
    """
    shown = predictions.head(_SHEET_MOST)
    columns = min(_SHEET_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.6 * columns, 3.5 * rows), layout="compressed")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    if len(shown) < len(predictions):
        figure.suptitle(f"the first {len(shown)} of {len(predictions)} images")
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    for axes, (_, row) in zip(grid, shown.iterrows(), strict=False):
        show(axes, read(row["path"], display))
        scores = "\n".join(f"{name} {row[f'p_{name}']:.5f}" for name in classes)
        axes.set_title(f"{_shortened(Path(row['path']).name)}\n{row['label']}", fontsize=9)
        axes.set_xlabel(scores, fontsize=8, family="monospace")
    return figure


def examples(dataset: Dataset, each: int = 5) -> Figure:
    """Show the first images of each class, a class a row.

    Parameters
    ----------
    dataset
        The images, of one part or of all.
    each
        Images a class, at most.
    """
    groups = [dataset.cases[dataset.cases["label"] == name] for name in dataset.classes]
    columns = max(1, min(each, max(map(len, groups))))
    figure = Figure(figsize=(2.1 * columns + 0.4, 2.5 * len(groups)), layout="constrained")
    grid = figure.subplots(len(groups), columns, squeeze=False)
    for name, cases, panels in zip(dataset.classes, groups, grid, strict=True):
        for axes in panels[len(cases) :]:
            axes.set_axis_off()
        for axes, path in zip(panels, cases["path"], strict=False):
            show(axes, read(path))
            axes.set_xlabel(_shortened(Path(path).name), fontsize=8)
        panels[0].set_ylabel(f"{name}\n(first {min(columns, len(cases))} of {len(cases)})")
    return figure


def show(axes: Axes, image: Image) -> None:
    """Draw an image with its own sides' proportion and no ticks."""
    pixels = image.as_float()
    axes.imshow(pixels, cmap="gray" if image.gray else None, vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])


def _shortened(name: str, most: int = 28) -> str:
    return name if len(name) <= most else f"{name[: most - 12]}...{name[-9:]}"
