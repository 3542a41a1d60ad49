"""How a pretraining went: the losses of its questions, and their answers on unseen images."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, and line styles besides, so that they are told apart in print too.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_KINDS = {
    "accuracy_": "accuracy",
    "auroc_": "area under the ROC curve",
    "r2_": "variance explained",
}


def pretraining_figure(log: pd.DataFrame) -> Figure:
    """Draw a pretraining's log.

    Parameters
    ----------
    log
        One row a log line, with `images`, `loss_NAME` for each question, and, in rows where the
        backbone was examined, `accuracy_NAME`, `auroc_NAME` and `r2_NAME`.
    """
    figure = Figure(figsize=(14, 8.5), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    losses = [name for name in log.columns if name.startswith("loss_")]
    _lines(axes[0], log, losses, "loss_", "loss of each question (training)")
    examined = log.dropna(subset=[c for c in log.columns if c.startswith("r2_")])
    for axis, (prefix, title) in zip(axes[1:], _KINDS.items(), strict=True):
        names = [name for name in log.columns if name.startswith(prefix)]
        _lines(axis, examined, names, prefix, f"{title} (unseen computed images)")
        axis.set_ylim(top=1.02)
    for axis in axes:
        axis.set_xlabel("computed images learned from (thousands)")
    return figure


def _lines(axis: Axes, log: pd.DataFrame, names: list[str], prefix: str, title: str) -> None:
    for number, name in enumerate(names):
        axis.plot(
            log["images"] / 1000,
            log[name],
            _STYLES[number // len(_COLOURS) % len(_STYLES)],
            color=_COLOURS[number % len(_COLOURS)],
            marker="o" if len(log) < 3 else "",
            label=name.removeprefix(prefix).replace("_", " "),
        )
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.3)
    if names:
        columns = 1 if len(names) < 17 else 2
        axis.legend(fontsize=6, ncols=columns, loc="center left", bbox_to_anchor=(1, 0.5))
