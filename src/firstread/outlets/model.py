"""The model that answers, as its results name it: each can be traced to its weights."""

from __future__ import annotations

import csv
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from firstread.classifier import Classifier
from firstread.errors import DataError
from firstread.run import WEIGHTS, Run
from firstread.seals import file_hash

SCHEME = "99FIRSTREAD"
"""Coding scheme of labels without a code; private ones begin with 99 (PS3.16 section 8)."""

_COLUMNS = ("label", "value", "scheme", "meaning")
_SHORT, _LONG = 16, 64
"""Letters of a code value (SH) and of a code meaning (LO), PS3.5 6.2."""


@dataclass(frozen=True)
class Code:
    """A coded concept (PS3.3 section 8).

    Parameters
    ----------
    value
        The code, of up to 16 letters.
    scheme
        Whose code it is: SCT, RADLEX, DCM, ...
    meaning
        For people, up to 64 letters.
    """

    value: str
    scheme: str
    meaning: str

    @classmethod
    def of_label(cls, label: str, prefix: str = "", meaning: str | None = None) -> Code:
        """Make a code of firstread's own for a label.

        Examples
        --------
        >>> Code.of_label("chest")
        Code(value='chest', scheme='99FIRSTREAD', meaning='chest')
        """
        plain = label.isascii() and label.isprintable() and "\\" not in label
        value = label
        if prefix or not plain or len(label) > _SHORT or label != label.strip():
            value = f"{prefix or 'L'}{hashlib.sha256(label.encode()).hexdigest()[:12]}".upper()
        return cls(value, SCHEME, (meaning or label).replace("\\", "/")[:_LONG])


@dataclass(frozen=True)
class Model:
    """Who answers.

    Parameters
    ----------
    run
        Name of the run folder.
    network
        Name of the backbone.
    version
        Of firstread.
    weights
        SHA-256 of the file of weights, 64 hexadecimal digits, as `sha256sum` gives it.
    classes
        Labels, in the order of the probabilities.
    multilabel
        Whether an image may have several labels, or none.
    codes
        The code of each class.
    """

    run: str
    network: str
    version: str
    weights: str
    classes: tuple[str, ...]
    multilabel: bool
    codes: Mapping[str, Code] = field(default_factory=dict)

    @classmethod
    def of(cls, run: str | Path, classifier: Classifier, codes: Path | None = None) -> Model:
        """Describe the classifier of a finished run.

        Parameters
        ----------
        run
            Its folder.
        classifier
            As loaded from it.
        codes
            A table that `read_codes` reads; labels that it lacks get codes of firstread's own.

        Raises
        ------
        DataError
            If the table can't be used.
        """
        folder = Run.open(run).folder
        given = {} if codes is None else read_codes(codes, classifier.classes)
        own = {label: Code.of_label(label) for label in classifier.classes}
        return cls(
            folder.resolve().name,
            classifier.network.backbone.entry.name,
            metadata.version("firstread"),
            file_hash(folder / WEIGHTS),
            classifier.classes,
            classifier.multilabel,
            {**own, **given},
        )

    def uid(self, kind: str, source: str) -> str:
        """Return the UID of what this model says of a source: always the same one.

        A random-looking number under 2.25 (PS3.5 B.2), from a name-based UUID (RFC 4122) of the
        model's whole record and the source.

        Parameters
        ----------
        kind
            What is made of the source.
        source
            UID of an image, a series or nothing.
        """
        record = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join((record, kind, source))).int}"


def read_codes(table: Path, classes: tuple[str, ...]) -> dict[str, Code]:
    """Read the codes of labels from a CSV with the columns label, value, scheme and meaning.

    Raises
    ------
    DataError
        Naming each line that can't be used.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                columns = ", ".join(_COLUMNS)
                raise DataError(
                    [f"{table}: has no column {', '.join(missing)}; it needs {columns}"]
                )
            rows = [{name: (row[name] or "").strip() for name in _COLUMNS} for row in reader]
    except FileNotFoundError:
        raise DataError([f"{table}: does not exist; check the path"]) from None
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError([f"{table}: is no CSV in UTF-8; save it as one"]) from None
    problems = [
        f"{table}: line {line}: {problem}"
        for line, row in enumerate(rows, start=2)
        for problem in _problems(row, classes)
    ]
    if problems:
        raise DataError(problems)
    return {row["label"]: Code(row["value"], row["scheme"], row["meaning"]) for row in rows}


def _problems(row: Mapping[str, str], classes: tuple[str, ...]) -> Iterator[str]:
    if row["label"] not in classes:
        known = ", ".join(classes)
        yield f"{row['label']!r} is no label of this model, which has {known}"
    limits = {"value": _SHORT, "scheme": _SHORT, "meaning": _LONG}
    for name, limit in limits.items():
        if not 0 < len(row[name]) <= limit or "\\" in row[name]:
            yield f"the {name} must have 1 to {limit} letters, and no backslash"
