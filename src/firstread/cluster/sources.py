"""What a user may name instead of images: tables of paths or URLs, tar shards, remote folders."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from firstread.cluster.manifest import Row
from firstread.cluster.storage import filesystem, is_url
from firstread.errors import DataError, first_line
from firstread.images import SUFFIXES

TABLES = (".csv", ".tsv", ".parquet")
COLUMNS = ("path", "url")
ARCHIVES = (".tar",)
IMAGES = (*SUFFIXES, ".dcm", ".nii", ".nii.gz")
"""What names of images end in where nobody looks into them: in archives and remote folders."""

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_BLOCK = 2**20


def is_source(name: str) -> bool:
    """Tell what is listed here from images and folders that the plain command knows."""
    return is_url(name) or name.lower().endswith((*TABLES, *ARCHIVES))


def braces(name: str) -> list[str]:
    """Return the names that a range in braces stands for, as WebDataset writes them.

    Examples
    --------
    >>> braces("s3://films/{08..10}.tar")
    ['s3://films/08.tar', 's3://films/09.tar', 's3://films/10.tar']
    """
    found = _BRACES.search(name)
    if found is None:
        return [name]
    first, last = found.groups()
    ends = name[: found.start()], name[found.end() :]
    numbers = range(int(first), int(last) + 1)
    return [n for k in numbers for n in braces(f"{ends[0]}{k:0{len(first)}d}{ends[1]}")]


def rows(name: str) -> Iterator[Row]:
    """Yield the images that a table, tar shard or remote folder names, in its order.

    Raises
    ------
    DataError
        If it can't be read, is no table of paths, or is empty.
    """
    lower = name.lower()
    listing: Callable[[str], Iterator[Row]] = _folder
    if lower.endswith(TABLES):
        listing = _table
    elif lower.endswith(ARCHIVES):
        listing = _archive
    elif lower.endswith(IMAGES):
        listing = _image
    try:
        yield from listing(name)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise DataError([f"{name}: can't be read ({reason})"]) from None


def fingerprint(names: Sequence[str]) -> str:
    """Return what changes when what is named does: sizes and times of tables and archives."""
    digest = hashlib.sha256()
    for name in names:
        system, path = filesystem(name)
        info = system.get_file_info(path)
        digest.update(f"{name} {info.type} {info.size} {info.mtime_ns}\n".encode())
    return digest.hexdigest()


def _table(name: str) -> Iterator[Row]:
    import pyarrow as pa

    folder = "" if is_url(name) else str(Path(name).absolute().parent)
    beside = name.rpartition("/")[0] if is_url(name) else folder
    system, path = filesystem(name)
    reader = _parquet if name.lower().endswith(".parquet") else _csv
    try:
        with system.open_input_file(path) as file:
            for column in reader(file, name):
                for value in column.to_pylist():
                    if value:
                        yield Row(_beside(str(value), beside))
    except pa.ArrowInvalid as error:
        raise DataError([f"{name}: is no table ({first_line(error)})"]) from None


def _csv(file: IO[bytes], name: str) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    separator = "\t" if name.lower().endswith(".tsv") else ","
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    names = csv.ReadOptions(block_size=_BLOCK)
    kinds = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
    with csv.open_csv(file, names, parse, kinds) as reader:
        column = _column(reader.schema.names, name)
        for batch in reader:
            yield batch.column(column)


def _parquet(file: IO[bytes], name: str) -> Iterator[Any]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    column = _column(table.schema_arrow.names, name)
    for batch in table.iter_batches(columns=[column]):
        yield batch.column(0)


def _column(names: Sequence[str], table: str) -> str:
    for name in COLUMNS:
        if name in names:
            return name
    listed = ", ".join(names)
    raise DataError([f"{table}: has no column path or url; it has {listed}"])


def _beside(name: str, folder: str) -> str:
    """Return a name as a path or URL of its own; tables name files from their folder on."""
    return name if is_url(name) or name.startswith("/") else f"{folder}/{name}"


def _archive(name: str) -> Iterator[Row]:
    system, path = filesystem(name)
    try:
        with system.open_input_file(path) as file, tarfile.open(fileobj=file) as archive:
            # Unlike its other loops, this one forgets the members that it has been over.
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]
                if member.isfile() and member.name.lower().endswith(IMAGES):
                    shown = f"tar://{member.name}::{name}"
                    yield Row(shown, name, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise DataError([f"{name}: is no tar archive ({error}); make it anew"]) from None


def _image(name: str) -> Iterator[Row]:
    yield Row(name)


def _folder(name: str) -> Iterator[Row]:
    from pyarrow import fs

    system, path = filesystem(name)
    root = name.rstrip("/")
    found = system.get_file_info(fs.FileSelector(path, recursive=True))
    files = sorted(info.path for info in found if info.is_file)
    for file in files:
        if file.lower().endswith(IMAGES):
            yield Row(f"{root}/{file[len(path.rstrip('/')) :].lstrip('/')}")
