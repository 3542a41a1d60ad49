"""The runs below the steps: listed, compared, and deleted after two questions."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from firstread.app import showing
from firstread.app.session import Changes, Desk, plainly
from firstread.comparing import compare_runs
from firstread.errors import UsageError


class RunHandlers(Desk):
    """What the buttons below the runs do."""

    def listed(self) -> Changes:
        """Show the runs that there are."""
        runs, entries = self.parts.runs, self.shelf.entries()
        names = [entry.name for entry in entries]
        return {
            runs.listed: showing.runs(entries, self.shelf.folder),
            runs.ticked: gr.update(choices=names, value=[], visible=bool(names)),
            runs.compare: gr.update(visible=len(names) > 1),
            runs.delete: gr.update(visible=bool(names)),
            runs.shown: "",
            **self._asked(""),
        }

    @plainly("runs.shown")
    def compare(self, ticked: Sequence[str]) -> Changes:
        """Compare the runs that are ticked."""
        if len(ticked) < 2:
            raise UsageError("Tick two runs or more to compare")
        compared = compare_runs([self.shelf.place(name) for name in ticked])
        return {self.parts.runs.shown: showing.comparison(compared, ticked)}

    @plainly("runs.shown")
    def ask(self, ticked: Sequence[str]) -> Changes:
        """Ask whether to delete runs."""
        if not ticked:
            raise UsageError("Tick the runs to delete")
        return {**self._asked("surely"), self.parts.runs.shown: showing.question(ticked, False)}

    @plainly("runs.shown")
    def ask_again(self, ticked: Sequence[str]) -> Changes:
        """Ask again."""
        return {**self._asked("really"), self.parts.runs.shown: showing.question(ticked, True)}

    def keep(self) -> Changes:
        """Delete nothing."""
        return {**self._asked(""), self.parts.runs.shown: ""}

    def _asked(self, question: str) -> Changes:
        runs = self.parts.runs
        return {
            runs.surely: gr.update(visible=question == "surely"),
            runs.really: gr.update(visible=question == "really"),
            runs.keep: gr.update(visible=bool(question)),
        }
