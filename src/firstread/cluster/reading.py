"""Images of a manifest, from wherever they are, in a worker."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from firstread.cluster.manifest import Row
from firstread.cluster.storage import fetched, is_url
from firstread.errors import KILLS, ImageError
from firstread.images import Image, Preprocessing, prepared, read

THREADS = 2
"""That read at a time: one waits for the storage while the other decodes."""

Outcome = Image | ImageError


class Reader:
    """Reads images at working size.

    Parameters
    ----------
    preprocessing
        What they are brought to.
    careful
        Whether to read in a process of its own. A worker that was started again after its death
        does: an image that kills its reader then costs itself alone.
    """

    def __init__(self, preprocessing: Preprocessing, careful: bool) -> None:
        self._preprocessing = preprocessing
        self._careful = careful

    def read(self, rows: Sequence[Row]) -> Iterator[Outcome]:
        """Yield each image, in order, or why it can't be read.

        Raises
        ------
        OSError
            If the storage fails, which is no fault of the image.
        """
        if self._careful:
            yield from self._apart(rows)
            return
        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(load, rows, [self._preprocessing] * len(rows))

    def _apart(self, rows: Sequence[Row]) -> Iterator[Outcome]:
        done = 0
        while done < len(rows):
            pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            try:
                for row in rows[done:]:
                    outcome = pool.submit(load, row, self._preprocessing).result()
                    done += 1
                    yield outcome
            except BrokenProcessPool:
                killer, done = rows[done], done + 1
                yield ImageError(killer.path, KILLS)
            finally:
                pool.shutdown(cancel_futures=True)


def load(row: Row, preprocessing: Preprocessing) -> Outcome:
    """Read one image at working size, or return why it can't be read."""
    try:
        with at_hand(row) as path:
            return prepared(read(path, preprocessing.display), preprocessing)
    except ImageError as error:
        return ImageError(row.path, error.reason)
    except FileNotFoundError:
        return ImageError(row.path, "does not exist; check the path")


@contextmanager
def at_hand(row: Row) -> Iterator[Path]:
    """Give a file of this machine that holds the image within the block."""
    name = row.file or row.path
    if not row.size and not is_url(name):
        yield Path(name)
        return
    content = fetched(name, row.offset, row.size or None)
    suffix = "".join(Path(row.path.partition("::")[0]).suffixes[-2:])
    handle, name = tempfile.mkstemp(suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield Path(name)
    finally:
        Path(name).unlink()
