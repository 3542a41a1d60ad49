"""Fingerprints of pictures: a perceptual hash before it is cut to bits.

The 8 x 8 lowest frequencies of the cosine transform of a thumbnail, as of the perceptual hash pHash
(C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), less the
mean, weighted by frequency as natural images fall off (D. J. Field, J. Opt. Soc. Am. A 4, 1987),
and scaled to length 1, so that brightness and contrast drop out. Kept as numbers rather than as
bits, two pictures that are alike but for a small shift stay close. Windows, flips and turns of a
picture need no second look at it: their frequencies are products of small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

FREQUENCIES = 8
SAMPLES = 32

Array = npt.NDArray[np.float32]
Window = tuple[float, float]
"""What is cut off at the start and at the end, as shares of the side."""


@dataclass(frozen=True)
class View:
    """One way in which a picture may stand in the data again.

    Parameters
    ----------
    transposed, upside_down, mirrored
        Applied in this order; together the eight flips and turns by 90 degrees.
    rows, columns
        The window that is left of it.
    """

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False
    rows: Window = (0.0, 0.0)
    columns: Window = (0.0, 0.0)

    def of(self, picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return a picture flipped and turned, but not cut; shape (H, W) or (W, H)."""
        turned = picture.T if self.transposed else picture
        turned = turned[::-1] if self.upside_down else turned
        return turned[:, ::-1] if self.mirrored else turned


WHOLE: Window = (0.0, 0.0)
# In steps that two neighbouring windows can be told for one another: 5 % of a side.
_ONE_WAY: tuple[Window, ...] = (
    WHOLE,
    *((0.05, 0.0), (0.0, 0.05), (0.1, 0.0), (0.0, 0.1), (0.05, 0.05)),
)
_ALL_ROUND: Window = (0.1, 0.1)
_WINDOWS = (
    *product(_ONE_WAY, _ONE_WAY),
    *((_ALL_ROUND, _ALL_ROUND), (_ALL_ROUND, WHOLE), (WHOLE, _ALL_ROUND)),
)
_TURNS = tuple(product((False, True), (False, True), (False, True)))
VIEWS = (
    *(View(rows=rows, columns=columns) for rows, columns in _WINDOWS),
    *(View(*turn) for turn in _TURNS[1:]),
)
"""How a picture is looked for among the others: cropped by up to 10 %, flipped, turned."""

HALVES = (
    ((0.0, 0.5), WHOLE),
    ((0.5, 0.0), WHOLE),
    (WHOLE, (0.0, 0.5)),
    (WHOLE, (0.5, 0.0)),
)
"""Upper, lower, left, right half: a marker burned in leaves one of them as it was."""

_SHARE = np.arange(FREQUENCIES)
_RADIUS = np.hypot(*np.meshgrid(_SHARE, _SHARE, indexing="ij")).ravel()
# Low frequencies first, so that the first few of a fingerprint tell most.
_ORDER = np.argsort(_RADIUS, kind="stable")[1:]
_WEIGHTS = _RADIUS[_ORDER].astype(np.float32)
LENGTH = len(_ORDER)
"""Numbers in a fingerprint."""


def fingerprints(thumbnails: npt.NDArray[np.generic], rows: Window, columns: Window) -> Array:
    """Return the fingerprints of one window of pictures.

    Parameters
    ----------
    thumbnails
        Shape (n, S, S).
    rows, columns
        The window.

    Returns
    -------
    fingerprints
        float32, shape (n, 63), each of length 1; zeros for a picture of one level.
    """
    side = thumbnails.shape[-1]
    return _unit(_cosines(rows, side) @ _floats(thumbnails) @ _cosines(columns, side).T)


def viewed(thumbnails: npt.NDArray[np.generic]) -> Array:
    """Return the fingerprints of pictures in each of `VIEWS`, float32, shape (n, views, 63)."""
    side = thumbnails.shape[-1]
    one_way = list(dict.fromkeys(window for pair in _WINDOWS for window in pair))
    matrices = np.concatenate([_cosines(window, side) for window in one_way])
    every = matrices @ _floats(thumbnails) @ matrices.T
    place = {
        window: slice(k * FREQUENCIES, (k + 1) * FREQUENCIES) for k, window in enumerate(one_way)
    }
    whole = every[:, place[WHOLE], place[WHOLE]]
    # Mirroring changes the sign of the odd frequencies; transposing transposes them.
    sign = np.where(_SHARE % 2, np.float32(-1), np.float32(1))
    spectra = [every[:, place[rows], place[columns]] for rows, columns in _WINDOWS]
    for transposed, upside_down, mirrored in _TURNS[1:]:
        spectrum = whole.transpose(0, 2, 1) if transposed else whole
        spectrum = spectrum * sign[:, None] if upside_down else spectrum
        spectra.append(spectrum * sign if mirrored else spectrum)
    return _unit(np.stack(spectra, axis=1))


def equalised(thumbnails: npt.NDArray[np.uint8]) -> Array:
    """Return thumbnails with gray levels replaced by ranks, which no brightening changes.

    Parameters
    ----------
    thumbnails
        uint8, shape (n, S, S).

    Returns
    -------
    ranks
        float32, same shape: the share of a picture's pixels that are darker, and half of those
        that are equal.
    """
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.int64)
    numbered = flat + 256 * np.arange(len(flat))[:, None]
    counts = np.bincount(numbered.ravel(), minlength=256 * len(flat)).reshape(-1, 256)
    ranks = (counts.cumsum(axis=1) - counts / 2) / flat.shape[1]
    return np.take_along_axis(ranks.astype(np.float32), flat, axis=1).reshape(thumbnails.shape)


def _cosines(window: Window, side: int) -> Array:
    """Return the matrix that takes one side of a picture to the low frequencies of a window."""
    start, end = window
    centres = (np.arange(SAMPLES) + 0.5) / SAMPLES
    at = np.clip((start + (1 - start - end) * centres) * side - 0.5, 0, side - 1)
    sampling = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(side)))
    waves = dct(np.eye(SAMPLES), axis=0, norm="ortho")[:FREQUENCIES]
    return np.asarray(waves @ sampling, dtype=np.float32)


def _floats(thumbnails: npt.NDArray[np.generic]) -> Array:
    return thumbnails.astype(np.float32)


def _unit(spectra: npt.NDArray[np.floating]) -> Array:
    flat: Array = spectra.reshape(*spectra.shape[:-2], -1)[..., _ORDER] * _WEIGHTS
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    return np.asarray(flat / np.where(length > 1e-3, length, np.inf), dtype=np.float32)
