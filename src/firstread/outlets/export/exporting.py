"""A finished run's classifier as files for other programs, checked before they are there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch.export import ExportedProgram

from firstread.classifier import Classifier, load
from firstread.errors import ExportError
from firstread.evidence import Interval, Temperature
from firstread.outlets.export.checking import (
    Check,
    Pixels,
    Running,
    batch_of,
    checking,
    onnx_run,
    unread,
)
from firstread.outlets.export.files import Exported, File, check_names, page_of, write
from firstread.outlets.export.graph import Graph
from firstread.outlets.export.making import onnx_model, program, require, saved, session
from firstread.outlets.export.quantising import CALIBRATED_ON, judging, quantised
from firstread.outlets.export.samples import Sample, opened, samples, there
from firstread.progress import Step
from firstread.report.card import card
from firstread.report.records import Records
from firstread.run import WEIGHTS, Run
from firstread.seals import file_hash

if TYPE_CHECKING:
    import onnx as onnx_

MOST_JUDGED = 1000
"""Images that accuracy is measured on at most."""


def exporting(
    run: str | Path,
    onnx: Path | None = None,
    *,
    int8: bool = False,
    torch_program: Path | None = None,
) -> Iterator[Step | Exported]:
    """Export a run's classifier; yield steps, then what was `Exported`.

    Nothing is written before everything has been checked.

    Parameters
    ----------
    run
        A finished run folder.
    onnx
        The ONNX file to write. A page of Python goes beside it, of the same name in `.py`.
    int8
        Write a quantised twin too, `NAME.int8.onnx`.
    torch_program
        The `torch.export` program to write (`.pt2`).

    Raises
    ------
    ExportError
        If the model can't be exported, or its export disagrees with it.
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    check_names(onnx, int8, torch_program)
    if onnx is not None:
        require()
    with tempfile.TemporaryDirectory() as folder:
        yield Step("reading images", 0, 1)
        job = _Job.of(run, Path(folder))
        training = job.training() if int8 else []
        yield Step("tracing the network", 0, 1)
        traced = program(job.graph, deep=job.deep)
        made = []
        if torch_program is not None:
            made.append((yield from _to_torch(job, traced, torch_program)))
        if onnx is not None:
            yield Step("translating it into ONNX", 0, 1)
            model = onnx_model(traced, job.graph, job.notes())
            made.append((yield from _to_onnx(job, model.SerializeToString(), onnx)))
            if int8:
                yield Step("quantising", 0, 1)
                made += yield from _to_int8(job, model, made.pop(), training)
    page = None if onnx is None else page_of(made)
    for file in made:
        write(file.path, file.data)
    if page is not None and onnx is not None:
        write(onnx.with_suffix(".py"), page.encode())
    yield Exported(tuple(made), page, job.deep, job.other)


@dataclass(frozen=True)
class _Job:
    """What all files of one export are made of and checked on."""

    records: Records
    classifier: Classifier
    temperature: Temperature
    graph: Graph
    held: tuple[Sample, ...]
    deep: bool
    other: int

    @classmethod
    def of(cls, run: str | Path, folder: Path) -> _Job:
        classifier, records = load(run), Records.of(Run.open(run))
        temperature = _temperature(records)
        graph = Graph(classifier, temperature.value)
        held, deep, other = samples(records, classifier.preprocessing.display, folder)
        return cls(records, classifier, temperature, graph, tuple(held), deep, other)

    def checked(self, path: Path, running: Running) -> Generator[Step, None, Check]:
        return checking(path.name, running, self.classifier, self.temperature, self.held)

    def training(self) -> list[Sample]:
        """Read training images for the ranges of int8."""
        found = self.fitting(there(self.records, "train", CALIBRATED_ON))
        if not found:
            raise ExportError(
                f"{self.records.folder}: --int8 takes its ranges from training images, and none of "
                "them is where it was; put them back, or leave --int8 out"
            )
        return found

    def fitting(self, paths: Sequence[Path]) -> list[Sample]:
        """Read those images that have the depth of the graph."""
        read = opened(paths, self.classifier.preprocessing.display)
        return [sample for sample in read if sample.deep == self.deep]

    def notes(self) -> dict[str, Any]:
        """Return what an ONNX file says of itself."""
        records, classifier = self.records, self.classifier
        value, n = self.temperature.value, self.temperature.n
        return {
            "classes": list(classifier.classes),
            "multilabel": classifier.multilabel,
            "bits": 16 if self.deep else 8,
            "display": asdict(classifier.preprocessing.display),
            "preprocessing": asdict(classifier.preprocessing),
            "temperature": {"value": value, "validation_images": n},
            "card": {entry.name: list(entry.lines) for entry in card(records)},
            "figures": {"part": records.split, **records.metrics[records.split]},
            "network": classifier.network.backbone.entry.name,
            "run": records.folder.resolve().name,
            "firstread": metadata.version("firstread"),
            "weights_sha256": file_hash(records.folder / WEIGHTS),
        }


def _to_torch(job: _Job, traced: ExportedProgram, path: Path) -> Generator[Step, None, File]:
    module = traced.module()

    def running(pixels: Pixels) -> tuple[Pixels, Pixels]:
        with torch.inference_mode():
            plain, calibrated = module(torch.tensor(pixels))
        return plain.numpy(), calibrated.numpy()

    check = yield from job.checked(path, running)
    return File(path, saved(traced), check.theirs, check)


def _to_onnx(job: _Job, data: bytes, path: Path) -> Generator[Step, None, File]:
    opened_file = session(data)
    check = yield from job.checked(path, onnx_run(opened_file))
    return File(path, data, check.theirs, check, unread=tuple(unread(opened_file, job.held)))


def _to_int8(
    job: _Job, model: onnx_.ModelProto, file: File, training: Sequence[Sample]
) -> Generator[Step, None, tuple[File, File]]:
    """Quantise; return the float32 file and its twin, both judged on the same images."""
    data = quantised(model, training)
    twin = file.path.with_suffix(".int8.onnx")
    runs = [onnx_run(session(each)) for each in (file.data, data)]
    times = []
    for sample in job.held:
        start = time.perf_counter()
        runs[1](batch_of(sample.image))
        times.append(1000 * (time.perf_counter() - start))
    small = File(twin, data, median(times))
    judged = job.fitting(there(job.records, job.records.split, MOST_JUDGED))
    if not judged:
        return file, small
    cases = job.records.cases.set_index("path")
    rows = cases.loc[[str(sample.path) for sample in judged]]
    truth = job.records.flags(rows["label"].fillna(""))
    groups = rows["patient"].fillna(pd.Series(rows.index, rows.index)).to_numpy()
    marked = judged, truth, job.classifier.multilabel, groups
    before = yield from judging(file.path.name, runs[0], *marked)
    after = yield from judging(twin.name, runs[1], *marked)
    moved = int((before.labels != after.labels).any(axis=1).sum())
    return (
        replace(file, accuracy=before.accuracy),
        replace(small, accuracy=after.accuracy, changed=moved),
    )


def _temperature(records: Records) -> Temperature:
    """Return the temperature that the run was calibrated to; 1 where none was fitted."""
    record = (records.calibration or {}).get("temperature", {})
    if not record.get("fitted"):
        return Temperature(1.0, Interval(float("nan"), float("nan")), 0, False)
    return Temperature(
        record["value"], Interval(record["low"], record["high"]), record["images"], True
    )
