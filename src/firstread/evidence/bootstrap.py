"""Resampling of cases with replacement, as weights: how far figures move from sample to sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SAMPLES = 2000
_BLOCK = 2_000_000
"""Weights that are held at once: 8 MB."""


@dataclass(frozen=True)
class Resampling:
    """Samples with replacement, given as how often each case is drawn.

    A figure that sums over cases becomes a matrix product with the weights, and all samples are
    done at once; drawing the cases themselves would copy them thousands of times.

    Parameters
    ----------
    n
        Cases.
    groups
        Patients as numbers from 0, shape (n,); a patient is drawn with all its cases. None where
        each patient has one case.
    samples
        How many.
    seed
        Makes the samples; the same ones each time `weights` is called.

    References
    ----------
    B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993), chapters 8 and 13;
    clusters: C. A. Field and A. H. Welsh, "Bootstrapping clustered data", Journal of the Royal
    Statistical Society B 69 (2007).
    """

    n: int
    groups: Array | None = None
    samples: int = SAMPLES
    seed: int = 0

    def weights(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield blocks of weights, shape (b, n), until there are `samples` rows of them."""
        rng = np.random.default_rng(self.seed)
        units = self.n if self.groups is None else int(self.groups.max()) + 1
        rows = max(1, _BLOCK // self.n)
        for first in range(0, self.samples, rows):
            block = min(rows, self.samples - first)
            drawn = _drawn(rng, block, units).astype(np.float32)
            yield drawn if self.groups is None else drawn[:, self.groups]


def _drawn(rng: np.random.Generator, rows: int, count: int) -> npt.NDArray[np.int64]:
    """Return how often each of `count` things is drawn in `count` draws, shape (rows, count)."""
    places = rng.integers(0, count, (rows, count))
    places += count * np.arange(rows)[:, None]
    drawn: npt.NDArray[np.int64] = np.bincount(places.ravel(), minlength=rows * count)
    return drawn.reshape(rows, count)
