"""Lists of images larger than memory: written once as Parquet, read a part at a time.

A part is a run of rows that one worker does at once, and one file of results. Which images are in
it is settled when the manifest is written; so results can be counted against it, and a second run
knows what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from firstread.cluster.storage import Storage, parquet
from firstread.errors import DataError

ROWS = 1024
"""Images a part, where nobody says: a minute of work or less."""

MULTIPLE = 32
"""Parts are of a multiple of the images that go through a network, or are judged, together.

The last bits of a result depend on the size of the batch; so the batches are the plain command's.
"""

_PARTS = 256
_FOLDER = "manifest"


@dataclass(frozen=True)
class Row:
    """One image of a manifest.

    Parameters
    ----------
    path
        Path or URL, as results name it.
    file
        Where its bytes are, if elsewhere: under its full name, or in an archive.
    offset, size
        Which bytes of that file; a size of 0 for all.
    """

    path: str
    file: str = ""
    offset: int = 0
    size: int = 0


@dataclass(frozen=True)
class Stored:
    """A manifest in files of 256 parts, a row group a part."""

    storage: Storage
    images: int
    size: int = ROWS

    @property
    def parts(self) -> int:
        """In how many parts."""
        return -(-self.images // self.size)

    def length(self, part: int) -> int:
        """Return how many images are in a part: all but the last are of one size."""
        return min(self.size, self.images - part * self.size)

    def rows(self, part: int) -> list[Row]:
        """Return the images of a part; reads nothing else of the manifest."""
        import pyarrow.parquet as pq

        number, group = divmod(part, _PARTS)
        with self.storage.open(_file(number)) as file:
            table = pq.ParquetFile(file).read_row_group(group)
        return [Row(**row) for row in table.to_pylist()]

    @classmethod
    def write(cls, rows: Iterable[Row], storage: Storage, size: int) -> Stored:
        """Write a manifest, with one file of it in memory at a time.

        Raises
        ------
        DataError
            If there are no rows.
        RunError
            If it can't be written.
        """
        count = 0
        for number, table in enumerate(_tables(rows, size * _PARTS)):
            storage.write(_file(number), parquet(table, size))
            count += table.num_rows
        if not count:
            raise DataError(["there are no images in what was named"])
        return cls(storage, count, size)


def _tables(rows: Iterable[Row], size: int) -> Iterator[Any]:
    import pyarrow as pa

    schema = pa.schema(
        [("path", pa.string()), ("file", pa.string()), ("offset", pa.int64()), ("size", pa.int64())]
    )
    columns: tuple[list[Any], ...] = ([], [], [], [])
    for row in rows:
        for column, value in zip(columns, (row.path, row.file, row.offset, row.size), strict=True):
            column.append(value)
        if len(columns[0]) == size:
            yield pa.table(list(columns), schema=schema)
            columns = ([], [], [], [])
    if columns[0]:
        yield pa.table(list(columns), schema=schema)


def _file(number: int) -> str:
    return f"{_FOLDER}/{number:06d}.parquet"
