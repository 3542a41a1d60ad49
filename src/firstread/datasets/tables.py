"""Reads a table of labelled images: paths, labels, and perhaps patients, parts and more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from firstread.datasets.dataset import BETWEEN, SPLITS, Dataset, labels_of
from firstread.datasets.files import images_in
from firstread.datasets.tags import key_of, keyed, with_patients, without_keys
from firstread.errors import DataError, first_line

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""By the table's suffix."""

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What the parts may be called, in a column or as folders."""

LAYOUTS = (
    "DATA is a folder of class folders, a folder with train/ and val/ of them, "
    "or a CSV or TSV with the columns path and label"
)
_COLUMNS = ("path", "label", "patient", "split")
_MARKED = "label_"


def from_table(table: Path) -> tuple[Dataset, list[str]]:
    """Return the usable rows of a table, and what is wrong with the others.

    Parameters
    ----------
    table
        A CSV or TSV.

    Raises
    ------
    DataError
        If it is no table, or lacks a column.
    """
    try:
        frame = _read(table)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        problem = f"{table}: can't be read as a table ({first_line(error)})"
        raise DataError([problem], LAYOUTS) from None
    frame = with_patients(frame)
    if "path" not in frame and key_of(map(str, frame.columns)):
        frame = keyed(frame, table, images_in(table.parent))
    marked = [name for name in map(str, frame.columns) if name.startswith(_MARKED)]
    missing = [
        name for name in ("path", "label") if name not in frame and not (name == "label" and marked)
    ]
    if missing:
        raise DataError(
            [f"{table}: lacks the column {name!r}" for name in missing],
            f"It has: {', '.join(frame.columns)}. The first line of the table names the columns.",
        )
    files = [table.parent / path for path in frame["path"]]
    wrong = list(_problems(frame, files, marked))
    problems = [f"line {line}: {problem}" for line, problem in wrong]
    if marked:
        frame = frame.assign(label=_joined(frame[marked])).drop(columns=marked)
    split = _column(frame, "split").str.strip().str.lower().map({**SPLIT_NAMES, "": ""})
    if set(split == "") == {True, False}:
        problems.append("some lines have a split and some have none; fill in all of them or none")
    patient = _column(frame, "patient")
    several = bool(marked) or any(BETWEEN in label for label in frame["label"])
    cases = (
        without_keys(frame)
        .assign(
            path=[str(file) for file in files],
            patient=patient.where(patient != "", None),
            split=split,
        )
        .drop(index=sorted({line - 2 for line, _ in wrong}))
    )
    cases = cases.reset_index(drop=True)
    if not several:
        return Dataset(cases, tuple(sorted(set(cases["label"])))), problems
    named = {name for label in cases["label"] for name in labels_of(label)}
    columns = {name.removeprefix(_MARKED) for name in marked}
    return Dataset(cases, tuple(sorted(columns or named)), multilabel=True), problems


def _read(table: Path) -> pd.DataFrame:
    separator = SEPARATORS[table.suffix.lower()]
    with table.open(encoding="utf-8-sig") as file:
        header = file.readline()
    if separator == "," and "," not in header and ";" in header:
        separator = ";"  # What spreadsheets write where the comma is the decimal point.
    frame = pd.read_csv(
        table, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    return frame.rename(columns=_named)


def _named(column: str) -> str:
    """Return a column's name, firstread's own in lower case."""
    name = column.strip()
    if name.lower().startswith(_MARKED):
        return _MARKED + name[len(_MARKED) :]
    return name.lower() if name.lower() in _COLUMNS else name


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series("", index=frame.index, dtype=object)


def _joined(marks: pd.DataFrame) -> list[str]:
    """Return each row's labels, with `;` between, of columns of 0 and 1."""
    names = [name.removeprefix(_MARKED) for name in map(str, marks.columns)]
    return [
        BETWEEN.join(name for name, mark in zip(names, row, strict=True) if mark.strip() == "1")
        for row in marks.itertuples(index=False)
    ]


def _problems(
    frame: pd.DataFrame, files: list[Path], marked: list[str]
) -> Iterator[tuple[int, str]]:
    """Say what is wrong with which line; the header is line 1."""
    for name in marked:
        for line, mark in enumerate(frame[name], start=2):
            if mark.strip() not in ("0", "1"):
                yield line, f"{name} is {mark!r}; write 1 where the label fits, else 0"
    seen: dict[Path, int] = {}
    labels = _column(frame, "label").str.strip()
    several = bool(marked) or any(BETWEEN in label for label in labels)
    splits = _column(frame, "split").str.strip()
    for line, (file, label, split) in enumerate(zip(files, labels, splits, strict=True), start=2):
        if not file.is_file():
            yield line, f"{file} does not exist; paths are relative to the table's folder"
        if file in seen:
            yield line, f"{file} stands on line {seen[file]} already; keep one"
        if not label and not several:
            yield line, "the label is empty; write the class or remove the line"
        if split and split.lower() not in SPLIT_NAMES:
            yield line, f"the split is {split!r}; write one of {', '.join(SPLITS)}"
        seen.setdefault(file, line)
