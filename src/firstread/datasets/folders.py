"""Reads a folder of class folders, a folder of splits, or a table, into a `Dataset`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from firstread.datasets.dataset import SPLITS, Dataset, labels_of
from firstread.datasets.files import files_in, images_in
from firstread.datasets.tables import LAYOUTS, SEPARATORS, SPLIT_NAMES, from_table
from firstread.datasets.tags import described, read_facts
from firstread.datasets.volumes import expanded
from firstread.errors import DataError

MIN_PER_CLASS = 2


def load(
    data: str | Path,
    *,
    columns: Sequence[str] = (),
    slices: str | None = None,
    trained: bool = True,
) -> Dataset:
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
    trained
        Whether the images are to be trained on; to be judged alone, one class does.

    Raises
    ------
    DataError
        With every problem found: nothing there, one class, an empty class, a class with fewer
        than two images, a label that another differs from by case or spaces alone, labels in
        `val/` or `test/` that `train/` lacks, files that the table names and the disk lacks.
    """
    dataset, problems = examine(data, columns=columns, slices=slices, trained=trained)
    if problems:
        raise DataError(problems)
    return dataset


def examine(
    data: str | Path,
    *,
    columns: Sequence[str] = (),
    slices: str | None = None,
    trained: bool = True,
) -> tuple[Dataset, tuple[str, ...]]:
    """Read labelled images as `load` does; return what can be listed, and every problem.

    Parameters
    ----------
    data, columns, slices, trained
        As of `load`.

    Returns
    -------
    dataset
        The cases that are there; rows of a table that can't be used are left out.
    problems
        What keeps the data set from being trained on, one sentence each.

    Raises
    ------
    DataError
        If nothing can be listed: no such folder, or no table with the columns needed.
    """
    data = Path(data)
    if data.is_dir():
        dataset, problems = _from_folder(data, trained), list[str]()
    elif data.suffix.lower() in SEPARATORS and data.is_file():
        dataset, problems = from_table(data)
    else:
        state = "is neither a folder nor a CSV or TSV" if data.exists() else "does not exist"
        raise DataError([f"{data}: {state}"], f"{LAYOUTS}.")
    known = read_facts(dataset.paths, columns)
    dataset = expanded(described(dataset, known, columns), known, slices)
    # What is wrong with rows explains what is wrong with the whole, and stands alone.
    problems = problems or list(_problems(dataset, trained))
    return dataset, tuple(f"{data}: {problem}" for problem in problems)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _from_folder(root: Path, trained: bool) -> Dataset:
    parts = {SPLIT_NAMES.get(sub.name.lower()): sub for sub in _subfolders(root)}
    # Without a training part, folders of these names may be classes.
    if "train" not in parts and (trained or set(parts) - {*SPLITS}):
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
        tuple(path for path in files_in(root) if str(path) not in known),
    )


def _problems(dataset: Dataset, to_train: bool) -> Iterator[str]:
    """Say what keeps a data set from being trained on."""
    cases, classes = dataset.cases, dataset.classes
    if not classes:
        yield f"holds no class folders; {LAYOUTS}"
        return
    yield from _lookalikes(classes)
    if not to_train:
        if cases.empty:
            yield "has no images"
        return
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
