"""One image before and after: its stored values and how often each occurs, and what is shown."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from firstread.images.inspection import Inspection

_BINS = 128


def before_after(inspection: Inspection, name: str) -> Figure:
    """Draw the stored values and the displayed image, each above its histogram.

    Parameters
    ----------
    inspection
        Of the image.
    name
        Of the file.
    """
    figure = Figure(figsize=(9.5, 6.2), layout="constrained")
    figure.suptitle(name)
    (left, right), (below_left, below_right) = figure.subplots(
        2, 2, gridspec_kw={"height_ratios": [3, 1]}
    )
    shown = inspection.image.as_float()
    stored = np.asarray(inspection.stored)
    drawn = left.imshow(stored, cmap="gray") if stored.ndim == 2 else left.imshow(_bright(stored))
    if stored.ndim == 2:
        figure.colorbar(drawn, ax=left, label="stored value")
    drawn = right.imshow(shown, cmap="gray", vmin=0, vmax=1)
    if inspection.image.gray:
        figure.colorbar(drawn, ax=right, label="gray")
    left.set_title("before: values as stored")
    right.set_title("after: what a network sees")
    for panel in (left, right):
        panel.set_axis_off()
    for panel, values, label in (
        (below_left, stored, "stored value"),
        (below_right, shown, "gray (0 black, 1 white)"),
    ):
        panel.hist(values.ravel().astype(np.float64), bins=_BINS, color="#1f4fb4")
        panel.set_yscale("log")
        panel.set(xlabel=label, ylabel=f"number (of {values.size:,})")
    return figure


def _bright(stored: np.ndarray) -> np.ndarray:
    return stored if stored.dtype == np.uint8 else stored / np.iinfo(stored.dtype).max
