"""Step 1: images from a folder, from boxes they were dropped in, or computed; and what they are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firstread.app.shelf import IMAGES, LONGEST, Shelf, checked
from firstread.auditing import Audit, auditing
from firstread.datasets import Dataset, load, with_validation
from firstread.datasets.films import write_hello_world
from firstread.datasets.tables import SPLIT_NAMES
from firstread.errors import DataError, UsageError
from firstread.progress import Step

COMPUTED = "computed-films"
"""The folder of the built-in set."""

_UNFIT = re.compile(r"[^\w .()+=,@#~-]")
_LONGEST_FILE = 120
_MOST_FOLDERS = 500


@dataclass(frozen=True)
class Box:
    """Images that were dropped together.

    Parameters
    ----------
    name
        Of their class.
    files
        Where they were put for the moment, under their own names.
    """

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Seen:
    """A data set that was looked at.

    Parameters
    ----------
    data
        Folder or table.
    dataset
        In parts, as a training would part it.
    audit
        Of it.
    """

    data: Path
    dataset: Dataset
    audit: Audit


def computed(shelf: Shelf) -> Path:
    """Return the folder of the built-in set; it is computed where it isn't there yet."""
    folder = shelf.folder / IMAGES / COMPUTED
    if not folder.exists():
        making = folder.with_name(f".{COMPUTED}")
        shutil.rmtree(making, ignore_errors=True)
        write_hello_world(making)
        making.rename(folder)
    return folder


def named(text: str) -> Path:
    """Return the folder or table that a user typed.

    Raises
    ------
    UsageError
        If nothing was typed, or there is none.
    """
    text = text.strip().strip("'\"")
    if not text:
        raise UsageError("Type the path of a folder, for instance /home/me/films")
    try:
        path = Path(text).expanduser().absolute()
        there = path.exists()
    except (OSError, RuntimeError, ValueError):
        raise UsageError(f"{text[:200]!r} is no path of this machine") from None
    if not there:
        raise UsageError(f"{path}: there is no such folder on this machine; check the spelling")
    return path


def inside(folder: Path) -> list[tuple[str, str]]:
    """Return the folders that one can go to from a folder, each as it is shown and as a path."""
    try:
        found = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        found = []
    up = [] if folder == folder.parent else [(f"up, to {folder.parent}", str(folder.parent))]
    return [*up, *((path.name, str(path)) for path in found[:_MOST_FOLDERS])]


def gathered(shelf: Shelf, wish: str, boxes: Sequence[Box]) -> Path:
    """Copy dropped images into a folder of class folders, and return it.

    Parameters
    ----------
    shelf
        Beside whose runs the folder is made.
    wish
        How it may be called.
    boxes
        Those without a name and images are passed over.

    Raises
    ------
    DataError
        Naming every box that can't be used.
    """
    used = [box for box in boxes if box.name.strip() or box.files]
    problems = list(_problems(used))
    if problems:
        raise DataError(problems)
    folder = _free(shelf.folder / IMAGES, wish)
    for box in used:
        place = folder / box.name.strip()
        place.mkdir(parents=True)
        for file in box.files:
            shutil.copyfile(file, _free_file(place, fit(file.name)))
    return folder


def looking(data: Path) -> Iterator[Step | Seen]:
    """Look at a data set as a training does first; yield steps, then what was seen.

    Raises
    ------
    DataError
        If it can't be trained on.
    """
    dataset = with_validation(load(data), 0)
    for event in auditing(dataset):
        if isinstance(event, Audit):
            yield Seen(data, dataset, event)
        else:
            yield event


def fit(name: str) -> str:
    r"""Return a file's name that stays in its folder, whatever a browser called it.

    Examples
    --------
    >>> fit("../../etc/passwd"), fit("C:\\films\\a b.png"), fit(".hidden"), fit("")
    ('passwd', 'a b.png', 'hidden', 'image')
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = _UNFIT.sub("_", last).strip(" .") or "image"
    stem, dot, ending = plain.rpartition(".")
    if len(plain) <= _LONGEST_FILE:
        return plain
    return f"{stem[: _LONGEST_FILE - len(ending[:10]) - 1]}{dot}{ending[:10]}"


def _problems(boxes: Sequence[Box]) -> Iterator[str]:
    if len([box for box in boxes if box.files]) < 2:
        yield "Fill two boxes at least: a classifier tells two or more kinds of image apart."
    seen = set[str]()
    for place, box in enumerate(boxes, 1):
        name = box.name.strip()
        if not name:
            yield f"Box {place} has images and no name; say what they show, for instance chest."
            continue
        if not box.files:
            yield f"The box {name!r} is empty; drop images into it, or take its name away."
        if name.casefold() in seen:
            yield f"Two boxes are called {name!r}; give each its own name."
        seen.add(name.casefold())
        if name.lower() in SPLIT_NAMES:
            yield f"{name!r} would be taken for a part of the data; call the class otherwise."
            continue
        if not re.fullmatch(r"[^\W_][\w .+-]*", name) or name.endswith(".") or len(name) > LONGEST:
            yield (
                f"{name[:LONGEST]!r} can't be the name of a class: take letters, digits, spaces "
                "and - _ + only, a letter or digit first."
            )


def _free(parent: Path, wish: str) -> Path:
    name = re.sub(r"[^\w+-]+", "-", wish, flags=re.ASCII).strip("-_+")[: LONGEST - 4] or "images"
    path, number = parent / checked(name), 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


def _free_file(folder: Path, name: str) -> Path:
    path, number = folder / name, 1
    while path.exists():
        number += 1
        plain = Path(name)
        path = folder / f"{plain.stem}-{number}{plain.suffix}"
    return path
