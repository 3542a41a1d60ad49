"""What the page shows of each step, as pieces of HTML: made of the report's own parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from firstread.app.gathering import Seen
from firstread.app.jobs import Job, Progress
from firstread.app.planning import AUGMENTATIONS
from firstread.app.shelf import Entry, homely
from firstread.app.using import Said
from firstread.comparing import Compared
from firstread.errors import FirstreadError
from firstread.evidence import FIGURES
from firstread.images import Display
from firstread.learning import Advice
from firstread.outlets.export.files import Exported
from firstread.progress import Step
from firstread.report.charts import svg
from firstread.report.figures import curves
from firstread.report.findings import shown
from firstread.report.privacy import Names
from firstread.report.records import Records
from firstread.report.report import content, page
from firstread.report.thumbnails import Album, Thumbnail
from firstread.report.wording import SPLITS, counted, listed
from firstread.run import Run

ROOM = Path(__file__).parent
EXAMPLES = 6
"""Pictures of each class."""


def style() -> str:
    """Return the page's style sheet: the report's, for what stands in pieces, and the page's."""
    report = ROOM.parent / "report"
    palette, own = (
        path.read_text(encoding="utf-8") for path in (report / "palette.css", ROOM / "app.css")
    )
    pieces = (report / "report.css").read_text(encoding="utf-8")
    return f"{palette}\n.fr {{\n{pieces}\n}}\n{own}"


def problem(error: Exception) -> str:
    """Show what went wrong, in firstread's own words."""
    if isinstance(error, FirstreadError):
        return _piece("problem", lines=str(error).splitlines())
    # The kind alone: the text may hold values of a header, and a trace helps nobody here.
    lines = [f"Something went wrong that should not have ({type(error).__name__})."]
    return _piece("problem", lines=[*lines, "Try again; if it happens again, please report it."])


def under_way(step: Step) -> str:
    """Show how far some work has come."""
    return _piece("bar", phase=step.phase, done=step.done, of=step.of, left="")


def data(seen: Seen) -> str:
    """Show a data set: counts, examples, and what the audit found."""
    dataset = seen.dataset
    table = dataset.counts()
    parts = [str(part) for part in table]
    rows = [(str(name), [int(n) for n in row]) for name, row in table.iterrows()]
    whole = [len(dataset.part(part)) for part in parts]
    examples = Album(Display(), {}, left=EXAMPLES * len(rows))
    names = Names(tuple({str(seen.data), *(str(path.parent) for path in dataset.paths)}))
    findings = seen.audit.records()
    return _piece(
        "data",
        data=homely(seen.data),
        images=len(dataset),
        counts={"parts": parts, "rows": rows, "whole": whole},
        splits=SPLITS,
        examples=[(name, list(_examples(seen, name, examples))) for name, _ in rows],
        findings=shown(findings, Album(Display(), {}), names),
        passed=[names.without(f["message"]) for f in findings if f["severity"] == "passed"],
        inapplicable=[
            names.without(f["message"]) for f in findings if f["severity"] == "not applicable"
        ],
        severe=len(seen.audit.severe),
    )


def _examples(seen: Seen, label: str, album: Album) -> Iterator[Thumbnail]:
    cases = seen.dataset.cases
    held = [label in text.split(";") for text in cases["label"]]
    for path in cases.loc[held, "path"].head(EXAMPLES):
        picture = album.thumbnail(path)
        if picture is not None:
            yield picture


def advice(found: Advice) -> str:
    """Show the advised strategy with its reasons."""
    frame = found.frame()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return _piece("advice", sentences=found.sentences(), rows=rows, chosen=found.chosen.name)


def sheet(pictures: Sequence[str], name: str, kind: str) -> str:
    """Show what augmentation makes of an image."""
    title, meaning = AUGMENTATIONS[kind]
    return _piece("sheet", pictures=pictures, name=name, title=title, meaning=meaning)


def command(text: str) -> str:
    """Show a command to copy."""
    return _piece("command", text=text)


def training(entry: Entry, job: Job) -> str:
    """Show a training: how far it is, its curves so far, and what it said."""
    progress = job.progress()
    chart = ""
    if len(progress.history) > 1 and progress.images:
        rows = tuple(progress.history.itertuples(index=False, name=None))
        images = (progress.images["train"], progress.images["val"])
        chart = _curves(tuple(progress.history), rows, *images)
    state = "stopping" if job.stopping else entry.state
    return _piece(
        "training",
        entry=entry,
        state=state,
        progress=progress,
        left=_time(progress.left),
        chart=chart,
        solved="c" in progress.history,
        notes=list(_notes(progress)),
        lines=job.complaint().splitlines() if state == "failed" else [],
    )


@lru_cache(maxsize=8)
def _curves(names: tuple[str, ...], rows: tuple[tuple[float, ...], ...], *images: int) -> str:
    """Draw the curves so far; between two epochs they stay as they are."""
    return svg(curves(pd.DataFrame(rows, columns=list(names)), *images))


def _notes(progress: Progress) -> Iterator[str]:
    """Say what a training told besides its steps, each in a sentence."""
    for kind, said in progress.told:
        if kind == "found":
            parts = listed([f"{n} {SPLITS[part]}" for part, n in said["images"].items()])
            left = said["left_out"]
            more = f"; {counted(left, 'file')} left out that can't be read" if left else ""
            yield f"{parts} images of {listed(said['classes'])}{more}."
        elif kind == "advice":
            yield f"Compared the ways to learn, and took: {said['chosen']}."
        elif kind == "ready":
            plan = said["plan"]
            yield (
                f"{plan['backbone']}, {said['parameters'] / 1e6:.1f} million parameters, images of "
                f"{plan['image_size']} x {plan['image_size']} px."
            )
        elif kind == "notice":
            yield said["text"]
        elif kind == "result":
            yield from said["figures"].values()


def _time(seconds: float | None) -> str:
    """Write a time that is left.

    Examples
    --------
    >>> _time(8.2), _time(65), _time(None)
    ('9 s', '2 min', '')
    """
    if seconds is None:
        return ""
    return f"{int(seconds) + 1} s" if seconds < 60 else f"{int(seconds // 60) + 1} min"


def judged(run: Run) -> str:
    """Show what a finished run is worth: the report's verdict, figures, ladder and pictures."""
    shown_ = content(Records.of(run))
    return page("judge.html.j2", {**shown_, "name": run.folder.name, "link": link(run)}, ROOM)


def link(run: Run, file: str = "report.html") -> str:
    """Return the address of a run's file on this page's service."""
    return f"runs/{quote(run.folder.name)}/{file}"


def answer(said: Said) -> str:
    """Show what a model says of an image."""
    return _piece("answer", said=said)


def exported(done: Exported, run: Run) -> str:
    """Show what was exported, to be downloaded."""
    file = done.files[0]
    size = f"{len(file.data) / 1e6:.1f} MB"
    return _piece("exported", link=link(run, file.path.name), size=size, check=file.check)


def runs(entries: Sequence[Entry], folder: Path) -> str:
    """List the runs."""
    return _piece("runs", entries=entries, folder=homely(folder))


def comparison(compared: Compared, names: Sequence[str]) -> str:
    """Show runs side by side."""
    rows = []
    for figure, kind in FIGURES.items():
        found = [
            next((e for e in one.estimates if (e.figure, e.class_name) == (figure, "")), None)
            for one in compared.evaluations
        ]
        if any(e is not None and e.known for e in found):
            rows.append((kind.title, ["" if e is None else e.text() for e in found]))
    return _piece(
        "compared",
        names=compared.names,
        rows=rows,
        sentences=compared.sentences(),
        facts=compared.facts,
        query="&".join(f"run={quote(name)}" for name in names),
    )


def question(names: Sequence[str], again: bool) -> str:
    """Ask whether to delete runs, or ask again."""
    return _piece("question", names=list(names), again=again)


def _piece(template: str, **shown_: Any) -> str:
    return page(f"{template}.html.j2", shown_, ROOM)
