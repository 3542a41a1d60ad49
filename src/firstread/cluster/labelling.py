"""What a worker does with images: labels them, and hands the answers back or files them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from firstread.classifier import BATCH, Classifier, Response, batched
from firstread.cluster.manifest import Row, Stored
from firstread.cluster.pipeline import Work
from firstread.cluster.reading import Reader
from firstread.cluster.storage import Storage, parquet
from firstread.errors import ImageError
from firstread.evidence.refusal import REFUSAL_FILE, Refusal
from firstread.refusing import advised
from firstread.run import MODEL, WEIGHTS

SHARDS = "predictions"
ERROR = "error"
"""The column that says why an image has no answer."""

TEXTS = {"label", "set", "advice"}
"""Columns of words, which are missing where an image has no answer."""


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
class Labeller:
    """Labels images as one process does, to the last digit.

    Parameters
    ----------
    run
        A finished run, in a folder that all machines see.
    coverage
        As of `refusing.predict`; without it every answer is given.
    """

    run: Path
    coverage: float | None = None

    @property
    def files(self) -> list[Path]:
        """What workers need of the run."""
        names = (MODEL, WEIGHTS, *([] if self.coverage is None else [REFUSAL_FILE]))
        return [self.run / name for name in names]

    def loaded(self, again: bool) -> Loaded:
        """Load the network, in a worker."""
        # As in one process: the digits of an answer depend on it.
        torch.set_num_threads(1)
        classifier = Classifier.load(self.run)
        reader = Reader(classifier.preprocessing, careful=again)
        if self.coverage is None:
            return Loaded(classifier, reader, partial(classifier.tabulated, skip_unreadable=False))
        refusal = Refusal.load(self.run, self.run / WEIGHTS)
        return Loaded(
            classifier, reader, partial(advised, classifier, refusal, coverage=self.coverage)
        )


@dataclass(frozen=True)
class Loaded:
    """A `Labeller` at work."""

    classifier: Classifier
    reader: Reader
    tabulated: Callable[[list[tuple[Path, Response | ImageError]]], pd.DataFrame]

    def answered(self, rows: Sequence[Row]) -> pd.DataFrame:
        """Label some images in the batches of `Classifier.predict`.

        Returns
        -------
        frame
            One row for each of `rows`: `path`, `label`, those of `refusing.predict` with a
            coverage, `p_CLASS` for each class (float32; missing where the image can't be read),
            and `error`.
        """
        outcomes: list[tuple[Path, Response | ImageError]] = []
        fast = self.classifier.fast
        for batch in batched(zip(rows, self.reader.read(rows), strict=True), BATCH):
            outcomes += fast.answered((Path(row.path), outcome) for row, outcome in batch)
        wrong = [o.reason if isinstance(o, ImageError) else "" for _, o in outcomes]
        good = [place for place, reason in enumerate(wrong) if not reason]
        frame = self.tabulated([outcomes[place] for place in good])
        frame = frame.set_index(pd.Index(good, dtype="int64")).reindex(range(len(rows)))
        frame["path"] = [row.path for row in rows]
        for name in TEXTS & {*frame}:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        return frame.assign(**{ERROR: wrong})


@dataclass(frozen=True)
class Labelling:
    """The job of a worker: labels the images of a part, and hands back the answers."""

    labeller: Labeller

    def ready(self, again: bool) -> Work[Part]:
        """Load the network."""
        loaded = self.labeller.loaded(again)

        def label(part: tuple[int, list[Row]]) -> Part:
            number, rows = part
            return _labelled(number, loaded.answered(rows))

        return label


@dataclass(frozen=True)
class Filing:
    """The job of a worker: labels a part of a manifest, and writes its answers beside it."""

    labeller: Labeller
    manifest: Stored

    def ready(self, again: bool) -> Work[Part]:
        """Load the network."""
        loaded = self.labeller.loaded(again)

        def file(part: int) -> Part:
            import pyarrow as pa

            frame = loaded.answered(self.manifest.rows(part))
            table = pa.Table.from_pandas(frame, preserve_index=False)
            self.manifest.storage.write(shard(part), parquet(table))
            return replace(_labelled(part, frame), frame=None)

        return file


def shard(part: int) -> str:
    """Return the name of a part's answers."""
    return f"{SHARDS}/part-{part:08d}.parquet"


def unanswered(storage: Storage, parts: Collection[int], most: int) -> tuple[int, list[str]]:
    """Count the images without an answer in parts that are done; say what is wrong with a few."""
    if not parts:
        return 0, []
    from pyarrow import compute

    answers = storage.tables([shard(part) for part in sorted(parts)])
    bad = compute.field(ERROR) != ""
    few = answers.head(most, columns=["path", ERROR], filter=bad).to_pylist()
    return answers.count_rows(filter=bad), [f"{row['path']}: {row[ERROR]}" for row in few]


def _labelled(part: int, frame: pd.DataFrame) -> Part:
    bad = frame.loc[frame[ERROR] != "", ["path", ERROR]]
    reasons = tuple(f"{path}: {reason}" for path, reason in bad.itertuples(index=False))
    return Part(part, len(frame), len(bad), frame, reasons)
