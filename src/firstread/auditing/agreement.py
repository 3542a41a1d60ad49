"""Tells of two aligned pictures whether they are one picture: their fine detail agrees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from firstread.auditing.alignment import with_levels

Array = npt.NDArray[np.float32]

BLOCK = 8
LEAST_BLOCKS = 16
"""Where fewer blocks show any detail, a picture is too empty to be told from another."""

UNSURE, SURE = 0.5, 0.97
"""Between these, levels are matched the other way too."""

FINE, BROAD = 0.7, 2.5
"""What counts as detail: the difference of two blurs, standard deviations in pixels."""


def agreement(first: Array, second: Array, blur: float = 1.0) -> Array:
    """Return how well the fine detail of aligned pictures agrees, block by block.

    What two radiographs of one view share (where lungs, spine and borders lie) is broad; what
    only copies share is fine. Gray levels are matched first, so that brightening doesn't count,
    and the median over blocks isn't moved by a marker.

    Parameters
    ----------
    first, second
        Pairs of aligned pictures with levels from 0 to 255, float32, shape (n, S, S).
    blur
        By how much coarser detail is taken; more than 1 where one of them holds no finer one.

    Returns
    -------
    agreement
        float32, shape (n,): the median correlation of the blocks with detail, from -1 to 1;
        0 where too few blocks have any.
    """
    found = _agreement(with_levels(first, first, second), second, blur)
    # Where the first lost levels by being brightened, only the other way takes them from both.
    unsure = (found > UNSURE) & (found < SURE)
    if unsure.any():
        a, b = first[unsure], second[unsure]
        found[unsure] = np.maximum(found[unsure], _agreement(a, with_levels(b, b, a), blur))
    return found


def _agreement(first: Array, second: Array, blur: float) -> Array:
    a, b = _blocks(_detail(first, blur)), _blocks(_detail(second, blur))
    a, b = a - a.mean(axis=2, keepdims=True), b - b.mean(axis=2, keepdims=True)
    size_a, size_b = np.sqrt((a**2).mean(axis=2)), np.sqrt((b**2).mean(axis=2))
    correlation = (a * b).mean(axis=2) / (size_a * size_b + 1e-3)
    size = np.maximum(size_a, size_b)
    # Blocks of background and of noise are left out.
    floor = 0.1 * size.max(axis=1, keepdims=True)
    shown = size > np.maximum(np.maximum(0.5 * np.median(size, axis=1, keepdims=True), floor), 0.5)
    enough = shown.sum(axis=1) >= LEAST_BLOCKS
    # Of a row without any shown block the median of its own numbers is as good as any: it's not
    # looked at.
    middle = np.nanmedian(np.where(shown | ~enough[:, None], correlation, np.nan), axis=1)
    return np.where(enough, middle, 0).astype(np.float32)


def _detail(pictures: Array, blur: float) -> Array:
    fine, broad = (
        gaussian_filter(pictures, (0, blur * sigma, blur * sigma)) for sigma in (FINE, BROAD)
    )
    return np.asarray(fine - broad)


def _blocks(pictures: Array) -> Array:
    count, height, width = pictures.shape
    rows, columns = height // BLOCK, width // BLOCK
    split = pictures.reshape(count, rows, BLOCK, columns, BLOCK).transpose(0, 1, 3, 2, 4)
    return split.reshape(count, rows * columns, BLOCK * BLOCK)
