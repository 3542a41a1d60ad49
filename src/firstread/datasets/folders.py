"""Reads a folder of class folders, a folder of splits, or a table, into a `Dataset`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from firstread.datasets.dataset import BETWEEN, SPLITS, Dataset, labels_of
from firstread.datasets.tags import (
    described,
    key_of,
    keyed,
    read_facts,
    with_patients,
    without_keys,
)
from firstread.datasets.volumes import expanded
from firstread.errors import DataError
from firstread.images import is_directory, is_image, listed_in

MIN_PER_CLASS = 2

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_TABLES = {".csv": ",", ".tsv": "\t"}
_COLUMNS = ("path", "label", "patient", "split")
_MARKED = "label_"
_LAYOUTS = (
    "DATA is a folder of class folders, a folder with train/ and val/ of them, "
    "or a CSV or TSV with the columns path and label"
)


def load(data: str | Path, *, columns: Sequence[str] = (), slices: str | None = None) -> Dataset:
    """Read labelled images from a folder or table.

    Three layouts are known: a folder of class folders; a folder that holds `train/`, and perhaps
    `val/` and `test/`, of them (loose images in `test/` are unlabelled); a CSV or TSV with the
    columns `path` (relative to the table) and `label`, and perhaps `patient` and `split`. In a
    table an image may have several labels: with `;` between them in `label`, or in a column of 0
    and 1 for each, named `label_NAME`.

    A table may be keyed by `SOPInstanceUID`, `StudyInstanceUID`, `AccessionNumber` or `PatientID`
    instead of `path`: its line then goes for all DICOM files of the study or patient in the
    table's folder and below. Patients that no table names are those of the DICOM headers, as
    salted hashes. Volumes become cases of their slices, as `volumes.expanded` says.

    Parameters
    ----------
    data
        The folder or table. Of images only headers are read.
    columns
        DICOM elements that become columns of `cases`, by keyword or number.
    slices
        Which slices or frames of files with several to use.

    Raises
    ------
    DataError
        With every problem found: nothing there, one class, an empty class, a class with fewer
        than two images, a label that another differs from by case or spaces alone, labels in
        `val/` or `test/` that `train/` lacks, files that the table names and the disk lacks.
    """
    data = Path(data)
    if data.is_dir():
        dataset = _from_folder(data)
    elif data.suffix.lower() in _TABLES and data.is_file():
        dataset = _from_table(data)
    else:
        state = "is neither a folder nor a CSV or TSV" if data.exists() else "does not exist"
        raise DataError([f"{data}: {state}"], f"{_LAYOUTS}.")
    known = read_facts(dataset.paths, columns)
    dataset = expanded(described(dataset, known, columns), known, slices)
    problems = list(_problems(dataset))
    if problems:
        raise DataError([f"{data}: {problem}" for problem in problems])
    return dataset


def images_in(folder: Path) -> list[Path]:
    """Return the images below a folder, or those that a DICOMDIR lists.

    Files are known by what they hold, whatever they are called; DICOM objects without an image
    are left out, and so are hidden files. Sorted by name; a DICOMDIR's in its order.
    """
    if is_directory(folder):
        return listed_in(folder)
    return [path for path in _files(folder) if is_image(path)]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _from_folder(root: Path) -> Dataset:
    parts = {_SPLIT_NAMES.get(sub.name.lower()): sub for sub in _subfolders(root)}
    if "train" not in parts:
        return _assemble(root, {"": root})
    return _assemble(root, {split: parts[split] for split in SPLITS if split in parts})


def _assemble(root: Path, parts: dict[str, Path]) -> Dataset:
    """Make a data set of the class folders of each part."""
    rows: list[tuple[str, str, None, str]] = []
    classes: dict[str, Path] = {}
    unlabelled: list[Path] = []
    for split, folder in parts.items():
        for class_folder in _subfolders(folder):
            classes.setdefault(class_folder.name, class_folder)
            rows += [
                (str(path), class_folder.name, None, split) for path in images_in(class_folder)
            ]
        if split == "test":
            unlabelled = [path for path in images_in(folder) if path.parent == folder]
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"], dtype=object)
    known = {*cases["path"], *map(str, unlabelled)}
    return Dataset(
        cases,
        tuple(sorted(classes)),
        tuple(unlabelled),
        tuple(path for path in _files(root) if str(path) not in known),
    )


def _from_table(table: Path) -> Dataset:
    try:
        frame = _read_table(table)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).splitlines()[0]
        raise DataError([f"{table}: can't be read as a table ({reason})"], _LAYOUTS) from None
    frame = with_patients(frame)
    if "path" not in frame and key_of(map(str, frame.columns)):
        frame = keyed(frame, table, images_in(table.parent))
    marked = [name for name in map(str, frame.columns) if name.startswith(_MARKED)]
    missing = [name for name in ("path", "label") if name not in frame]
    missing = [name for name in missing if not (name == "label" and marked)]
    if missing:
        raise DataError(
            [f"{table}: lacks the column {name!r}" for name in missing],
            f"It has: {', '.join(frame.columns)}. The first line of the table names the columns.",
        )
    files = [table.parent / path for path in frame["path"]]
    problems = list(_table_problems(frame, files, marked))
    if problems:
        raise DataError([f"{table}: {problem}" for problem in problems])
    if marked:
        frame = frame.assign(label=_joined(frame[marked])).drop(columns=marked)
    multilabel = bool(marked) or frame["label"].str.contains(BETWEEN, regex=False).any()
    patient = frame["patient"] if "patient" in frame else pd.Series("", index=frame.index)
    split = frame["split"] if "split" in frame else pd.Series("", index=frame.index)
    cases = without_keys(frame).assign(
        path=[str(file) for file in files],
        patient=patient.where(patient != "", None),
        split=split.str.strip().str.lower().map({**_SPLIT_NAMES, "": ""}),
    )
    if not multilabel:
        return Dataset(cases, tuple(sorted(set(cases["label"]))))
    named = {name for label in cases["label"] for name in labels_of(label)}
    columns = {name.removeprefix(_MARKED) for name in marked}
    return Dataset(cases, tuple(sorted(columns or named)), multilabel=True)


def _joined(marks: pd.DataFrame) -> list[str]:
    """Return each row's labels, with `;` between, of columns of 0 and 1."""
    names = [name.removeprefix(_MARKED) for name in map(str, marks.columns)]
    return [
        BETWEEN.join(name for name, mark in zip(names, row, strict=True) if mark.strip() == "1")
        for row in marks.itertuples(index=False)
    ]


def _read_table(table: Path) -> pd.DataFrame:
    separator = _TABLES[table.suffix.lower()]
    with table.open(encoding="utf-8-sig") as file:
        header = file.readline()
    if separator == "," and "," not in header and ";" in header:
        separator = ";"  # What spreadsheets write where the comma is the decimal point.
    frame = pd.read_csv(
        table, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    return frame.rename(columns=_column)


def _column(name: str) -> str:
    """Return a column's name, firstread's own in lower case."""
    name = name.strip()
    if name.lower().startswith(_MARKED):
        return _MARKED + name[len(_MARKED) :]
    return name.lower() if name.lower() in _COLUMNS else name


def _table_problems(frame: pd.DataFrame, files: list[Path], marked: list[str]) -> Iterator[str]:
    """Say what is wrong with the rows; a line number counts the header as line 1."""
    seen: dict[Path, int] = {}
    for name in marked:
        for line, mark in enumerate(frame[name], start=2):
            if mark.strip() not in ("0", "1"):
                yield f"line {line}: {name} is {mark!r}; write 1 where the label fits, else 0"
    labels: list[str] = [""] * len(frame) if marked else list(frame["label"])
    several = bool(marked) or any(BETWEEN in label for label in labels)
    for line, (file, label) in enumerate(zip(files, labels, strict=True), start=2):
        if not file.is_file():
            yield f"line {line}: {file} does not exist; paths are relative to the table's folder"
        if file in seen:
            yield f"line {line}: {file} stands on line {seen[file]} already; keep one"
        if not label.strip() and not several:
            yield f"line {line}: the label is empty; write the class or remove the line"
        seen.setdefault(file, line)
    splits: list[str] = list(frame.get("split", []))
    for line, split in enumerate(splits, start=2):
        if split.strip() and split.strip().lower() not in _SPLIT_NAMES:
            yield f"line {line}: the split is {split!r}; write one of {', '.join(SPLITS)}"
    filled = {bool(split.strip()) for split in splits}
    if filled == {True, False}:
        yield "some lines have a split and some have none; fill in all of them or none"


def _problems(dataset: Dataset) -> Iterator[str]:
    """Say what keeps a data set from being trained on."""
    cases, classes = dataset.cases, dataset.classes
    if not classes:
        yield f"holds no class folders; {_LAYOUTS}"
        return
    yield from _lookalikes(classes)
    if len(classes) == 1 and not dataset.multilabel:
        yield f"has one class, {classes[0]!r}; a classifier needs two or more"
    trained = cases[cases["split"].isin(["train", ""])]
    if trained.empty:
        yield "has no training images"
        return
    counts = Counter(_labels(dataset, trained))
    others = cases[~cases["split"].isin(["train", ""])]
    strangers = {label for label in _labels(dataset, others) if label not in counts}
    for label in sorted(strangers):
        with_it = [label in _labels(dataset, others.iloc[[row]]) for row in range(len(others))]
        case = others[with_it].iloc[0]
        yield (
            f"{case['path']}: its class {label!r} is in {case['split']}/ and not in train/ "
            f"(which has {', '.join(sorted(counts))}); rename the folder or add training images"
        )
    for label in (name for name in classes if name not in strangers):
        if counts[label] == 0:
            yield f"class {label!r} is empty; add images or remove it"
        elif counts[label] < MIN_PER_CLASS:
            yield (
                f"class {label!r} has {counts[label]} image to train on; "
                f"{MIN_PER_CLASS} is the least"
            )
        elif dataset.multilabel and counts[label] == len(trained):
            yield f"every training image has the label {label!r}; it can't be told from anything"
    validated = set(_labels(dataset, cases[cases["split"] == "val"]))
    for label in sorted(set(counts) - validated) if validated else []:
        yield (
            f"class {label!r} has no image in val/; add some, "
            "or remove val/ and firstread will split the training images"
        )


def _labels(dataset: Dataset, cases: pd.DataFrame) -> list[str]:
    """Return every label of some cases, as often as it stands there."""
    if not dataset.multilabel:
        return list(cases["label"])
    return [name for label in cases["label"] for name in labels_of(label)]


def _lookalikes(classes: Iterable[str]) -> Iterator[str]:
    """Find class names that differ by case or spaces alone."""
    groups = defaultdict(list)
    for name in classes:
        groups["".join(name.split()).casefold()].append(name)
    for names in groups.values():
        if len(names) > 1:
            listed = " and ".join(map(repr, names))
            yield f"the classes {listed} differ by case or spaces alone; make them one name"
