"""Labels any number of images on a cluster: the same answers as the plain command's, to the bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from firstread.classifier import Classifier, batched
from firstread.cluster import sources
from firstread.cluster.checks import check_seen, check_shared
from firstread.cluster.labelling import (
    ERROR,
    SHARDS,
    TEXTS,
    Filing,
    Labeller,
    Labelling,
    shard,
    unanswered,
)
from firstread.cluster.manifest import MULTIPLE, ROWS, Row, Stored
from firstread.cluster.nodes import Cluster
from firstread.cluster.pipeline import Tally, streamed
from firstread.cluster.storage import Storage, is_url
from firstread.errors import UsageError
from firstread.evaluating import Label, Labelled
from firstread.progress import Step
from firstread.run import MODEL
from firstread.seals import file_hash

RECORD = "job.json"
SHOWN = 10
"""Images without an answer that are named; the files of answers say so of each."""

PHASE = "labelling images"


@dataclass(frozen=True)
class Predicted:
    """All images have been labelled.

    Parameters
    ----------
    images, errors
        How many, and how many of them couldn't be read.
    before
        How many of them an earlier run had done.
    reasons
        What is wrong with them, or where answers were written with the first of them.
    frame
        The answers; None where they were written.
    tally
        What the workers did.
    """

    images: int
    errors: int
    before: int
    reasons: tuple[str, ...]
    frame: pd.DataFrame | None
    tally: Tally

    def answers(self) -> pd.DataFrame:
        """Return the frame of `Classifier.predict`, where answers were not written."""
        assert self.frame is not None
        good = self.frame[self.frame[ERROR] == ""].drop(columns=ERROR).reset_index(drop=True)
        for name in TEXTS & {*good}:
            good[name] = good[name].tolist()  # Without missing ones it is a column of texts.
        good.attrs["skipped"] = list(self.reasons)
        return good


def predicting(
    cluster: Cluster,
    run: str | Path,
    names: Sequence[str],
    *,
    out: str | None = None,
    slices: str | None = None,
    workers: int | None = None,
    size: int | None = None,
    coverage: float | None = None,
) -> Iterator[Step | Predicted]:
    """Label images on a cluster; yield steps, and a `Predicted` at the end.

    Parameters
    ----------
    cluster
        Connected to.
    run
        A finished run, in a folder that all machines see.
    names
        Images and folders of them; tables (CSV, TSV or Parquet) with a column `path` or `url`;
        tar shards, `{000..099}` for many; URLs of any of these, and of folders.
    out
        A folder or URL that all machines can write to, for the answers as Parquet, a file a part.
        Where an earlier run was stopped only what is missing there is done.
    slices
        As of `Classifier.used`, for images and folders.
    workers
        How many; one for each core of the cluster if not given.
    size
        Images a part.
    coverage
        As of `refusing.predict`, whose columns the answers get.

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    run = Path(run).absolute()
    labeller = Labeller(run, coverage)
    check_seen(cluster, labeller.files)
    workers = workers or cluster.cpus
    if out is None:
        yield from _handed(cluster, labeller, list(_rows(run, names, slices)), Tally(workers))
        return
    storage = Storage(out if is_url(out) else str(Path(out).absolute()))
    if not is_url(out):
        Path(out).mkdir(parents=True, exist_ok=True)
        check_shared(cluster, [out])
    manifest = _settled(storage, labeller, names, slices, _size(size))
    _check_file(cluster, manifest.rows(0)[0])
    yield from _filed(cluster, Filing(labeller, manifest), workers)


def label_on(cluster: Cluster, run: str | Path, tally: Tally) -> Label:
    """Return what labels images on a cluster, as of `evaluating`.

    Parameters
    ----------
    cluster
        Connected to.
    run
        A finished run, in a folder that all machines see.
    tally
        Says how many workers, and counts what they do.
    """
    labeller = Labeller(Path(run).absolute())

    def label(classifier: Classifier, paths: Sequence[Path]) -> Labelled:
        check_seen(cluster, labeller.files)
        rows = [Row(str(path), str(path.absolute())) for path in paths]
        for event in _handed(cluster, labeller, rows, tally):
            if isinstance(event, Predicted):
                break
            yield event
        assert isinstance(event, Predicted)
        frame = event.answers()
        return frame, list(frame.attrs.pop("skipped"))

    return label


def _handed(
    cluster: Cluster, labeller: Labeller, rows: list[Row], tally: Tally
) -> Iterator[Step | Predicted]:
    """Label images and bring the answers here."""
    _check_file(cluster, rows[0])
    # Enough parts to keep all workers busy to the end.
    size = min(ROWS, -(-len(rows) // (4 * tally.workers * MULTIPLE)) * MULTIPLE)
    parts = list(enumerate(batched(rows, size)))
    frames, reasons = list[pd.DataFrame](), list[str]()
    for done in streamed(cluster, Labelling(labeller), parts, tally.workers, ordered=True):
        assert done.made.frame is not None
        frames.append(done.made.frame)
        reasons += done.made.reasons
        tally.add(done, done.made.images)
        yield Step(PHASE, tally.images, len(rows))
    frame = pd.concat(frames, ignore_index=True)
    yield Predicted(len(rows), len(reasons), 0, tuple(reasons), frame, tally)


def _filed(cluster: Cluster, job: Filing, workers: int) -> Iterator[Step | Predicted]:
    """Label what is missing of a manifest, and write the answers beside it; count all of them."""
    manifest, storage = job.manifest, job.manifest.storage
    there = storage.names(SHARDS)
    missing = [part for part in range(manifest.parts) if Path(shard(part)).name not in there]
    before = manifest.images - sum(manifest.length(part) for part in missing)
    errors, reasons = unanswered(storage, {*range(manifest.parts)} - {*missing}, SHOWN)
    tally = Tally(workers)
    for done in streamed(cluster, job, missing, workers):
        errors += done.made.errors
        reasons += done.made.reasons[: SHOWN - len(reasons)]
        tally.add(done, done.made.images)
        yield Step(PHASE, before + tally.images, manifest.images)
    storage.tidy(SHARDS)
    yield Predicted(manifest.images, errors, before, tuple(reasons), None, tally)


def _settled(
    storage: Storage, labeller: Labeller, names: Sequence[str], slices: str | None, size: int
) -> Stored:
    """Write the manifest where there is none yet; else see that it is of the same work."""
    given = [name for named in names for name in sources.braces(named)]
    tables = [name for name in given if sources.is_source(name)]
    asked = {
        "images": [name if is_url(name) else str(Path(name).absolute()) for name in given],
        "listed": sources.fingerprint(tables),
        "slices": slices or "",
        "model": file_hash(labeller.run / MODEL),
        "coverage": labeller.coverage,
    }
    if RECORD in storage.names():
        record = json.loads(storage.read(RECORD))
        other = [key for key, value in asked.items() if record["asked"][key] != value]
        if other:
            word = "tables" if other[0] == "listed" else other[0]
            raise UsageError(
                f"{storage.place}: was begun with other {word}; name another folder, or "
                "start the same command as then to go on"
            )
        return Stored(storage, record["images"], record["size"])
    manifest = Stored.write(_rows(labeller.run, names, slices), storage, size)
    record = {"asked": asked, "images": manifest.images, "size": size}
    storage.write(RECORD, (json.dumps(record, indent=2) + "\n").encode())
    return manifest


def _rows(run: Path, names: Sequence[str], slices: str | None) -> Iterator[Row]:
    """Yield all images named, in order; those of folders as the plain command finds them."""
    plain: list[str] = []
    for name in (name for named in names for name in sources.braces(named)):
        if sources.is_source(name):
            yield from _found(run, plain, slices)
            plain = []
            yield from sources.rows(name)
        else:
            plain.append(name)
    yield from _found(run, plain, slices)


def _found(run: Path, names: Sequence[str], slices: str | None) -> Iterator[Row]:
    if names:
        used = Classifier.load(run).used(list(names), slices)
        yield from (Row(path, str(Path(path).absolute())) for path in used["path"])


def _check_file(cluster: Cluster, row: Row) -> None:
    """See that all nodes see a file, where it is on one of this machine's disks."""
    name = row.file or row.path
    if not is_url(name) and Path(name).is_file():
        check_seen(cluster, [name])


def _size(wanted: int | None) -> int:
    if wanted is not None and (wanted < MULTIPLE or wanted % MULTIPLE):
        raise UsageError(f"--shard {wanted}: write a multiple of {MULTIPLE}, as {ROWS}")
    return wanted or ROWS
