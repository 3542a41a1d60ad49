"""What a run's training images and the images to judge have in common, and where they differ."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from firstread.datasets import Dataset, labels_of
from firstread.errors import ImageError
from firstread.evaluation import Looked
from firstread.evidence import compare_images
from firstread.evidence.scoring import coded
from firstread.images import located, statistics
from firstread.progress import Step
from firstread.run import CASES

LOOKED_AT = 500
"""Images of each side, at most, whose sizes and gray levels are compared."""


def known_images(folder: Path) -> pd.DataFrame:
    """Return path, label and split of the images that the run had; empty where it doesn't tell."""
    if not (folder / CASES).exists():
        return pd.DataFrame({"path": [], "label": [], "split": []}, dtype=str)
    return pd.read_csv(folder / CASES, dtype=str, keep_default_na=False)


def seen_before(known: pd.DataFrame, paths: Sequence[Path]) -> dict[Path, str]:
    """Return those of the images that the run had already, by file or by equal content."""
    splits = {
        Path(path).resolve(): split
        for path, split in zip(known["path"], known["split"], strict=True)
    }
    sizes: dict[int, list[Path]] = {}
    for path in splits:
        file, _ = located(path)
        if file.is_file():
            sizes.setdefault(file.stat().st_size, []).append(path)
    hashes: dict[bytes, str] = {}
    hashed: set[int] = set()
    seen = {}
    for path in paths:
        if path.resolve() in splits:
            seen[path] = splits[path.resolve()]
            continue
        size = located(path)[0].stat().st_size
        if size not in sizes:
            continue
        if size not in hashed:
            hashed.add(size)
            hashes |= {_digest(other): splits[other] for other in sizes[size]}
        if (digest := _digest(path)) in hashes:
            seen[path] = hashes[digest]
    return seen


def _digest(path: Path) -> bytes:
    with located(path)[0].open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def looking(
    dataset: Dataset, part: str, known: pd.DataFrame, seen: Mapping[Path, str]
) -> Generator[Step, None, Looked]:
    """Compare the images with those that the run was trained on, as far as they can be found."""
    _, patients = coded(dataset.groups, len(dataset))
    about = (len(dataset), patients, part, dict(Counter(seen.values())))
    trained = known[known["split"] == "train"]
    there = [Path(path) for path in trained["path"] if located(Path(path))[0].is_file()]
    if not there:
        reason = (
            "The training images aren't where they were, so it can't be said how these differ "
            "from them."
        )
        return Looked(*about, None, reason)
    if all(split == "train" for split in seen.values()) and len(seen) == len(dataset):
        return Looked(*about, None, "These are training images, and nothing can differ.")
    first = yield from _measured(there, "looking at training images")
    second = yield from _measured(dataset.paths, "looking at images")
    if first.empty or second.empty:
        return Looked(*about, None, "None of the images can be read.")
    shares = (_shares(trained["label"]), _shares(dataset.cases["label"]))
    shift = compare_images(first, second, shares)
    return Looked(*about, shift)


def _measured(paths: Sequence[Path], phase: str) -> Generator[Step, None, pd.DataFrame]:
    """Measure images, of very many an evenly spread part; those that can't be read are left out."""
    places = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT)).astype(int))

    def attempt(path: Path) -> dict[str, Any] | None:
        try:
            return asdict(statistics(path))
        except ImageError:
            return None

    rows = []
    with ThreadPoolExecutor() as workers:
        measured = workers.map(attempt, [paths[place] for place in places])
        for number, row in enumerate(measured, start=1):
            rows += [row] if row is not None else []
            yield Step(phase, number, len(places))
    return pd.DataFrame(rows)


def _shares(labels: pd.Series) -> dict[str, int]:
    return dict(Counter(name for label in labels for name in labels_of(label) or ("none",)))
