"""Lays one thumbnail over another as well as it goes, and tells whether they are one picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

ITERATIONS = 8
LEVELS = 256
MOST_CUT = 0.14
LEAST_CUT = -0.02


def aligned(moving: Array, fixed: Array, windows: Array) -> tuple[Array, Array]:
    """Find the window of each picture that fits another best, and cut it out.

    Gauss-Newton on the four edges, with gain and offset solved for in each step and what doesn't
    fit (a marker, say) weighted down (B. D. Lucas and T. Kanade, 1981; S. Baker and I. Matthews,
    "Lucas-Kanade 20 years on", IJCV 56, 2004).

    Parameters
    ----------
    moving, fixed
        Pairs of pictures, float32, shape (n, S, S).
    windows
        Where to start from: what is cut off the moving pictures at top, bottom, left and right,
        as shares of the side; shape (n, 4).

    Returns
    -------
    cut
        The windows of the moving pictures, at the size of the fixed ones, shape (n, S, S).
    windows
        What they are, shape (n, 4).
    """
    side = fixed.shape[-1]
    coarse = _halved(fixed)
    edges = windows.astype(np.float64)
    moving = with_levels(moving, _cut(moving, edges, side), fixed)
    for _ in range(ITERATIONS):
        picture = _halved(_cut(moving, edges, side))
        edges = np.clip(edges + _step(picture, coarse, edges), LEAST_CUT, MOST_CUT)
    return _cut(moving, edges, side), edges.astype(np.float32)


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


def _cut(pictures: Array, edges: npt.NDArray[np.float64], side: int) -> Array:
    rows = _sampling(edges[:, 0], edges[:, 1], side, pictures.shape[1])
    columns = _sampling(edges[:, 2], edges[:, 3], side, pictures.shape[2])
    return np.asarray(rows @ pictures @ columns.transpose(0, 2, 1))


def _sampling(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], samples: int, side: int
) -> Array:
    centres = (np.arange(samples) + 0.5) / samples
    at = (start[:, None] + (1 - start - end)[:, None] * centres) * side - 0.5
    at = np.clip(at, 0, side - 1).astype(np.float32)
    weights: Array = np.maximum(0, 1 - np.abs(at[..., None] - np.arange(side, dtype=np.float32)))
    return weights


def _step(picture: Array, target: Array, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return by how much each edge moves to fit the target better, shape (n, 4)."""
    count, samples, _ = picture.shape
    after = ((np.arange(samples) + 0.5) / samples).astype(np.float32)
    left = (1 - edges[:, 0::2] - edges[:, 1::2]).astype(np.float32)
    down = np.gradient(picture, axis=1) * samples / left[:, 0, None, None]
    across = np.gradient(picture, axis=2) * samples / left[:, 1, None, None]
    slopes = np.stack(
        [
            *(down * (1 - after)[:, None], -down * after[:, None]),
            *(across * (1 - after), -across * after),
            *(picture, np.ones_like(picture)),
        ],
        axis=1,
    ).reshape(count, 6, -1)
    wanted = target.reshape(count, -1)
    weights = np.ones_like(wanted)
    for _ in range(2):
        weighted = slopes * weights[:, None]
        system = weighted @ slopes.transpose(0, 2, 1)
        ridge = 1e-4 * np.trace(system, axis1=1, axis2=2) / 6
        system = system + ridge[:, None, None] * np.diag([1e-3] * 4 + [0.0, 0.0]).astype(np.float32)
        system = system + 1e-3 * np.eye(6, dtype=np.float32)
        answer = np.linalg.solve(system, (weighted @ wanted[..., None]))[..., 0]
        rest = np.abs(wanted - (answer[:, None] @ slopes)[:, 0])
        scale = 2 * np.median(rest, axis=1, keepdims=True) + 1e-3
        weights = (1 / (1 + (rest / scale) ** 2)).astype(np.float32)
    gain = answer[:, 4:5]
    step = answer[:, :4] / np.where(np.abs(gain) > 0.1, gain, np.inf)
    bounded: npt.NDArray[np.float64] = np.clip(step, -0.03, 0.03).astype(np.float64)
    return bounded


def _halved(pictures: Array) -> Array:
    count, height, width = pictures.shape
    halved: Array = pictures.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return halved
