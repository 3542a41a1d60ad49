"""A classifier as a service on the hospital's network: what arrives is classified and reported."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from firstread.classifier import Classifier
from firstread.errors import DataError, ImageError, NetworkError, UsageError
from firstread.outlets.answer import Answer, answers
from firstread.outlets.model import Model
from firstread.outlets.pacs.desk import Desk, Tally
from firstread.outlets.pacs.listen import Address, listening
from firstread.outlets.pacs.queue import Job, Queue
from firstread.outlets.pacs.quiet import quiet
from firstread.outlets.pacs.send import Sender
from firstread.outlets.source import Source
from firstread.outlets.structured_report import Reports
from firstread.outlets.writing import encoded, keep
from firstread.progress import Notice

BATCH = 32
"""Images that are classified, and results that are sent, at a time."""

LONGEST_WAIT = 60.0
"""Seconds between attempts to reach a node that can't be reached; the first are sooner."""

_TICK = 0.5
"""Seconds between looks at the queue, where nothing wakes a worker before."""


@dataclass(frozen=True)
class Listening:
    """A service has begun; comes first.

    Parameters
    ----------
    port
        Where.
    left
        Images that an earlier run left unanswered.
    """

    port: int
    left: int


def serve(
    classifier: Classifier,
    model: Model,
    address: Address,
    sender: Sender,
    folder: Path,
    *,
    most: int = 10_000,
    retry: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[Listening | Tally | Notice]:
    """Answer every image that arrives with a structured report, until stopped.

    Three things go on at a time, and only the queue on disk lies between them: images are taken
    in, classified, and their reports sent. Whatever ends the program, the next run goes on where
    it ended.

    Yields where it listens, then what it has done whenever that has changed, and what goes wrong.

    Parameters
    ----------
    classifier
        Says what images show.
    model
        Its name in reports.
    address
        Where images arrive.
    sender
        Takes reports out.
    folder
        The queue.
    most
        Images in the queue; beyond them senders are told to come again later.
    retry
        Take up again what was put aside.
    stop
        Ends the service when set; so does closing the generator.

    Raises
    ------
    NetworkError
        If the queue or the address can't be had, or the queue can't be written to.
    """
    desk = Desk(stop=stop or threading.Event())

    with quiet(), closing(Queue(folder)) as queue:
        if retry:
            queue.retry()
        workers = [
            desk.guarded(partial(_classify, desk, queue, classifier, model)),
            desk.guarded(partial(_send, desk, queue, sender)),
        ]
        with listening(address, queue, model.weights, most, desk.took, desk.refused) as port:
            for worker in workers:
                worker.start()
            try:
                yield Listening(port, queue.unanswered())
                yield from _told(desk)
            finally:
                desk.stop.set()
                desk.arrived.set()
                desk.answered.set()
                for worker in workers:
                    worker.join()
    for error in desk.errors:
        if isinstance(error, OSError | sqlite3.Error):
            raise NetworkError(
                f"{folder}: can't be written to ({error}); what has arrived stays in it. Make room "
                "and start again"
            ) from None
        raise error


def _told(desk: Desk) -> Iterator[Tally | Notice]:
    """Yield notices at once, and the tally when work pauses, but not less than every 10 s of it."""
    last = before = Tally()
    for tick in itertools.count():
        over = desk.stop.wait(_TICK)
        yield from map(Notice, desk.told())
        tally = Tally(**desk.counts)
        if tally != last and (over or tally == before or tick % 20 == 0):
            last = tally
            yield tally
        before = tally
        if over:
            return


def _classify(desk: Desk, queue: Queue, classifier: Classifier, model: Model) -> None:
    reports = Reports(model)
    while not desk.stop.is_set():
        jobs = queue.waiting(BATCH)
        if not jobs:
            desk.arrived.wait(_TICK)
            desk.arrived.clear()
            continue
        _answer(desk, queue, classifier, model, reports, jobs)
        desk.answered.set()


def _answer(
    desk: Desk,
    queue: Queue,
    classifier: Classifier,
    model: Model,
    reports: Reports,
    jobs: Sequence[Job],
) -> None:
    found, errors = _said(classifier, model, [job.file for job in jobs])
    results = []
    for job in jobs:
        if job.file in errors:
            _put_aside(desk, queue, job, errors[job.file])
            continue
        try:
            report = encoded(reports.report(*found[job.file]))
        except Exception as error:  # Whatever an image holds, the next one is answered.
            _put_aside(desk, queue, job, f"no report can be made of it ({type(error).__name__})")
        else:
            results.append((job, partial(keep, report)))
    queue.answer(results)
    desk.count("answered", len(results))


def _put_aside(desk: Desk, queue: Queue, job: Job, reason: str) -> None:
    queue.fail(job, reason)
    desk.count("failed")
    desk.say(f"an image can't be answered: {reason}")


def _said(
    classifier: Classifier, model: Model, files: Sequence[Path]
) -> tuple[dict[Path, tuple[Source, list[Answer]]], dict[Path, str]]:
    """Return what the model says of files, and why nothing of others."""
    sources: dict[Path, Source] = {}
    errors: dict[Path, str] = {}
    used: list[str] = []
    for file in files:
        try:
            sources[file] = Source.of(file)
            used += classifier.used(file)["path"].tolist()
        except ImageError as error:
            errors[file] = error.reason
        except UsageError as error:  # It has fewer frames than the training asked for.
            errors[file] = str(error).removeprefix(f"{file}: ")
    said: dict[Path, list[Answer]] = {}
    try:
        table = classifier.predict(used, skip_unreadable=True) if used else None
        problems = [] if table is None else table.attrs["skipped"]
    except DataError as error:
        table, problems = None, list(error.problems)
    if table is not None:
        for answer in answers(table, model.classes, model.multilabel):
            said.setdefault(answer.file, []).append(answer)
    for file in sources:
        if file not in said and file not in errors:
            named = (line.split(": ", 1)[1] for line in problems if str(file) in line)
            errors[file] = next(named, "holds no image")
    return {file: (sources[file], said[file]) for file in said}, errors


def _send(desk: Desk, queue: Queue, sender: Sender) -> None:
    wait = 1.0
    while not desk.stop.is_set():
        jobs = queue.answered(BATCH)
        if not jobs:
            desk.answered.wait(_TICK)
            desk.answered.clear()
            continue
        reason = _sent(desk, queue, sender, jobs)
        if not reason:
            wait = 1.0
            continue
        desk.say(f"results wait: {reason}; next attempt in {wait:.0f} s")
        desk.stop.wait(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def _sent(desk: Desk, queue: Queue, sender: Sender, jobs: Sequence[Job]) -> str:
    """Send results; return why some weren't taken and should be sent again, or nothing."""
    by_file = {job.result: job for job in jobs}
    reason = ""
    for sent in sender.send([job.result for job in jobs]):
        job = by_file[sent.path]
        if sent.fate == "taken":
            queue.sent([job])
            desk.count("sent")
        elif sent.fate == "refused":
            queue.fail(job, sent.reason)
            desk.count("failed")
            desk.say(f"a result is put aside: {sent.reason}")
        else:
            reason = sent.reason
        if desk.stop.is_set():
            break
    return reason
