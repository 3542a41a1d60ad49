"""Pictures that are nearly the same: candidates by fingerprint, then a check on aligned pixels.

Fingerprints stand in a k-d tree, so that each picture meets its few nearest only and never all the
others. What is close is laid over each other as well as it goes, and fine detail decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from firstread.auditing.agreement import agreement
from firstread.auditing.alignment import aligned
from firstread.auditing.fingerprint import (
    HALVES,
    VIEWS,
    WHOLE,
    View,
    equalised,
    fingerprints,
    viewed,
)
from firstread.progress import Step

SAME_PICTURE = 0.95
"""Agreement of fine detail from which two files show one picture. On the tutorial's radiographs,
copies that were resized, recompressed, brightened, cropped, turned or marked reach it (0.99 in the
median), and different radiographs of one view stay below 0.75. On scans of 64 x 64 px (MedNIST)
neighbouring slices reach 0.99, and copies that were cropped as well as blurred fall to 0.9."""

SAME_PATIENT = 0.8
"""Least agreement from which two pictures may show one patient (repeated exposures, slices)."""

OUTLYING = 3.5
"""How far above the usual agreement of similar pictures in the same data that has to lie, in
standard deviations: patients are as alike as their views are, which differs from data to data."""

ENOUGH = 20
"""Checked pairs that tell what is usual."""

COARSE_SIDE, COARSE_BLUR, COARSE_SAME = 48, 2.0, 0.985
"""Where a picture has fewer pixels on a side, coarser detail is compared, and has to agree more."""

ALIKE = 0.85
"""Least cosine of two fingerprints that is worth a check on pixels."""

ALIKE_EXACTLY = 0.95
"""The same where no shift stands between the two: equalised pictures, and halves."""

INDEXED = 12
"""Leading numbers of a fingerprint that the tree holds: more tell more, and slow the search."""

LEAST_RANGE = 4
"""Gray levels that a picture must span to be told from another."""

NEIGHBOURS = 8
CHECKED = 4
"""Pictures nearest to each one that are checked at most."""

CHUNK = 256
"""Pictures whose neighbours are looked up at a time."""

BATCH = 64
"""Pairs that are aligned at a time: few enough that they stay in a core's cache."""

WORKERS = os.cpu_count() or 1

Thumbnails = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two pictures that are nearly the same.

    Parameters
    ----------
    first, second
        Their places.
    agreement
        Of their fine detail, up to 1.
    same
        Whether they are one picture, rather than two of one patient.
    view
        How the first looks where it is laid over the second.
    """

    first: int
    second: int
    agreement: float
    same: bool
    view: View


def lookalikes(
    thumbnails: Thumbnails, sides: npt.NDArray[np.int64], chosen: Places
) -> Iterator[Step | Pair]:
    """Yield the pairs of pictures that are nearly the same, and the steps on the way.

    Parameters
    ----------
    thumbnails
        uint8, shape (n, S, S).
    sides
        Shorter side of each picture in pixels, shape (n,).
    chosen
        The places to look at: readable, one of each set of equal pictures.
    """
    shown = [int(np.ptp(thumbnails[place])) > LEAST_RANGE for place in chosen]
    chosen = chosen[shown]
    if len(chosen) < 2:
        return
    index = _Index.of(thumbnails, chosen)
    best: dict[tuple[int, int], Pair] = {}
    usual: list[npt.NDArray[np.float32]] = []
    starts = range(0, len(chosen), CHUNK)
    for done, start in enumerate(starts):
        rows = np.arange(start, min(start + CHUNK, len(chosen)))
        first, second, view = index.candidates(thumbnails[chosen[rows]], rows)
        for pairs, scores in _checked(thumbnails, sides, chosen[first], chosen[second], view):
            usual.append(scores)
            for pair in pairs:
                key = min(pair.first, pair.second), max(pair.first, pair.second)
                if key not in best or best[key].agreement < pair.agreement:
                    best[key] = pair
        yield Step("comparing pictures", done + 1, len(starts))
    bound = _unusual(np.concatenate(usual)) if usual else 1.0
    for key in sorted(best):
        if best[key].same or best[key].agreement >= bound:
            yield best[key]


def _unusual(scores: npt.NDArray[np.float32]) -> float:
    """Return the agreement from which two different pictures are more alike than is usual."""
    different = scores[scores < SAME_PICTURE]
    if len(different) < ENOUGH:
        return SAME_PICTURE
    # Fisher's transform makes correlations nearly normal; medians aren't moved by copies.
    z = np.arctanh(np.clip(different, -0.999, 0.999).astype(np.float64))
    spread = 1.4826 * np.median(np.abs(z - np.median(z)))
    return max(SAME_PATIENT, float(np.tanh(np.median(z) + OUTLYING * spread)))


@dataclass(frozen=True)
class _Index:
    """Fingerprints of whole, equalised and halved pictures, and their trees."""

    whole: npt.NDArray[np.float32]
    unshifted: tuple[npt.NDArray[np.float32], ...]
    whole_tree: cKDTree
    unshifted_trees: tuple[cKDTree, ...]

    @classmethod
    def of(cls, thumbnails: Thumbnails, chosen: Places) -> _Index:
        prints: list[list[npt.NDArray[np.float32]]] = []
        # In chunks: as floats, all thumbnails at once would fill the memory.
        for start in range(0, len(chosen), CHUNK):
            some = thumbnails[chosen[start : start + CHUNK]]
            prints.append(
                [
                    fingerprints(some, WHOLE, WHOLE),
                    fingerprints(equalised(some), WHOLE, WHOLE),
                    *(fingerprints(some, *half) for half in HALVES),
                ]
            )
        whole, *unshifted = (np.concatenate(column) for column in zip(*prints, strict=True))
        trees = [cKDTree(column[:, :INDEXED]) for column in (whole, *unshifted)]
        return cls(whole, tuple(unshifted), trees[0], tuple(trees[1:]))

    def candidates(self, thumbnails: Thumbnails, rows: Places) -> tuple[Places, Places, Places]:
        """Return what may be copies of some rows: first, second, and the place of the view."""
        views = viewed(thumbnails)
        flat = views.reshape(-1, views.shape[-1])
        owner = np.repeat(rows, len(VIEWS))
        view = np.tile(np.arange(len(VIEWS)), len(rows))
        near = _nearest(self.whole_tree, self.whole, flat, owner, ALIKE)
        found = [_closest(owner[near[0]], near[1], view[near[0]], near[2])]
        for tree, prints in zip(self.unshifted_trees, self.unshifted, strict=True):
            query, other, _ = _nearest(tree, prints, prints[rows], rows, ALIKE_EXACTLY)
            one, two = np.minimum(rows[query], other), np.maximum(rows[query], other)
            found.append((one, two, np.zeros_like(one)))
        first, second, seen = (np.concatenate(column) for column in zip(*found, strict=True))
        distinct = np.unique(np.stack([first, second, seen]), axis=1)
        return distinct[0], distinct[1], distinct[2]


def _nearest(
    tree: cKDTree,
    prints: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    owner: Places,
    least: float,
) -> tuple[Places, Places, npt.NDArray[np.float32]]:
    """Return pairs (query, row) of fingerprints that are alike, and their cosines."""
    # Cosine c of vectors of length 1 is a distance of sqrt(2 - 2c); in fewer dimensions it's less.
    radius = np.sqrt(2 - 2 * least)
    _, rows = tree.query(
        queries[:, :INDEXED],
        k=min(NEIGHBOURS, len(prints)),
        distance_upper_bound=radius,
        workers=-1,
    )
    rows = rows.reshape(len(queries), -1)
    query, column = np.nonzero((rows < len(prints)) & (rows != owner[:, None]))
    row = rows[query, column].astype(np.int64)
    cosine = np.einsum("pd,pd->p", queries[query], prints[row])
    alike = cosine >= least
    return query[alike], row[alike], cosine[alike]


def _closest(
    first: Places, second: Places, view: Places, cosine: npt.NDArray[np.float32]
) -> tuple[Places, Places, Places]:
    """Keep the best view of each pair, and the nearest few of each picture."""
    order = np.lexsort((-cosine, second, first))
    first, second, view, cosine = first[order], second[order], view[order], cosine[order]
    new = np.ones(len(first), dtype=bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    first, second, view, cosine = first[new], second[new], view[new], cosine[new]
    order = np.lexsort((-cosine, first))
    first, second, view = first[order], second[order], view[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    kept = rank < CHECKED
    return first[kept], second[kept], view[kept]


def _checked(
    thumbnails: Thumbnails,
    sides: npt.NDArray[np.int64],
    first: Places,
    second: Places,
    views: Places,
) -> Iterator[tuple[list[Pair], npt.NDArray[np.float32]]]:
    """Align candidates; yield those whose fine detail agrees, and the agreement of all."""
    starts = range(0, len(first), BATCH)

    def check(start: int) -> tuple[list[Pair], npt.NDArray[np.float32]]:
        part = slice(start, start + BATCH)
        return _check(thumbnails, sides, first[part], second[part], views[part])

    # Numpy lets go of the interpreter for most of it.
    with ThreadPoolExecutor(WORKERS) as workers:
        yield from workers.map(check, starts)


def _check(
    thumbnails: Thumbnails,
    sides: npt.NDArray[np.int64],
    first: Places,
    second: Places,
    views: Places,
) -> tuple[list[Pair], npt.NDArray[np.float32]]:
    seen = [VIEWS[view] for view in views]
    moving = np.stack([view.of(thumbnails[i]) for i, view in zip(first, seen, strict=True)])
    fixed = thumbnails[second].astype(np.float32)
    windows = np.array([[*view.rows, *view.columns] for view in seen], dtype=np.float32)
    cut, edges = aligned(moving.astype(np.float32), fixed, windows)
    coarse = np.minimum(sides[first], sides[second]) < COARSE_SIDE
    scores = agreement(cut, fixed)
    if coarse.any():
        scores[coarse] = agreement(cut[coarse], fixed[coarse], COARSE_BLUR)
    pairs = [
        Pair(
            int(first[k]),
            int(second[k]),
            float(scores[k]),
            bool(scores[k] >= SAME_PICTURE),
            replace(
                seen[k],
                rows=(float(edges[k, 0]), float(edges[k, 1])),
                columns=(float(edges[k, 2]), float(edges[k, 3])),
            ),
        )
        for k in np.flatnonzero(scores >= np.where(coarse, COARSE_SAME, SAME_PATIENT))
    ]
    return pairs, scores[~coarse]
