"""What DICOM headers add to a data set: patients, joined tables, columns.

Patient groups are kept as salted hashes. The salt is 32 random bytes, drawn each time a data set is
loaded, held in memory only, and never written: from a hash nobody can tell a patient, not even by
trying all the IDs there are. A number before the hash, in the order of the files, keeps splits the
same from run to run under one seed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from firstread.datasets.dataset import Dataset
from firstread.errors import DataError, UsageError
from firstread.images import Facts, facts, keyword

TABLE_KEYS = ("SOPInstanceUID", "StudyInstanceUID", "AccessionNumber", "PatientID")
"""What a table may be keyed by instead of the path; the first that it has counts."""


@dataclass
class Pseudonyms:
    """Gives each secret one name that tells nothing of it.

    Parameters
    ----------
    prefix
        What the names begin with.
    """

    prefix: str
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _given: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, secret: str) -> str:
        """Return the name, as `patient-00001-5f2c9a01`."""
        digest = hmac.new(self._salt, secret.encode(), hashlib.sha256).hexdigest()
        number = len(self._given) + 1
        return self._given.setdefault(digest, f"{self.prefix}-{number:05d}-{digest[:8]}")


def read_facts(paths: Iterable[Path], columns: Sequence[str] = ()) -> dict[Path, Facts]:
    """Read the headers of those files that have one.

    Parameters
    ----------
    paths
        Image files of any kind.
    columns
        DICOM elements to read as well, by keyword or number.

    Raises
    ------
    UsageError
        If a column is no DICOM element, or one that may name a patient.
    """
    names = [keyword(column) for column in columns]
    found = {path: facts(path, names) for path in paths}
    return {path: known for path, known in found.items() if known is not None}


def described(dataset: Dataset, known: Mapping[Path, Facts], columns: Sequence[str]) -> Dataset:
    """Return the data set with patients and columns from its DICOM headers.

    A patient that a table names stays. Otherwise the patient is the header's PatientID, or its
    study where all files carry the same PatientID or a file carries none, as de-identified ones
    may.

    Parameters
    ----------
    dataset
        Read from a folder or table.
    known
        The headers of its files.
    columns
        DICOM elements that become columns of `cases`, named by keyword; empty where a file has
        no header.

    Raises
    ------
    UsageError
        If the table has a column of that name already.
    """
    names = [keyword(column) for column in columns]
    taken = [name for name in names if name in dataset.cases]
    if taken:
        raise UsageError(f"--column {taken[0]}: the table has a column of that name already")
    cases = dataset.cases.copy()
    rows = [known.get(path) for path in dataset.paths]
    for name in names:
        cases[name] = ["" if row is None else row.tags.get(name, "") for row in rows]
    groups = _patients(rows)
    cases["patient"] = cases["patient"].where(
        cases["patient"].notna(), pd.Series(groups, index=cases.index, dtype=object)
    )
    return replace(dataset, cases=cases)


def _patients(rows: Sequence[Facts | None]) -> list[str | None]:
    keys: list[Mapping[str, str]] = [{} if row is None else row.keys for row in rows]
    people = [
        f"{key.get('IssuerOfPatientID', '')}\n{key['PatientID']}" if "PatientID" in key else ""
        for key in keys
    ]
    if len({person for person in people if person}) < 2:
        people = [""] * len(people)
    studies = [key.get("StudyInstanceUID", "") for key in keys]
    if not any(people) and len({study for study in studies if study}) < 2:
        return [None] * len(rows)
    pseudonym = Pseudonyms("patient")
    secrets_ = [person or study for person, study in zip(people, studies, strict=True)]
    return [pseudonym(secret) if secret else None for secret in secrets_]


def key_of(columns: Iterable[str]) -> str | None:
    """Return which column of a table keys it, where it has no `path`: the column's own name.

    Examples
    --------
    >>> key_of(["Study Instance UID", "label"])
    'Study Instance UID'
    """
    plain = {_plain(column): column for column in columns}
    return next((plain[_plain(key)] for key in TABLE_KEYS if _plain(key) in plain), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def with_patients(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose `patient` is made of its PatientID, where it has that column alone."""
    names = [name for name in map(str, frame.columns) if _plain(name) == _plain("PatientID")]
    if "patient" in frame or not names:
        return frame
    pseudonym = Pseudonyms("patient")
    values = [str(value).strip() for value in frame[names[0]]]
    return frame.assign(patient=[pseudonym(value) if value else "" for value in values])


def without_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table less the columns that name patients."""
    secret = {_plain(key) for key in TABLE_KEYS}
    return frame.drop(columns=[name for name in frame if _plain(str(name)) in secret])


def keyed(frame: pd.DataFrame, table: Path, files: Sequence[Path]) -> pd.DataFrame:
    """Join a table with DICOM files by a key; every file of a study or patient gets its line.

    Parameters
    ----------
    frame
        A table without the column `path`, keyed as `key_of` says.
    table
        Its file, for messages.
    files
        The images in its folder.

    Returns
    -------
    frame
        One row a file, with `path` relative to the table's folder, and no key in it.

    Raises
    ------
    DataError
        Naming each line that no file belongs to, and each whose key stands on another as well.
        Lines are named by number: keys may name patients.
    """
    column = key_of(map(str, frame.columns))
    assert column is not None
    key = next(key for key in TABLE_KEYS if _plain(key) == _plain(column))
    found = defaultdict(list)
    for path, known in read_facts(files).items():
        found[known.keys.get(key, "")].append(path.relative_to(table.parent))
    values = [str(value).strip() for value in frame[column]]
    problems = [f"{table}: {problem}" for problem in _key_problems(values, key, found)]
    if problems:
        raise DataError(problems, f"{len(files)} images lie in {table.parent} and below.")
    rows = [(line, path) for line, value in enumerate(values) for path in found[value]]
    joined = frame.iloc[[line for line, _ in rows]].reset_index(drop=True)
    return without_keys(joined).assign(path=[str(path) for _, path in rows])


def _key_problems(
    values: Sequence[str], key: str, found: Mapping[str, Sequence[Path]]
) -> Iterator[str]:
    seen: dict[str, int] = {}
    for line, value in enumerate(values, start=2):
        if not value:
            yield f"line {line}: the {key} is empty; fill it in or remove the line"
        elif value in seen:
            yield f"line {line}: the same {key} stands on line {seen[value]}; keep one"
        elif not found.get(value):
            yield f"line {line}: no DICOM file has this {key}"
        seen.setdefault(value, line)
