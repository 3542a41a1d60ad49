"""Results as files in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from firstread.errors import DataError, ImageError, UsageError
from firstread.images import Display
from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.secondary_capture import secondary_capture
from firstread.outlets.source import Source
from firstread.outlets.structured_report import Reports
from firstread.progress import Step


@dataclass(frozen=True)
class Folders:
    """Where results go.

    Parameters
    ----------
    reports
        For structured reports, one an image file; none where not given.
    captures
        For secondary captures, one an image or frame; none where not given.
    """

    reports: Path | None = None
    captures: Path | None = None

    def check(self) -> None:
        """Refuse folders that can't be made, before any work.

        Raises
        ------
        UsageError
            If a folder's name belongs to a file, or its parent is missing.
        """
        for option, folder in (("--dicom-sr", self.reports), ("--dicom-sc", self.captures)):
            if folder is None:
                continue
            if folder.exists() and not folder.is_dir():
                raise UsageError(f"{option} {folder}: is a file; name a folder")
            if not folder.absolute().parent.is_dir():
                raise UsageError(f"{option} {folder}: there is no folder {folder.parent}")


def sources(files: Sequence[Path], *, skip: bool = False) -> dict[Path, Source]:
    """Read the headers that results repeat.

    Parameters
    ----------
    files
        DICOM files.
    skip
        Leave out those that can't be read, instead of raising.

    Raises
    ------
    DataError
        Naming every file that no result can be made for.
    """
    found, errors = {}, []
    for file in dict.fromkeys(files):
        try:
            found[file] = Source.of(file)
        except ImageError as error:
            errors.append(str(error))
    if errors and not (skip and found):
        raise DataError(errors)
    return found


def write(
    answers: Sequence[Answer],
    known: Mapping[Path, Source],
    model: Model,
    folders: Folders,
    display: Display | None = None,
    overlay: Callable[[Answer], npt.NDArray[np.floating]] | None = None,
) -> Iterator[Step]:
    """Write results; yields a step a file. Each is whole, or not there.

    Parameters
    ----------
    answers
        What the model says; those on one file stand next to each other.
    known
        The headers of their files, as `sources` gives them.
    model
        Who answers.
    folders
        Where the results go; made where they are missing.
    display
        The window that the model sees images through.
    overlay
        Gives what to lay over the picture of an answer, from 0 to 1, shape (H, W).
    """
    groups = [(file, list(found)) for file, found in groupby(answers, lambda answer: answer.file)]
    groups = [(file, found) for file, found in groups if file in known]
    for folder in (folders.reports, folders.captures):
        if folder is not None:
            folder.mkdir(exist_ok=True)
    reports = Reports(model)
    for done, (file, found) in enumerate(groups, start=1):
        if folders.reports is not None:
            report = reports.report(known[file], found)
            save(report, _named(folders.reports, file, "sr", report))
        if folders.captures is not None:
            for answer in found:
                kind = "sc" if answer.frame is None else f"sc-{answer.frame}"
                over = overlay(answer) if overlay is not None else None
                capture = secondary_capture(known[file], answer, model, display, over)
                save(capture, _named(folders.captures, file, kind, capture))
        yield Step("writing DICOM results", done, len(groups))


def save(dataset: Dataset, path: Path) -> None:
    """Write a DICOM file that is whole and on the disk when this returns, or not there at all."""
    with _whole(path) as file:
        dataset.save_as(file, enforce_file_format=True)


def encoded(dataset: Dataset) -> bytes:
    """Return the bytes of a DICOM file."""
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def keep(data: bytes, path: Path) -> None:
    """Write a file that is whole and on the disk when this returns, or not there at all."""
    with _whole(path) as file:
        file.write(data)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _named(folder: Path, file: Path, kind: str, result: Dataset) -> Path:
    """Name a result after its image, and apart from those of images of the same name."""
    number = str(result.SOPInstanceUID)[-8:]
    return folder / f"{file.name.removesuffix('.dcm')}-{number}.{kind}.dcm"
