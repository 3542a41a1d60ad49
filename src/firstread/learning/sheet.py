"""The result of an extraction while it fills: one array a stage, in memory or in a file."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from firstread.errors import UsageError
from firstread.learning.cache import Shelf

RESIDENT = 128 * 2**20
"""Bytes above which a sheet lies in a file."""

_MOVED = 4096

FloatArray = npt.NDArray[np.float32]


class Sheet:
    """Rows of float32 in memory, or where they are many in a file without a name.

    Written with plain writes and mapped at the end: pages that are written through a mapping
    count as the process's own memory.

    Parameters
    ----------
    folder
        Where the file goes, if it can be written to; else where temporary files go.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None and folder.is_dir() else None
        self._row: tuple[int, ...] = ()
        self._array: FloatArray | None = None
        self._file: IO[bytes] | None = None

    def write(self, count: int, places: Sequence[int], rows: FloatArray) -> None:
        """Write some of `count` rows; the first call settles their shape."""
        if self._array is None and self._file is None:
            self._row = rows.shape[1:]
            if count * rows[0].nbytes <= RESIDENT:
                self._array = np.zeros((count, *self._row), np.float32)
            else:
                self._file = self._opened(count * rows[0].nbytes)
        if self._array is not None:
            self._array[places] = rows
            return
        assert self._file is not None
        try:
            for place, row in zip(places, rows, strict=True):
                self._file.seek(place * row.nbytes)
                self._file.write(row.tobytes())
            self._file.flush()
        except OSError as error:
            raise self._no_room(count * rows[0].nbytes, error) from None

    def finished(self, views: int, count: int, kept: npt.NDArray[np.int64]) -> FloatArray:
        """Return the rows of the images kept, shape (views, kept, ...)."""
        flat = self._flat(views * count)
        if len(kept) < count:
            # Rows only ever move forwards, so that none is overwritten before it has moved.
            places = (np.arange(views)[:, None] * count + kept).ravel()
            for start in range(0, len(places), _MOVED):
                some = places[start : start + _MOVED]
                flat[start : start + len(some)] = flat[some]
        return flat[: views * len(kept)].reshape(views, len(kept), *self._row)

    def close(self) -> None:
        """Close the file; what was mapped from it stays."""
        if self._file is not None:
            self._file.close()

    def _flat(self, count: int) -> FloatArray:
        if self._file is not None:
            # Copy on write: an array that may be written to, over a file that stays as it is.
            return np.memmap(self._file, np.float32, "c", shape=(count, *self._row))
        return np.zeros((count, 0), np.float32) if self._array is None else self._array

    def _opened(self, nbytes: int) -> IO[bytes]:
        if self._folder is not None and not os.access(self._folder, os.W_OK):
            self._folder = None
        try:
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            file.truncate(nbytes)
        except OSError as error:
            raise self._no_room(nbytes, error) from None
        return file

    def _no_room(self, nbytes: int, error: OSError) -> UsageError:
        folder = self._folder or tempfile.gettempdir()
        return UsageError(
            f"{folder}: there is no room for {math.ceil(nbytes / 2**20):,} MiB of features "
            f"({error.strerror}); free some, or name another folder in FIRSTREAD_CACHE"
        )


View = tuple[bytes, int]
"""An image's digest, and the number of the view."""


@dataclass
class Table:
    """The result while it fills, one sheet a stage."""

    places: Mapping[bytes, list[int]]
    count: int
    views: int
    sheets: Mapping[str, Sheet]

    def __post_init__(self) -> None:
        self.shapes = np.zeros((self.count, 2), np.int64)
        self.gray = np.zeros(self.count, np.bool_)

    def put(
        self,
        views: Sequence[View],
        shapes: npt.NDArray[np.int64],
        gray: npt.NDArray[np.bool_],
        features: Mapping[str, FloatArray],
    ) -> None:
        """Write the features of some views into every place of their image."""
        targets = [
            (row, number * self.count + place, place)
            for row, (digest, number) in enumerate(views)
            for place in self.places[digest]
        ]
        if not targets:
            return
        rows, flat, at = map(list, zip(*targets, strict=True))
        self.shapes[at], self.gray[at] = shapes[rows], gray[rows]
        for name, values in features.items():
            self.sheets[name].write(self.views * self.count, flat, values[rows])

    def close(self) -> None:
        """Close the sheets' files."""
        for sheet in self.sheets.values():
            sheet.close()

    def fill(
        self, shelves: Mapping[str, Shelf], views: Mapping[bytes, View]
    ) -> dict[str, set[bytes]]:
        """Write what the cache has; return for each stage the keys that were there."""
        stored: dict[str, set[bytes]] = {}
        for name, shelf in shelves.items():
            stored[name] = set()
            index = shelf.index()
            for shard in sorted({index[key] for key in views if key in index}):
                rows = shelf.read(shard)
                if rows is None:
                    continue
                hits = [row for row, key in enumerate(rows.keys) if key in views]
                seen = [views[rows.keys[row]] for row in hits]
                self.put(seen, rows.shapes[hits], rows.gray[hits], {name: rows.features[hits]})
                stored[name].update(rows.keys[row] for row in hits)
        return stored
