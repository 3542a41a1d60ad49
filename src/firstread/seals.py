"""Hashes that show whether a file is still the one that was saved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = "sha256"
"""The entry of a sealed record that holds the hash of all others."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, as `sha256sum` gives it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record, as JSON can hold it, with its seal."""
    return {**record, SEAL: _hash(record)}


def is_whole(record: Mapping[str, Any]) -> bool:
    """Say whether a record is as it was sealed.

    Examples
    --------
    >>> record = sealed({"classes": ["abd", "chst"]})
    >>> is_whole(record), is_whole({**record, "classes": ["chst", "abd"]})
    (True, False)
    """
    return bool(record.get(SEAL) == _hash(record))


def _hash(record: Mapping[str, Any]) -> str:
    others = {name: value for name, value in record.items() if name != SEAL}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()
