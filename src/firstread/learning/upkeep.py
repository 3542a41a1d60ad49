"""What the cache of features holds, and how it is cleaned."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from firstread.learning.cache import RECORD, SHARD, UNFINISHED

_STALE_S = 3600.0


@dataclass(frozen=True)
class Holding:
    """What one shelf of a cache holds.

    Parameters
    ----------
    description
        Backbone, stage, weights, preprocessing and so on.
    files
        Its files, each with its size in bytes and when it was last used, in seconds since 1970.
    views
        How many views of images it has features of.
    """

    description: Mapping[str, Any]
    files: Mapping[Path, tuple[int, float]]
    views: int

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(size for size, _ in self.files.values())

    @property
    def used(self) -> float:
        """When any of it was last used, in seconds since 1970."""
        return max((used for _, used in self.files.values()), default=0.0)


def holdings(folder: Path) -> list[Holding]:
    """List what is in a cache folder; files of others in it are passed over."""
    found = []
    for record in sorted(folder.glob(f"features/*/{RECORD}")):
        files, views = {}, 0
        for path in record.parent.iterdir():
            if path.suffix not in (SHARD, UNFINISHED) and path != record:
                continue
            with suppress(FileNotFoundError):
                status = path.stat()
                files[path] = status.st_size, status.st_mtime
            with suppress(OSError, safetensors.SafetensorError):
                if path.suffix == SHARD:
                    with safetensors.safe_open(path, framework="numpy") as file:
                        views += file.get_slice("keys").get_shape()[0]
        with suppress(OSError, ValueError):
            found.append(Holding(json.loads(record.read_text(encoding="utf-8")), files, views))
    return found


def clean(
    folder: Path, *, older_than_days: float | None = None, limit_bytes: float | None = None
) -> tuple[int, int]:
    """Delete features that were not used for long, then those used longest ago over a limit.

    Files that a killed process left unfinished go too, after an hour. Nothing but firstread's
    own files is touched.

    Parameters
    ----------
    folder
        Of the cache.
    older_than_days
        Keep what was used since; 0 deletes everything.
    limit_bytes
        Keep no more than this.

    Returns
    -------
    files, nbytes
        How many shards were deleted, and their bytes.
    """
    now = time.time()
    files = {path: stat for holding in holdings(folder) for path, stat in holding.files.items()}
    shards = {path: stat for path, stat in files.items() if path.suffix == SHARD}
    oldest_first = sorted(shards, key=lambda path: shards[path][1])
    horizon = -np.inf if older_than_days is None else now - older_than_days * 86400
    doomed = [path for path in oldest_first if shards[path][1] <= horizon]
    left = [path for path in oldest_first if shards[path][1] > horizon]
    over = sum(shards[path][0] for path in left) - (np.inf if limit_bytes is None else limit_bytes)
    while left and over > 0:
        doomed.append(left.pop(0))
        over -= shards[doomed[-1]][0]
    _delete([p for p in files if p.suffix == UNFINISHED and now - files[p][1] > _STALE_S])
    _delete(doomed)
    for shelf in {path.parent for path in files}:
        if not any(path.suffix in (SHARD, UNFINISHED) for path in shelf.iterdir()):
            _delete([shelf / RECORD])
            with suppress(OSError):
                shelf.rmdir()
    return len(doomed), sum(shards[path][0] for path in doomed)


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
