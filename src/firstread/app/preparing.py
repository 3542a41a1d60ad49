"""Steps 1 and 2: the images, and the plan."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from firstread.app import showing
from firstread.app.following import FollowHandlers
from firstread.app.gathering import Box, Seen, computed, gathered, inside, looking, named
from firstread.app.layout import BOXES
from firstread.app.planning import STRATEGIES, Choices, advised, command, tiles
from firstread.app.session import Changes, Desk, Session, plainly
from firstread.errors import UsageError
from firstread.images import neutralisers
from firstread.learning import Advice
from firstread.progress import Step


@dataclass(frozen=True)
class PrepareHandlers(Desk):
    """What the buttons of steps 1 and 2 do.

    Parameters
    ----------
    following
        Those of the steps after.
    """

    following: FollowHandlers

    def chose_source(self, source: str) -> Changes:
        """Show what a source of images needs."""
        panels = self.parts.data.panels
        return {panel: gr.update(visible=key == source) for key, panel in panels.items()}

    def more_boxes(self, shown: int) -> tuple[Any, ...]:
        """Show one box more."""
        count = min(shown + 1, BOXES)
        boxes = [gr.update(visible=place < count) for place in range(BOXES)]
        return count, gr.update(visible=count < BOXES), *boxes

    def went(self, chosen: str | None) -> Changes:
        """Go to a folder."""
        return {self.parts.data.folder: chosen, **self.typed(chosen)} if chosen else {}

    def typed(self, text: str) -> Changes:
        """Show where one can go from the folder that was typed."""
        try:
            place = named(text)
        except UsageError:
            place = Path.home()
        return {self.parts.data.inside: gr.update(choices=inside(place), value=None)}

    @plainly("data.shown")
    def look(self, session: Session, source: str, folder: str, *boxes: Any) -> Iterator[Changes]:
        """Get the images, look at them, and show what they are."""
        data = self.parts.data
        yield {
            data.shown: showing.under_way(Step("getting the images", 0, 1)),
            data.onward: gr.update(visible=False),
        }
        path, dropped = self._data(source, folder, boxes)
        try:
            for event in looking(path):
                if isinstance(event, Step):
                    yield {data.shown: showing.under_way(event)}
        except Exception:
            if dropped:  # They are still in their boxes, to be mended there.
                shutil.rmtree(path, ignore_errors=True)
            raise
        assert isinstance(event, Seen)
        changes = {self.session: replace(session, seen=event), data.shown: showing.data(event)}
        for file in dropped:
            file.unlink(missing_ok=True)
        if dropped:
            changes |= dict.fromkeys(data.drops)
        plan = self.parts.plan
        name = self.shelf.free(path.stem)
        yield {
            **changes,
            data.onward: gr.update(visible=True),
            self.parts.tab["plan"]: gr.update(interactive=True),
            plan.name: name,
            plan.advice: "",
        }

    def _data(
        self, source: str, folder: str, boxes: Sequence[Any]
    ) -> tuple[Path, tuple[Path, ...]]:
        """Return where the images are, and the dropped files that they were copied from."""
        if source == "computed":
            return computed(self.shelf), ()
        if source == "folder":
            return named(folder), ()
        names, drops = boxes[:BOXES], boxes[BOXES:]
        made = [
            Box(name or "", tuple(map(Path, files or ())))
            for name, files in zip(names, drops, strict=True)
        ]
        wish = "-".join(box.name.strip() for box in made if box.files)
        dropped = tuple(file for box in made for file in box.files)
        return gathered(self.shelf, wish, made), dropped

    @plainly("plan.advice")
    def plan(self, session: Session) -> Changes:
        """Go to step 2."""
        return {self.parts.tabs: gr.update(selected="plan")}

    @plainly("plan.command")
    def chose(self, session: Session, *values: Any) -> Changes:
        """Say what the choices mean, and the command that they make."""
        choices, name = self._choices(session, values)
        choices.check()
        out = self.shelf.place(name)
        plan = self.parts.plan
        return {
            plan.meaning: f'<div class="fr"><p>{STRATEGIES[choices.strategy][1]}</p></div>',
            plan.command: showing.command(command(choices.words(out))),
        }

    @plainly("plan.sheet")
    def augmented(self, session: Session, kind: str, turn: int) -> Changes:
        """Show what augmentation does to one of the user's images."""
        paths = self._seen(session).dataset.part("train").paths
        path = paths[random.Random(turn).randrange(len(paths))]
        pictures = tiles(path, kind, turn)
        return {self.parts.plan.sheet: showing.sheet(pictures, path.name, kind)}

    @plainly("plan.advice")
    def advise(self, session: Session, *values: Any) -> Iterator[Changes]:
        """Measure which way to learn suits, and show it with its reasons."""
        plan = self.parts.plan
        choices, _ = self._choices(session, values)
        yield {
            plan.advice: showing.under_way(Step("reading the images", 0, 1)),
            plan.advise: gr.update(interactive=False),
            plan.halt: gr.update(visible=True),
        }
        for event in advised(choices):
            if isinstance(event, Step):
                yield {plan.advice: showing.under_way(event)}
            elif isinstance(event, Advice):
                yield {plan.advice: showing.advice(event)}

    def measured(self) -> Changes:
        """Offer to measure again."""
        plan = self.parts.plan
        return {plan.advise: gr.update(interactive=True), plan.halt: gr.update(visible=False)}

    def halted(self) -> Changes:
        """Leave a measurement that was stopped."""
        return {self.parts.plan.advice: "", **self.measured()}

    @plainly("plan.command")
    def start(self, session: Session, *values: Any) -> Changes:
        """Start a training, and go to step 3."""
        choices, name = self._choices(session, values)
        choices.check()
        out = self.shelf.place(name)
        if self.shelf.state(name) is not None or out.exists():
            raise UsageError(f"There is a run called {name} already; choose another name")
        self.shelf.job(name).start(choices.words(out))
        return {self.session: replace(session, run=name), **self.following.shown(name)}

    def _choices(self, session: Session, values: Sequence[Any]) -> tuple[Choices, str]:
        backbone, strategy, augment, epochs, image_size, seed, neutralise, skip, name = values
        data = str(self._seen(session).data)
        numbers = {"epochs": epochs, "image_size": image_size, "seed": seed}
        choices = Choices(
            data,
            backbone,
            strategy,
            augment,
            **{key: int(number or 0) for key, number in numbers.items()},
            neutralise=",".join(neutralisers(",".join(neutralise or ()))),
            skip_unreadable=bool(skip),
        )
        return choices, str(name)

    def _seen(self, session: Session) -> Seen:
        if session.seen is None:
            raise UsageError("Look at some images first, in step 1")
        return session.seen
