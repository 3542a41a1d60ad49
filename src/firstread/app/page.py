"""The page put together: its parts, and what each of them sets off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr

from firstread.app.following import FollowHandlers
from firstread.app.keeping import RunHandlers
from firstread.app.layout import Parts, laid_out
from firstread.app.preparing import PrepareHandlers
from firstread.app.session import Session
from firstread.app.shelf import Shelf

THEME = gr.themes.Base(
    primary_hue=gr.themes.Color(*["#0b5394"] * 11),
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    radius_size="sm",
)
"""Letters are the machine's own: nothing is fetched."""

TO_STEP = """() => {
    const tab = document.querySelector("#steps [role=tab][aria-selected=true]");
    tab?.focus({ preventScroll: true });
    tab?.scrollIntoView({ block: "start" });
}"""
"""Brings a step that was changed to into view, and the keyboard with it."""

On = Callable[..., Any]


def built(shelf: Shelf) -> gr.Blocks:
    """Build the page over a folder of runs."""
    page = gr.Blocks(title="firstread", analytics_enabled=False)
    with page:
        session, boxes, turn = gr.State(Session()), gr.State(2), gr.State(0)
        parts = laid_out()
        keeping = RunHandlers(parts, session, shelf)
        following = FollowHandlers(parts, session, shelf, keeping)
        preparing = PrepareHandlers(parts, session, shelf, following)
        changing = [session, *_components(parts)]

        def on(
            event: Callable[..., Any],
            handler: Callable[..., Any],
            inputs: Sequence[Any] = (),
            outputs: Sequence[Any] = changing,
            **more: Any,
        ) -> Any:
            return event(
                handler,
                list(inputs),
                list(outputs),
                show_progress="hidden",
                api_visibility="private",
                # What is answered at once needs no stream, which Gradio closes behind the last
                # answer, at times on the next question: a click would seem to do nothing.
                queue=isgeneratorfunction(handler),
                **more,
            )

        _wire_data(parts, preparing, on, session, boxes)
        _wire_plan(parts, preparing, on, session, turn)
        _wire_run(parts, following, on, session)
        _wire_runs(parts, keeping, following, on, session)
        on(page.load, following.opened, [session])
        parts.tabs.change(None, js=TO_STEP)
    return page


def _components(value: Any) -> Iterator[Any]:
    """Yield all that stands in the parts of a page."""
    if is_dataclass(value):
        for field in fields(value):
            yield from _components(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, tuple):
        yield from value
    else:
        yield value


def _wire_data(
    parts: Parts, does: PrepareHandlers, on: On, session: gr.State, boxes: gr.State
) -> None:
    data = parts.data
    on(data.source.change, does.chose_source, [data.source], data.panels.values())
    on(data.inside.select, does.went, [data.inside], [data.folder, data.inside])
    on(data.folder.blur, does.typed, [data.folder], [data.inside])
    on(data.more.click, does.more_boxes, [boxes], [boxes, data.more, *data.boxes])
    given = [session, data.source, data.folder, *data.names, *data.drops]
    on(data.look.click, does.look, given)
    on(data.folder.submit, does.look, given)


def _wire_plan(
    parts: Parts, does: PrepareHandlers, on: On, session: gr.State, turn: gr.State
) -> None:
    plan = parts.plan
    given = [session, *plan.choices]
    drawn = [session, plan.augment, turn]
    following = on(parts.data.onward.click, does.plan, [session])
    following = on(following.then, does.chose, given)
    on(following.then, does.augmented, drawn)
    for choice in plan.choices:
        on(choice.change, does.chose, given, [plan.meaning, plan.command])
    on(plan.augment.change, does.augmented, drawn, [plan.sheet])
    turned = on(plan.another.click, lambda number: number + 1, [turn], [turn])
    on(turned.then, does.augmented, drawn, [plan.sheet])
    measure = [plan.advice, plan.advise, plan.halt]
    measuring = on(plan.advise.click, does.advise, given, measure)
    on(measuring.then, does.measured, [], measure)
    # Only when it has ended: what it told last would stay.
    halting = plan.halt.click(None, cancels=[measuring])
    on(halting.then, does.halted, [], measure)
    on(plan.start.click, does.start, given)


def _wire_run(parts: Parts, does: FollowHandlers, on: On, session: gr.State) -> None:
    train, use = parts.train, parts.use
    # Often, and so with no more than can change.
    on(train.clock.tick, does.tick, [session], [*_components(train), *_components(parts.runs)])
    on(train.stop.click, does.stop, [session])
    on(train.resume.click, does.resume, [session])
    on(train.onward.click, does.judge, [session])
    on(parts.judge.onward.click, does.use)
    reading = on(use.drop.upload, does.read, [session, use.drop], [use.shown])
    on(reading.then, lambda: None, [], [use.drop])
    on(use.example.click, does.read_example, [session], [use.shown])
    on(use.export.click, does.export, [session], [use.exported])


def _wire_runs(
    parts: Parts, does: RunHandlers, following: FollowHandlers, on: On, session: gr.State
) -> None:
    runs = parts.runs
    asking = [runs.shown, runs.surely, runs.really, runs.keep]
    on(runs.compare.click, does.compare, [runs.ticked], [runs.shown])
    on(runs.delete.click, does.ask, [runs.ticked], asking)
    on(runs.surely.click, does.ask_again, [runs.ticked], asking)
    on(runs.really.click, following.delete, [session, runs.ticked])
    on(runs.keep.click, does.keep, [], asking)
