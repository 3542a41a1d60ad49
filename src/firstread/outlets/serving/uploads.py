"""Uploaded files, on the disk for as long as they are read."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TextIO

from firstread.outlets.extra import missing
from firstread.outlets.serving.limits import MIB, Limits, Refused

try:
    import fcntl
except ModuleNotFoundError:  # Windows.
    fcntl = None  # type: ignore[assignment]
try:
    from fastapi import Request
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

FIELD = "files"
"""The form's field that holds the files."""

_PREFIX = "firstread-serve-"
_LOCK = "lock"
_PIECE = 2**20


class Scratch:
    """A private folder for what is being read; nobody else's, and gone when the service ends.

    What a killed service left behind is removed when the next one starts. A service that lives
    holds a lock in its folder; process numbers would not tell, since in a container every service
    has the same.
    """

    def __init__(self) -> None:
        _sweep()
        self.folder, self._lock = _held()
        while not self.folder.exists():  # Swept by another before it was locked.
            self.folder, self._lock = _held()

    @contextmanager
    def room(self) -> Iterator[Path]:
        """Give a folder, and remove it with all that it holds."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _held() -> tuple[Path, TextIO]:
    """Make a folder and lock it for as long as the file stays open."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = (folder / _LOCK).open("w", encoding="utf-8")
    if fcntl is not None:
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _sweep() -> None:
    """Remove the folders of services that are no more."""
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another's folder, one that is being made, or one that another service just removes.
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def received(request: Request, limits: Limits, scratch: Scratch) -> AsyncIterator[list[Path]]:
    """Take a request's files; give them as `1`, `2`, ... in a folder that lasts as long as this.

    The names that a client gave its files are never used: they may name a patient, or lead out
    of the folder.

    Raises
    ------
    Refused
        400 for a form that can't be read, 408 for one that is too long in coming, 413 for a
        file that is too large, 415 for what is no form, 422 for too many files or none.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "multipart/form-data":
        raise Refused(415, f"send a form (multipart/form-data) with images in its field {FIELD!r}")
    with scratch.room() as folder:
        try:
            async with asyncio.timeout(limits.seconds):
                yielded = await _saved(request, limits, folder)
        except TimeoutError:
            raise Refused(
                408, f"the request took more than {limits.seconds:g} s to arrive"
            ) from None
        yield yielded


async def _saved(request: Request, limits: Limits, folder: Path) -> list[Path]:
    # One more than is taken, so that the limit is named in the service's own words.
    form = request.form(max_files=limits.files + 1, max_fields=limits.files + 1)
    try:
        async with form as fields:
            uploads = fields.getlist(FIELD)
            files = [upload for upload in uploads if isinstance(upload, UploadFile)]
            if not files or len(files) != len(list(fields.multi_items())):
                raise Refused(422, f"send one or more files in the field {FIELD!r}, and no other")
            if len(files) > limits.files:
                raise Refused(422, f"more than {limits.files} files; send them in several requests")
            large = [n for n, file in enumerate(files, 1) if (file.size or 0) > limits.file_bytes]
            if large:
                most = f"more than {limits.file_bytes / MIB:g} MiB"
                raise Refused(413, *(f"file {place} has {most}" for place in large))
            return [await _written(file, folder / str(n)) for n, file in enumerate(files, 1)]
    except HTTPException:
        many = f"or has more than {limits.files} files"
        raise Refused(400, f"the form is damaged, {many}") from None


async def _written(upload: UploadFile, path: Path) -> Path:
    with path.open("xb") as file:
        while piece := await upload.read(_PIECE):
            file.write(piece)
    return path


class Turnstile:
    """Lets in so many requests with images at a time, and so many bytes of them.

    Parameters
    ----------
    limits
        Of the service.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = self._bytes = 0

    @contextlib.contextmanager
    def passed(self, request: Request, retry: int) -> Iterator[None]:
        """Let a request in for as long as the block lasts.

        Raises
        ------
        Refused
            429, with the seconds after which to come again.
        """
        told = request.headers.get("content-length", "")
        size = int(told) if told.isdecimal() else self._limits.request_bytes
        full = self.requests >= self._limits.waiting
        # A request that comes alone is let in whatever its size: `Gate` has checked that.
        if full or (self.requests and self._bytes + size > self._limits.held_bytes):
            raise Refused(429, "too many requests are under way; come again", retry=retry)
        self.requests += 1
        self._bytes += size
        try:
            yield
        finally:
            self.requests -= 1
            self._bytes -= size
