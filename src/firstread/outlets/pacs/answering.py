"""A classifier as a service on the hospital's network: what arrives is classified and reported."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from firstread.classifier import Classifier
from firstread.errors import DataError, ImageError, NetworkError
from firstread.outlets.answer import Answer, answers
from firstread.outlets.model import Model
from firstread.outlets.pacs.listen import Address, listening
from firstread.outlets.pacs.queue import Job, Queue
from firstread.outlets.pacs.quiet import quiet
from firstread.outlets.pacs.send import Sender
from firstread.outlets.source import Source
from firstread.outlets.structured_report import Reports
from firstread.outlets.writing import save
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


@dataclass(frozen=True)
class Tally:
    """What a service has done since it began.

    Parameters
    ----------
    arrived, answered, sent, failed
        Images.
    refused
        Images that were not taken in; their senders were told so.
    """

    arrived: int = 0
    answered: int = 0
    sent: int = 0
    failed: int = 0
    refused: int = 0


@dataclass
class _Desk:
    """What the workers of one service share."""

    stop: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("arrived", "answered", "sent", "failed", "refused"), 0
        )
    )
    refusals: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        with self.lock:
            self.counts[name] += number

    def say(self, text: str) -> None:
        with self.lock:
            self.notices.append(text)

    def took(self) -> None:
        self.count("arrived")
        self.refusals.clear()
        self.arrived.set()

    def refused(self, reason: str) -> None:
        """Count an image that isn't taken in; say why once until another is taken."""
        self.count("refused")
        if reason not in self.refusals:
            self.refusals.add(reason)
            self.say(f"an image is refused: {reason}")

    def told(self) -> list[str]:
        with self.lock:
            told, self.notices = self.notices, []
        return told

    def guarded(self, work: Callable[[], None]) -> threading.Thread:
        """Return a thread; an error in it ends the service instead of being lost."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.errors.append(error)
                self.stop.set()

        return threading.Thread(target=run, daemon=True)


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
    desk = _Desk(stop=stop or threading.Event())

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


def _told(desk: _Desk) -> Iterator[Tally | Notice]:
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


def _classify(desk: _Desk, queue: Queue, classifier: Classifier, model: Model) -> None:
    reports = Reports(model)
    fast = classifier.folded()
    while not desk.stop.is_set():
        jobs = queue.waiting(BATCH)
        if not jobs:
            desk.arrived.wait(_TICK)
            desk.arrived.clear()
            continue
        _answer(desk, queue, fast, model, reports, jobs)
        desk.answered.set()


def _answer(
    desk: _Desk,
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
            queue.fail(job, errors[job.file])
            desk.count("failed")
            desk.say(f"an image can't be answered: {errors[job.file]}")
            continue
        source, said = found[job.file]
        results.append((job, partial(save, reports.report(source, said))))
    queue.answer(results)
    desk.count("answered", len(results))


def _said(
    classifier: Classifier, model: Model, files: Sequence[Path]
) -> tuple[dict[Path, tuple[Source, list[Answer]]], dict[Path, str]]:
    """Return what the model says of files, and why nothing of others."""
    sources: dict[Path, Source] = {}
    errors: dict[Path, str] = {}
    for file in files:
        try:
            sources[file] = Source.of(file)
        except ImageError as error:
            errors[file] = error.reason
    said: dict[Path, list[Answer]] = {}
    try:
        table = classifier.predict(list(sources), skip_unreadable=True) if sources else None
        problems = [] if table is None else table.attrs["skipped"]
    except DataError as error:
        table, problems = None, list(error.problems)
    if table is not None:
        for answer in answers(table, model.classes, model.multilabel):
            said.setdefault(answer.file, []).append(answer)
    for file in sources:
        if file not in said:
            named = (line.split(": ", 1)[1] for line in problems if str(file) in line)
            errors[file] = next(named, "holds no image")
    return {file: (sources[file], said[file]) for file in said}, errors


def _send(desk: _Desk, queue: Queue, sender: Sender) -> None:
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


def _sent(desk: _Desk, queue: Queue, sender: Sender, jobs: Sequence[Job]) -> str:
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
