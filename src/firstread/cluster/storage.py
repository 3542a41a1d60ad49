"""Folders and files on a disk or in object storage, by one name: a path or a URL."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from firstread.errors import InstallError, RunError, UsageError

UNFINISHED = ".tmp"
"""What names of files end in until they are whole."""

_TRIES = 4
_WAIT_S = 0.5


def is_url(name: str | Path) -> bool:
    """Tell a URL from a path."""
    return "://" in str(name)


def filesystem(name: str | Path) -> tuple[Any, str]:
    """Return pyarrow's file system for a path or URL, and the name within it.

    pyarrow knows s3, gs, abfs, hdfs and file by itself; all others are fsspec's (http, sftp,
    memory, `tar://MEMBER::FILE`, ...).

    Raises
    ------
    InstallError
        If the library for such URLs isn't installed.
    UsageError
        If nothing can open such URLs.
    """
    from pyarrow import ArrowInvalid, ArrowNotImplementedError, fs

    if not is_url(name):
        return fs.LocalFileSystem(), str(Path(name).absolute())
    try:
        opened: tuple[Any, str] = fs.FileSystem.from_uri(str(name))
        return opened
    except (ArrowInvalid, ArrowNotImplementedError):
        pass
    import fsspec

    try:
        found, path = fsspec.core.url_to_fs(str(name))
    except ImportError as error:
        raise InstallError(f"{name}: {error}") from None
    except ValueError as error:
        raise UsageError(f"{name}: {error}; name a path, or a URL such as s3://BUCKET/") from None
    return fs.PyFileSystem(fs.FSSpecHandler(found)), path


def fetched(name: str | Path, offset: int = 0, length: int | None = None) -> bytes:
    """Return what a file holds, or some bytes of it; tries again where storage fails for once.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it can't be had, after some tries.
    """
    system, path = filesystem(name)
    for left in reversed(range(_TRIES)):
        try:
            if length is None:
                with system.open_input_stream(path) as stream:
                    return bytes(stream.read())
            with system.open_input_file(path) as file:
                return bytes(file.read_at(length, offset))
        except FileNotFoundError:
            raise
        except OSError:
            if not left:
                raise
            time.sleep(_WAIT_S * 2 ** (_TRIES - left))
    raise AssertionError("unreachable: the last try returns or raises")


@dataclass(frozen=True)
class Storage:
    """A folder that results go to.

    Parameters
    ----------
    place
        A path or URL.
    """

    place: str

    def names(self, folder: str = "") -> set[str]:
        """Return the names of the whole files in it, or in a folder of it."""
        from pyarrow import fs

        system, path = self._located(folder)
        found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return {info.base_name for info in found if info.is_file and _whole(info.base_name)}

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return fetched(self._name(name))

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read here and there."""
        system, path = self._located(name)
        opened: IO[bytes] = system.open_input_file(path)
        return opened

    def tables(self, names: Sequence[str]) -> Any:
        """Return Parquet files as one data set of pyarrow's, of which nothing is read yet."""
        from pyarrow import dataset

        system, root = self._located("")
        files = [f"{root.rstrip('/')}/{name}" for name in names]
        return dataset.dataset(files, filesystem=system, format="parquet")

    def write(self, name: str, content: bytes) -> None:
        """Write a file that is there whole, or not at all.

        On a disk under another name until it is whole; object storage shows no object before it
        is.

        Raises
        ------
        RunError
            If it can't be written; what is there already stays.
        """
        from pyarrow import fs

        system, path = self._located(name)
        local = isinstance(system, fs.LocalFileSystem)
        under = f"{path}.{uuid.uuid4().hex}{UNFINISHED}" if local else path
        try:
            system.create_dir(path.rpartition("/")[0], recursive=True)
            with system.open_output_stream(under) as stream:
                stream.write(content)
            if local:
                system.move(under, path)
        except OSError as error:
            if local:
                with suppress(OSError):
                    Path(under).unlink(missing_ok=True)
            raise RunError(
                f"{self.place}: {name} can't be written ({error.strerror or error}); make room "
                "and start the same command again: it goes on where it stopped"
            ) from None

    def tidy(self, folder: str) -> None:
        """Remove what killed workers left unfinished in a folder."""
        system, path = self._located(folder)
        for name in self._unfinished(system, path):
            system.delete_file(name)

    def _unfinished(self, system: Any, path: str) -> Iterator[str]:
        from pyarrow import fs

        found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        yield from (info.path for info in found if not _whole(info.base_name))

    def _name(self, name: str) -> str:
        return f"{self.place.rstrip('/')}/{name}" if name else self.place

    def _located(self, name: str) -> tuple[Any, str]:
        return filesystem(self._name(name))


def parquet(table: Any, rows: int | None = None) -> bytes:
    """Return a table as the bytes of a Parquet file, in row groups of some rows."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rows, compression="zstd")
    return sink.getvalue()


def _whole(name: str) -> bool:
    return not name.endswith(UNFINISHED)
