"""What of a run is passed on: the model and its figures, and nothing of any patient or machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firstread.classifier import Classifier
from firstread.errors import RunError
from firstread.outlets.sharing.manifest import MANIFEST, Manifest
from firstread.report.model_card import markdown
from firstread.report.privacy import last
from firstread.report.records import Records
from firstread.run import (
    CALIBRATION,
    CASES,
    DATA,
    LADDER,
    METRICS,
    MODEL,
    PLAN,
    VERSIONS,
    WEIGHTS,
    Run,
)

CARD = "README.md"

Record = Mapping[str, Any]


def _plan(record: Record) -> Record:
    return {**record, "data": "", "weights": last(str(record["weights"]))}


def _data(record: Record) -> Record:
    return {**record, "data": ""}


def _versions(record: Record) -> Record:
    return {name: version for name, version in record.items() if name != "platform"}


def _ladder(record: Record) -> Record:
    # Why a rung couldn't be tried may name a file.
    return {**record, "missing": []}


def _whole(record: Record) -> Record:
    return record


RECORDS: Mapping[str, Callable[[Record], Record]] = {
    PLAN: _plan,
    DATA: _data,
    METRICS: _whole,
    VERSIONS: _versions,
    CALIBRATION: _whole,
    LADDER: _ladder,
}
"""The records that go along, each with what is taken out of it.

Not those with a line or a picture an image (cases, predictions, the report, what refusal compares
with), nor the audit's, whose sentences name files and patients: the card holds its titles.
"""

_NETWORK = (WEIGHTS, MODEL)
NEEDED = (*_NETWORK, PLAN, DATA)
NAMES = (*_NETWORK, CARD, *RECORDS)
"""All that is ever passed on or taken in."""


def pack(run: Run, folder: Path, license: str = "", source: str = "") -> Manifest:
    """Write what is passed on of a run into a folder, with its manifest.

    A model that was pulled is passed on as it came.

    Parameters
    ----------
    run
        Finished.
    folder
        Empty.
    license
        As of `report.model_card.markdown`.
    source
        Where people will find it.

    Raises
    ------
    RunError
        If its model is damaged or was changed.
    """
    Classifier.load(run.folder)
    if (run.folder / MANIFEST).exists():
        return _passed_on(run, folder)
    for name in _NETWORK:
        # Not its permissions: what is passed on is for others to read.
        shutil.copyfile(run.folder / name, folder / name)
    for name, taken in RECORDS.items():
        if (run.folder / name).exists():
            record = json.loads((run.folder / name).read_text(encoding="utf-8"))
            text = json.dumps(taken(record), indent=2, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
    hashes = {name: item.sha256 for name, item in Manifest.of(folder, _NETWORK).files.items()}
    card = markdown(Records.of(run), hashes, license=license, source=source)
    (folder / CARD).write_text(card, encoding="utf-8")
    manifest = Manifest.of(folder, [name for name in NAMES if (folder / name).exists()])
    (folder / MANIFEST).write_text(manifest.text(), encoding="utf-8")
    return manifest


def card_of(run: Run, license: str = "") -> str:
    """Return the card of a run; of a model that was pulled, the one that came with it.

    Raises
    ------
    RunError
        If its records are missing or damaged.
    """
    if (run.folder / MANIFEST).exists() and not (run.folder / CASES).exists():
        return (run.folder / CARD).read_text(encoding="utf-8")
    Classifier.load(run.folder)
    hashes = {name: item.sha256 for name, item in Manifest.of(run.folder, _NETWORK).files.items()}
    return markdown(Records.of(run), hashes, license=license)


def _passed_on(run: Run, folder: Path) -> Manifest:
    text = (run.folder / MANIFEST).read_bytes()
    manifest = Manifest.parse(text, str(run.folder))
    for name in (name for name in NAMES if name in manifest.files):
        if not (run.folder / name).exists():
            raise RunError(f"{run.folder}: {name} is missing; pull the model again")
        manifest.check(run.folder, name, str(run.folder))
        shutil.copyfile(run.folder / name, folder / name)
    (folder / MANIFEST).write_bytes(text)
    return manifest
