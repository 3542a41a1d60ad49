"""Lays one thumbnail over another as well as it goes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

ITERATIONS = 8
LEVELS = 256

FURTHEST = (-0.02, 0.14)
"""Bounds of what is cut off a side, as a share of it; less than nothing allows for rounding."""

STRIDE = 0.03
"""How far an edge moves in one iteration at most."""


def aligned(moving: Array, fixed: Array, windows: Array) -> tuple[Array, Array]:
    """Find the window of each picture that fits another best, and cut it out.

    Gauss-Newton on the four edges at half the size, with gain and offset solved for in each step
    and what doesn't fit (a marker, say) weighted down (B. D. Lucas and T. Kanade, 1981; S. Baker
    and I. Matthews, "Lucas-Kanade 20 years on", IJCV 56, 2004).

    Parameters
    ----------
    moving, fixed
        Pairs of pictures with levels from 0 to 255, float32, shape (n, S, S).
    windows
        Where to start from: what is cut off the moving pictures at top, bottom, left and right,
        as shares of the side; shape (n, 4).

    Returns
    -------
    cut
        The windows of the moving pictures, at the size of the fixed ones and with their gray
        levels, shape (n, S, S).
    windows
        What they are, shape (n, 4).
    """
    edges = windows.astype(np.float32)
    moving = with_levels(moving, _cut(moving, edges), fixed)
    coarse, target = _halved(moving), _halved(fixed)
    weights = np.ones((len(fixed), target[0].size), dtype=np.float32)
    for _ in range(ITERATIONS):
        step, weights = _step(_cut(coarse, edges), target, edges, weights)
        edges = np.clip(edges + step, *FURTHEST)
    return _cut(moving, edges), edges


def with_levels(pictures: Array, like: Array, others: Array) -> Array:
    """Give pictures the gray levels of others: equal shares of pixels lie below equal levels.

    Parameters
    ----------
    pictures
        With levels from 0 to 255, float32, shape (n, S, S).
    like
        The part of each picture whose shares count, shape (n, S, S).
    others
        Whose levels they get, shape (n, S, S).
    """
    count, pixels = len(pictures), others[0].size
    offset = LEVELS * np.arange(count)[:, None]
    counts = np.bincount((_levels(like) + offset).ravel(), minlength=LEVELS * count)
    counts = counts.reshape(count, LEVELS)
    below = counts.cumsum(axis=1) - (counts + 1) // 2
    ordered = np.sort(others.reshape(count, -1), axis=1)
    table = np.take_along_axis(ordered, np.clip(below, 0, pixels - 1), axis=1)
    return np.take_along_axis(table, _levels(pictures), axis=1).reshape(pictures.shape)


def _levels(pictures: Array) -> npt.NDArray[np.int64]:
    rounded = np.clip(np.rint(pictures), 0, LEVELS - 1)
    return rounded.astype(np.int64).reshape(len(pictures), -1)


def _cut(pictures: Array, edges: Array) -> Array:
    """Return windows of square pictures, stretched to their size."""
    side = pictures.shape[1]
    rows = _sampling(edges[:, 0], edges[:, 1], side)
    columns = _sampling(edges[:, 2], edges[:, 3], side)
    return np.asarray(rows @ pictures @ columns.transpose(0, 2, 1))


def _sampling(start: Array, end: Array, side: int) -> Array:
    """Return the matrices that interpolate linearly between pixels, shape (n, side, side)."""
    at = (start[:, None] + (1 - start - end)[:, None] * _centres(side)) * side - 0.5
    at = np.clip(at, 0, side - 1)
    low = np.minimum(at.astype(np.int64), side - 2)
    high_share = at - low
    matrices = np.zeros((len(at), side, side), dtype=np.float32)
    np.put_along_axis(matrices, low[..., None], 1 - high_share[..., None], axis=2)
    np.put_along_axis(matrices, low[..., None] + 1, high_share[..., None], axis=2)
    return matrices


def _centres(samples: int) -> Array:
    return ((np.arange(samples) + 0.5) / samples).astype(np.float32)


def _step(picture: Array, target: Array, edges: Array, weights: Array) -> tuple[Array, Array]:
    """Return how far each edge moves to fit the target better, shape (n, 4), and new weights."""
    count, side, _ = picture.shape
    after = _centres(side)
    left = 1 - edges[:, 0::2] - edges[:, 1::2]
    down = np.gradient(picture, axis=1) * (side / left[:, 0, None, None])
    across = np.gradient(picture, axis=2) * (side / left[:, 1, None, None])
    slopes = np.empty((count, 6, side, side), dtype=np.float32)
    slopes[:, 0], slopes[:, 1] = down * (1 - after)[:, None], -down * after[:, None]
    slopes[:, 2], slopes[:, 3] = across * (1 - after), -across * after
    slopes[:, 4], slopes[:, 5] = picture, 1
    flat, wanted = slopes.reshape(count, 6, -1), target.reshape(count, -1)
    weighted = flat * weights[:, None]
    system = weighted @ flat.transpose(0, 2, 1)
    # A picture without slopes leaves the edges where they are.
    system = system + np.diag(np.array([1, 1, 1, 1, 1e-3, 1e-3], dtype=np.float32))
    answer = np.linalg.solve(system, weighted @ wanted[..., None])[..., 0]
    rest = np.abs(wanted - (answer[:, None] @ flat)[:, 0])
    scale = 2 * np.median(rest, axis=1, keepdims=True) + 1e-3
    gain = answer[:, 4:5]
    step = np.clip(answer[:, :4] / np.where(np.abs(gain) > 0.1, gain, np.inf), -STRIDE, STRIDE)
    return step.astype(np.float32), (1 / (1 + (rest / scale) ** 2)).astype(np.float32)


def _halved(pictures: Array) -> Array:
    rows = pictures[:, ::2] + pictures[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, dtype=np.float32)
