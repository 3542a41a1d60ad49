"""Labels any number of images on a cluster: the same answers as the plain command's, to the bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import torch

from firstread.classifier import BATCH, WEIGHTS_FILE, Classifier, Response, batched
from firstread.cluster import sources
from firstread.cluster.checks import check_seen, check_shared
from firstread.cluster.manifest import MULTIPLE, ROWS, Row, Stored
from firstread.cluster.nodes import Cluster
from firstread.cluster.pipeline import Tally, Work, streamed
from firstread.cluster.reading import Reader
from firstread.cluster.storage import Storage, is_url, parquet
from firstread.errors import ImageError, UsageError
from firstread.evaluating import Label, Labelled
from firstread.progress import Step
from firstread.run import MODEL
from firstread.seals import file_hash

RECORD = "job.json"
SHARDS = "predictions"
ERROR = "error"
"""The column that says why an image has no answer."""

SHOWN = 10
"""Images without an answer that are named; the files of answers say so of each."""

PHASE = "labelling images"


@dataclass(frozen=True)
class Part:
    """What came of one part.

    Parameters
    ----------
    part
        Its number.
    images
        How many are in it.
    errors
        How many of them couldn't be read.
    frame
        The answers, where they are not written but handed back.
    reasons
        What is wrong with those images.
    """

    part: int
    images: int
    errors: int
    frame: pd.DataFrame | None = field(default=None, repr=False)
    reasons: tuple[str, ...] = ()


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
        good["label"] = good["label"].tolist()  # Without missing ones it is a column of texts.
        good.attrs["skipped"] = list(self.reasons)
        return good


@dataclass(frozen=True)
class Labelling:
    """The job of a worker: labels the images of a part, and hands back the answers."""

    run: Path

    def ready(self, again: bool) -> Work[Part]:
        """Load the network."""
        classifier = Classifier.load(self.run).folded()
        # As in one process: the digits of an answer depend on it.
        torch.set_num_threads(1)
        reader = Reader(classifier.preprocessing, careful=again)

        def label(part: tuple[int, list[Row]]) -> Part:
            number, rows = part
            return _labelled(number, answered(classifier, reader, rows))

        return label


@dataclass(frozen=True)
class Filing:
    """The job of a worker: labels a part of a manifest, and writes its answers beside it."""

    run: Path
    manifest: Stored

    def ready(self, again: bool) -> Work[Part]:
        """Load the network."""
        classifier = Classifier.load(self.run)
        reader = Reader(classifier.preprocessing, careful=again)

        def file(part: int) -> Part:
            import pyarrow as pa

            frame = answered(classifier, reader, self.manifest.rows(part))
            table = pa.Table.from_pandas(frame, preserve_index=False)
            self.manifest.storage.write(shard(part), parquet(table))
            return replace(_labelled(part, frame), frame=None)

        return file


def _labelled(part: int, frame: pd.DataFrame) -> Part:
    bad = frame.loc[frame[ERROR] != "", ["path", ERROR]]
    reasons = tuple(f"{path}: {reason}" for path, reason in bad.itertuples(index=False))
    return Part(part, len(frame), len(bad), frame, reasons)


def answered(classifier: Classifier, reader: Reader, rows: Sequence[Row]) -> pd.DataFrame:
    """Label some images in the batches of `Classifier.predict`.

    Returns
    -------
    frame
        One row for each of `rows`: `path`, `label`, `p_CLASS` for each class (float32; missing
        where the image can't be read), and `error`.
    """
    outcomes: list[tuple[Path, Response | ImageError]] = []
    for batch in batched(zip(rows, reader.read(rows), strict=True), BATCH):
        outcomes += classifier.answered((Path(row.path), outcome) for row, outcome in batch)
    wrong = [o.reason if isinstance(o, ImageError) else "" for _, o in outcomes]
    good = [place for place, reason in enumerate(wrong) if not reason]
    frame = classifier.tabulated([outcomes[place] for place in good], False)
    frame = frame.set_index(pd.Index(good, dtype="int64")).reindex(range(len(rows)))
    frame["path"] = [row.path for row in rows]
    frame["label"] = frame["label"].astype(object).where(frame["label"].notna(), None)
    return frame.assign(**{ERROR: wrong})


def predicting(
    cluster: Cluster,
    run: str | Path,
    names: Sequence[str],
    *,
    out: str | None = None,
    slices: str | None = None,
    workers: int | None = None,
    size: int | None = None,
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

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    run = Path(run).absolute()
    check_seen(cluster, [run / MODEL, run / WEIGHTS_FILE])
    workers = workers or cluster.cpus
    if out is None:
        yield from _handed(cluster, run, list(_rows(run, names, slices)), Tally(workers))
        return
    storage = Storage(out if is_url(out) else str(Path(out).absolute()))
    if not is_url(out):
        Path(out).mkdir(parents=True, exist_ok=True)
        check_shared(cluster, [out])
    manifest = _settled(storage, run, names, slices, _size(size))
    _check_file(cluster, manifest.rows(0)[0])
    yield from _filed(cluster, Filing(run, manifest), workers)


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
    run = Path(run).absolute()

    def label(classifier: Classifier, paths: Sequence[Path]) -> Labelled:
        check_seen(cluster, [run / MODEL, run / WEIGHTS_FILE])
        rows = [Row(str(path), str(path.absolute())) for path in paths]
        for event in _handed(cluster, run, rows, tally):
            if isinstance(event, Predicted):
                break
            yield event
        assert isinstance(event, Predicted)
        frame = event.answers()
        return frame, list(frame.attrs.pop("skipped"))

    return label


def shard(part: int) -> str:
    """Return the name of a part's answers."""
    return f"{SHARDS}/part-{part:08d}.parquet"


def _handed(
    cluster: Cluster, run: Path, rows: list[Row], tally: Tally
) -> Iterator[Step | Predicted]:
    """Label images and bring the answers here."""
    _check_file(cluster, rows[0])
    # Enough parts to keep all workers busy to the end.
    size = min(ROWS, -(-len(rows) // (4 * tally.workers * MULTIPLE)) * MULTIPLE)
    parts = list(enumerate(batched(rows, size)))
    frames, reasons = list[pd.DataFrame](), list[str]()
    for done in streamed(cluster, Labelling(run), parts, tally.workers, ordered=True):
        assert done.made.frame is not None
        frames.append(done.made.frame)
        reasons += done.made.reasons
        tally.add(done, done.made.images)
        yield Step(PHASE, tally.images, len(rows))
    frame = pd.concat(frames, ignore_index=True)
    yield Predicted(len(rows), len(reasons), 0, tuple(reasons), frame, tally)


def _filed(cluster: Cluster, job: Filing, workers: int) -> Iterator[Step | Predicted]:
    """Label what is missing of a manifest, and write the answers beside it."""
    manifest, storage = job.manifest, job.manifest.storage
    there = storage.names(SHARDS)
    missing = [part for part in range(manifest.parts) if Path(shard(part)).name not in there]
    before = manifest.images - sum(manifest.length(part) for part in missing)
    tally, errors, reasons = Tally(workers), 0, list[str]()
    for done in streamed(cluster, job, missing, workers):
        errors += done.made.errors
        reasons += done.made.reasons[: SHOWN - len(reasons)]
        tally.add(done, done.made.images)
        yield Step(PHASE, before + tally.images, manifest.images)
    storage.tidy(SHARDS)
    yield Predicted(manifest.images, errors, before, tuple(reasons), None, tally)


def _settled(
    storage: Storage, run: Path, names: Sequence[str], slices: str | None, size: int
) -> Stored:
    """Write the manifest where there is none yet; else see that it is of the same work."""
    given = [name for named in names for name in sources.braces(named)]
    tables = [name for name in given if sources.is_source(name)]
    asked = {
        "images": [name if is_url(name) else str(Path(name).absolute()) for name in given],
        "listed": sources.fingerprint(tables),
        "slices": slices or "",
        "model": file_hash(run / MODEL),
    }
    if RECORD in storage.names():
        record = json.loads(storage.read(RECORD))
        other = [key for key, value in asked.items() if record["asked"][key] != value]
        if other:
            words = {"images": "images", "listed": "tables", "slices": "slices", "model": "model"}
            raise UsageError(
                f"{storage.place}: was begun with other {words[other[0]]}; name another folder, or "
                "start the same command as then to go on"
            )
        return Stored(storage, record["images"], record["size"])
    manifest = Stored.write(_rows(run, names, slices), storage, size)
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
