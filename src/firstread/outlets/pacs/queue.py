"""What has arrived and is unanswered, on disk: nothing is lost whenever the program is killed.

An image's file is on the disk, and its row in SQLite committed, before its sender is told that it
arrived. Its result is on the disk before it is sent. Both leave only once the result has been
taken. Then a row without the files remains, whose key is a hash: an image that its sender sends
again is not answered twice.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from firstread.errors import NetworkError

State = Literal["waiting", "answered", "sent", "failed"]
KEPT_DAYS = 90
"""For how long it is known that an image has been answered."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS image (
    key TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'answered', 'sent', 'failed')),
    file TEXT,
    result TEXT,
    reason TEXT NOT NULL DEFAULT '',
    since REAL NOT NULL,
    place INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_state ON image (state, place);
"""


@dataclass(frozen=True)
class Job:
    """An image in the queue.

    Parameters
    ----------
    key
        Stands for the image; tells nothing of it.
    file
        The image.
    result
        What goes out for it; the same as `file` as long as there is none.
    """

    key: str
    file: Path
    result: Path


class Queue:
    """A folder with images, results and a database; of one listener at a time.

    Parameters
    ----------
    folder
        Made where it is missing, for this user only. What a killed program left half done in it
        is put right.

    Raises
    ------
    NetworkError
        If another listener uses it, or it holds something else.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self.images, self.results = folder / "images", folder / "results"
            self.images.mkdir(mode=0o700, exist_ok=True)
            self.results.mkdir(mode=0o700, exist_ok=True)
            self._held = _hold(folder / "lock.sqlite")
            self._rows = sqlite3.connect(
                folder / "queue.sqlite", isolation_level=None, check_same_thread=False
            )
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = FULL")
            self._rows.executescript(_SCHEMA)
        except OSError as error:
            raise NetworkError(
                f"{folder}: can't be used as a queue ({error.strerror}); name another --queue"
            ) from None
        except sqlite3.OperationalError:
            raise NetworkError(
                f"{folder}: another listener uses this queue; stop it, or name another --queue"
            ) from None
        except sqlite3.DatabaseError:
            raise NetworkError(f"{folder}: is no queue, or damaged; name another --queue") from None
        self._lock = Lock()
        self._place = self._one("SELECT coalesce(max(place), 0) FROM image")
        self._sweep()

    def close(self) -> None:
        """Let go of the folder; what waits in it stays."""
        with self._lock:
            self._rows.close()
            self._held.close()

    def add(self, key: str, *data: bytes | memoryview) -> bool:
        """Take an image in; when this returns, it is on the disk.

        Parameters
        ----------
        key
            As `key_of` gives it.
        *data
            The file's bytes, in pieces.

        Returns
        -------
        new
            False where it is here or has been answered already.

        Raises
        ------
        OSError
            If it can't be written, as when the disk is full.
        """
        if self._known(key):
            return False
        path = self.images / uuid.uuid4().hex
        try:
            _write(path, *data)
            with self._transaction():
                self._place += 1
                new = self._rows.execute(
                    "INSERT OR IGNORE INTO image (key, state, file, since, place) "
                    "VALUES (?, 'waiting', ?, ?, ?)",
                    (key, path.name, time.time(), self._place),
                ).rowcount
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if not new:
            path.unlink(missing_ok=True)
        return bool(new)

    def waiting(self, most: int) -> list[Job]:
        """Return images that nothing has been said of yet, first come, first served."""
        return self._jobs("waiting", most)

    def answered(self, most: int) -> list[Job]:
        """Return images whose results are still to be sent, in order."""
        return self._jobs("answered", most)

    def answer(self, results: Iterable[tuple[Job, Callable[[Path], None]]]) -> None:
        """Keep results, to be sent.

        Parameters
        ----------
        results
            Each with a function that writes it to a path, whole and flushed to the disk.
        """
        named = []
        for job, write in results:
            name = f"{uuid.uuid4().hex}.dcm"
            write(self.results / name)
            named.append((name, job.key))
        _flush(self.results)
        with self._transaction():
            self._rows.executemany(
                "UPDATE image SET state = 'answered', result = ? WHERE key = ?", named
            )

    def sent(self, jobs: Iterable[Job]) -> None:
        """Forget images whose results have been taken; their files are removed."""
        jobs = list(jobs)
        with self._transaction():
            self._rows.executemany(
                "UPDATE image SET state = 'sent', file = NULL, result = NULL, since = ? "
                "WHERE key = ?",
                [(time.time(), job.key) for job in jobs],
            )
        for job in jobs:
            job.file.unlink(missing_ok=True)
            job.result.unlink(missing_ok=True)

    def fail(self, job: Job, reason: str) -> None:
        """Put an image aside that can't be answered; its file stays for somebody to look at.

        Parameters
        ----------
        job
            The image.
        reason
            Why; holds nothing of the patient.
        """
        with self._transaction():
            self._rows.execute(
                "UPDATE image SET state = 'failed', reason = ? WHERE key = ?", (reason, job.key)
            )

    def retry(self) -> int:
        """Take up again all that was put aside; return how many."""
        with self._transaction():
            return self._rows.execute(
                "UPDATE image SET reason = '', "
                "state = CASE WHEN result IS NULL THEN 'waiting' ELSE 'answered' END "
                "WHERE state = 'failed'"
            ).rowcount

    def drop_failed(self) -> int:
        """Remove all that was put aside, files and all; return how many."""
        jobs = self._jobs("failed", -1)
        with self._transaction():
            self._rows.executemany("DELETE FROM image WHERE key = ?", [(job.key,) for job in jobs])
        self._sweep()
        return len(jobs)

    def counts(self) -> dict[State, int]:
        """Return how many images are in each state."""
        with self._lock:
            rows = self._rows.execute("SELECT state, count(*) FROM image GROUP BY state").fetchall()
        found: dict[State, int] = {"waiting": 0, "answered": 0, "sent": 0, "failed": 0}
        return {**found, **dict(rows)}

    def unanswered(self) -> int:
        """Return how many images have arrived whose results are not yet taken."""
        return self._one("SELECT count(*) FROM image WHERE state IN ('waiting', 'answered')")

    def failures(self) -> list[tuple[Path, str]]:
        """Return the files that were put aside, each with the reason."""
        with self._lock:
            rows = self._rows.execute(
                "SELECT file, reason FROM image WHERE state = 'failed' ORDER BY place"
            ).fetchall()
        return [(self.images / file, reason) for file, reason in rows]

    def _known(self, key: str) -> bool:
        with self._lock:
            return bool(self._rows.execute("SELECT 1 FROM image WHERE key = ?", (key,)).fetchone())

    def _jobs(self, state: State, most: int) -> list[Job]:
        with self._lock:
            rows = self._rows.execute(
                "SELECT key, file, result FROM image WHERE state = ? ORDER BY place LIMIT ?",
                (state, most),
            ).fetchall()
        return [
            Job(key, self.images / file, self.results / result if result else self.images / file)
            for key, file, result in rows
        ]

    def _one(self, query: str) -> int:
        with self._lock:
            return int(self._rows.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._rows.execute("ROLLBACK")
                raise
            self._rows.execute("COMMIT")

    def _sweep(self) -> None:
        """Remove files that no row names: their program was killed between file and row."""
        with self._transaction():
            self._rows.execute(
                "DELETE FROM image WHERE state = 'sent' AND since < ?",
                (time.time() - KEPT_DAYS * 86400,),
            )
            rows = self._rows.execute("SELECT file, result FROM image").fetchall()
        for folder, place in ((self.images, 0), (self.results, 1)):
            named = {row[place] for row in rows}
            for path in folder.iterdir():
                if path.name not in named:
                    path.unlink(missing_ok=True)


def key_of(weights: str, instance: str) -> str:
    """Return what stands for an image in a queue: a hash of the model's weights and its UID.

    Parameters
    ----------
    weights
        SHA-256 of the weights that answer.
    instance
        The image's SOP instance UID.
    """
    return hashlib.sha256(f"{weights}|{instance}".encode()).hexdigest()


def _hold(path: Path) -> sqlite3.Connection:
    """Lock a file for as long as the program lives; a killed one lets go by itself."""
    held = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
    try:
        held.execute("PRAGMA journal_mode = DELETE")
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        held.close()
        raise
    return held


def _write(path: Path, *data: bytes | memoryview) -> None:
    with path.open("xb") as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """See to it that the names in a folder are on the disk as well."""
    if os.name == "nt":  # Windows flushes names with the files.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
