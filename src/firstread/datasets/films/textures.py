"""Smooth noise, and coarse pictures drawn large."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from firstread.datasets.films.solids import Array, View


def enlarge(coarse: Array, k: int, shape: tuple[int, int]) -> Array:
    """Return a coarse image drawn ``k`` times larger, smooth, and cropped to a shape."""
    # Box filters, and no matrix product: its threads wait for one another on a busy machine.
    blocks = np.repeat(np.repeat(coarse, k, axis=0), k, axis=1)[: shape[0], : shape[1]]
    return np.asarray(uniform_filter(uniform_filter(blocks, k, mode="nearest"), k, mode="nearest"))


def ripple(rng: np.random.Generator, view: View, grain: float) -> Array:
    """Return smooth noise of unit variance with blobs about ``grain`` mm across."""
    k = max(round(grain / view.scale / 2), 1)
    fine = enlarge(rng.normal(size=[n // k + 1 for n in view.shape]), k, view.shape)
    return np.asarray(fine / fine.std())
