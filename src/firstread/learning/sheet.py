"""An array that is written row by row before its size is known to fit in memory."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from firstread.errors import UsageError

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
        Where the file goes, if it exists; else where temporary files go.
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

    def _flat(self, count: int) -> FloatArray:
        if self._file is not None:
            # Copy on write: an array that may be written to, over a file that stays as it is.
            return np.memmap(self._file, np.float32, "c", shape=(count, *self._row))
        return np.zeros((count, 0), np.float32) if self._array is None else self._array

    def _opened(self, nbytes: int) -> IO[bytes]:
        try:
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
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
