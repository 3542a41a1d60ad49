"""Steps 3 to 5: a run while it is made, what it is worth, and what it says of an image."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from firstread.app import showing
from firstread.app.keeping import RunHandlers
from firstread.app.session import Changes, Desk, Session, plainly
from firstread.app.using import Reader, exported, held_out
from firstread.errors import UsageError
from firstread.outlets.export.files import Exported
from firstread.progress import Step
from firstread.run import Run


@dataclass(frozen=True)
class FollowHandlers(Desk):
    """What the buttons of steps 3 to 5 do.

    Parameters
    ----------
    runs
        Those of the runs below.
    """

    runs: RunHandlers

    @plainly("runs.shown")
    def opened(self, session: Session, request: gr.Request) -> Changes:
        """Show the runs, and the one that the address names or that is being trained."""
        entries = self.shelf.entries()
        wanted = request.query_params.get("run", "")
        going = [entry.name for entry in entries if entry.state == "training"]
        name = wanted or (going[0] if going else "")
        if not name:
            return self.runs.listed()
        if self.shelf.state(name) is None:
            raise UsageError(f"There is no run called {name}")
        return {self.session: replace(session, run=name), **self.shown(name)}

    def shown(self, name: str) -> Changes:
        """Show a run at the step that it has come to."""
        changes = {
            **self._training(name),
            **self.runs.listed(),
            self.parts.tab["train"]: gr.update(interactive=True),
            self.parts.tabs: gr.update(selected="train"),
        }
        return {**changes, **(self._judged(name) if self.shelf.state(name) == "finished" else {})}

    @plainly("train.shown")
    def tick(self, session: Session) -> Changes:
        """Show how far the training is."""
        return self._training(session.run) if session.run else {}

    @plainly("train.shown")
    def stop(self, session: Session) -> Changes:
        """Stop the training, so that it can be gone on with."""
        self.shelf.job(session.run).stop()
        return self._training(session.run)

    @plainly("train.shown")
    def resume(self, session: Session) -> Changes:
        """Go on with a training that was stopped."""
        self.shelf.job(session.run).start(["train", "--resume", str(self.shelf.place(session.run))])
        return {**self._training(session.run), **self.runs.listed()}

    def _training(self, name: str) -> Changes:
        train, entry = self.parts.train, self.shelf.entry(name)
        if entry is None:
            raise UsageError(f"There is no run called {name} any more")
        job, going = self.shelf.job(name), entry.state == "training"
        changes: Changes = {
            train.shown: showing.training(entry, job),
            train.clock: gr.Timer(active=going),
            train.stop: gr.update(visible=going and job.alive and not job.stopping),
            train.resume: gr.update(visible=entry.state == "stopped"),
            train.onward: gr.update(visible=entry.state == "finished"),
        }
        return changes if going else {**changes, **self.runs.listed()}

    @plainly("train.shown")
    def judge(self, session: Session) -> Changes:
        """Go to step 4 and show what the run is worth."""
        return self._judged(session.run)

    def _judged(self, name: str) -> Changes:
        parts = self.parts
        return {
            parts.judge.shown: showing.judged(Run.open(self.shelf.place(name))),
            parts.tabs: gr.update(selected="judge"),
            parts.tab["train"]: gr.update(interactive=True),
            parts.tab["judge"]: gr.update(interactive=True),
            parts.tab["use"]: gr.update(interactive=True),
            parts.use.shown: "",
            parts.use.exported: "",
        }

    def use(self) -> Changes:
        """Go to step 5."""
        return {self.parts.tabs: gr.update(selected="use")}

    @plainly("use.shown")
    def read(self, session: Session, file: str | None) -> Iterator[Changes]:
        """Say what the model makes of a dropped image; nothing of it stays."""
        if not file:
            return
        path = Path(file)
        try:
            yield from self._read(session, path)
        finally:
            path.unlink(missing_ok=True)

    @plainly("use.shown")
    def read_example(self, session: Session) -> Iterator[Changes]:
        """Say what the model makes of one of the images that it was judged on."""
        paths = held_out(self.shelf.place(session.run))
        if not paths:
            raise UsageError("The images that it was judged on have gone; drop one of your own")
        yield from self._read(session, random.choice(paths))

    def _read(self, session: Session, path: Path) -> Iterator[Changes]:
        shown = self.parts.use.shown
        yield {shown: showing.under_way(Step("reading the image", 0, 1))}
        said = Reader.of(self.shelf.place(session.run)).says(path, path.name)
        yield {shown: showing.answer(said)}

    @plainly("use.exported")
    def export(self, session: Session) -> Iterator[Changes]:
        """Write the model as a file to download."""
        place, run = self.parts.use.exported, Run.open(self.shelf.place(session.run))
        for event in exported(run.folder):
            if isinstance(event, Exported):
                yield {place: showing.exported(event, run)}
            else:
                yield {place: showing.under_way(event)}

    @plainly("runs.shown")
    def delete(self, session: Session, ticked: Sequence[str]) -> Changes:
        """Delete runs; the images that they learned from stay."""
        for name in ticked:
            self.shelf.delete(name)
        parts, changes = self.parts, self.runs.listed()
        if session.run in ticked:
            steps: Changes = {
                parts.tab[s]: gr.update(interactive=False) for s in ("train", "judge", "use")
            }
            gone = {**steps, parts.tabs: gr.update(selected="data")}
            changes = {**changes, **gone, self.session: replace(session, run="")}
        return changes
