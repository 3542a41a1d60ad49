"""Features on disk: shelves of immutable shards, safe with many readers, writers and kills."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import safetensors
import safetensors.numpy

from firstread.progress import Notice

ENVIRONMENT = "FIRSTREAD_CACHE"
"""The environment variable that names another folder."""

FORMAT = 1
"""Of the shards; one that is raised starts anew."""

RECORD = "shelf.json"
SHARD = ".safetensors"
UNFINISHED = ".tmp"
"""How the names of a shelf's files end."""


def default_folder() -> Path:
    """Return $FIRSTREAD_CACHE, or firstread's folder among the user's caches."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(platformdirs.user_cache_dir("firstread", False))


@dataclass(frozen=True)
class Rows:
    """Features of some views of some images.

    Parameters
    ----------
    keys
        What tells each view of each image apart: 32 bytes each.
    shapes
        Height and width of the image that each view is of, int64, shape (n, 2).
    gray
        Whether that image is gray, bool, shape (n,).
    features
        float32, shape (n, C) or (n, C, h, w).
    """

    keys: tuple[bytes, ...]
    shapes: npt.NDArray[np.int64]
    gray: npt.NDArray[np.bool_]
    features: npt.NDArray[np.float32]


class FeatureCache:
    """A folder of features, one shelf for each network, weights, stage and preprocessing.

    Where the folder can't be used, nothing is kept and everything else works; why is told once.

    Parameters
    ----------
    folder
        Made when something is first put there; `default_folder()` if not given.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_folder()
        self.usable = True
        self._notices: list[Notice] = []

    def shelf(self, description: Mapping[str, Any]) -> Shelf:
        """Return the shelf of features that fit a description, which JSON can hold."""
        written = json.dumps({"format": FORMAT, **description}, indent=1, sort_keys=True)
        digest = hashlib.sha256(written.encode()).hexdigest()[:16]
        return Shelf(self, self.folder / "features" / digest, written)

    def notices(self) -> Iterator[Notice]:
        """Yield what went wrong since this was last asked."""
        while self._notices:
            yield self._notices.pop(0)

    def give_up(self, error: OSError) -> None:
        """Keep nothing from now on, and say so once."""
        if self.usable:
            self._notices.append(
                Notice(
                    f"{self.folder}: features can't be kept there ({error.strerror or error}), so "
                    f"they will be computed again next time; make room there, or name another "
                    f"folder in {ENVIRONMENT}"
                )
            )
        self.usable = False

    def drop(self, shard: Path) -> None:
        """Throw a damaged shard away, and say so."""
        with suppress(OSError):
            shard.unlink(missing_ok=True)
        self._notices.append(
            Notice(f"{shard}: this part of the feature cache was damaged; it is computed again")
        )


@dataclass(frozen=True)
class Shelf:
    """The features of one network's stage under one preprocessing.

    A shard is a safetensors file that is written under another name, renamed when it is whole,
    and never changed. So any number of processes can read and write; what two of them compute
    at once is there twice and does no harm; a kill leaves an unfinished file that nobody reads.

    Parameters
    ----------
    cache
        Whose it is.
    folder
        Where it is.
    record
        What it holds, as JSON.
    """

    cache: FeatureCache
    folder: Path
    record: str

    def index(self) -> dict[bytes, Path]:
        """Return where each key is: the shard that has it."""
        found = {}
        for shard in self._shards():
            try:
                with safetensors.safe_open(shard, framework="numpy") as file:
                    keys = file.get_tensor("keys")
            except OSError:  # Another process has cleaned up, or it isn't ours to read.
                continue
            except safetensors.SafetensorError:
                self.cache.drop(shard)
                continue
            found.update(dict.fromkeys(_split(keys), shard))
        return found

    def read(self, shard: Path) -> Rows | None:
        """Return what a shard holds, or None where it has gone or is damaged."""
        try:
            with safetensors.safe_open(shard, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                expected = (file.metadata() or {}).get("crc32", "")
            if expected != _checksum(arrays):
                raise safetensors.SafetensorError("its checksum is wrong")
        except OSError:
            return None
        except safetensors.SafetensorError:
            self.cache.drop(shard)
            return None
        with suppress(OSError):  # What was used last is cleaned up last.
            os.utime(shard)
        keys = _split(arrays["keys"])
        return Rows(keys, arrays["shapes"], arrays["gray"], arrays["features"])

    def put(self, rows: Rows) -> None:
        """Write a shard, where the folder can be written to."""
        if not self.cache.usable or not rows.keys:
            return
        keys = np.frombuffer(b"".join(rows.keys), np.uint8).reshape(len(rows.keys), -1)
        arrays: dict[str, npt.NDArray[Any]] = {
            "keys": keys,
            "shapes": np.ascontiguousarray(rows.shapes),
            "gray": np.ascontiguousarray(rows.gray),
            "features": np.ascontiguousarray(rows.features),
        }
        name = uuid.uuid4().hex
        written = self.folder / f"{name}{UNFINISHED}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._describe()
            written.write_bytes(safetensors.numpy.save(arrays, {"crc32": _checksum(arrays)}))
            written.replace(self.folder / f"{name}{SHARD}")
        except OSError as error:
            with suppress(OSError):
                written.unlink(missing_ok=True)
            self.cache.give_up(error)

    def _describe(self) -> None:
        """Say for people, and for `firstread cache`, what the shelf holds."""
        record = self.folder / RECORD
        if record.is_file():
            return
        written = record.with_suffix(f".{uuid.uuid4().hex}{UNFINISHED}")
        written.write_text(self.record, encoding="utf-8")
        written.replace(record)

    def _shards(self) -> list[Path]:
        try:
            return sorted(p for p in self.folder.iterdir() if p.suffix == SHARD)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.cache.give_up(error)
            return []


def _split(keys: npt.NDArray[np.uint8]) -> tuple[bytes, ...]:
    return tuple(row.tobytes() for row in keys)


def _checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, total)
    return f"{total:08x}"
