"""What one open page is about, and how its handlers say what changes and what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from firstread.app import showing
from firstread.app.gathering import Seen
from firstread.app.layout import Parts
from firstread.app.shelf import Shelf

Changes = dict[Any, Any]
"""By component."""


@dataclass(frozen=True)
class Session:
    """What one open page is about.

    Parameters
    ----------
    seen
        The data set that was looked at in step 1.
    run
        The run that steps 3 to 5 are about.
    """

    seen: Seen | None = None
    run: str = ""


@dataclass(frozen=True)
class Desk:
    """What every handler needs.

    Parameters
    ----------
    parts
        The page.
    session
        Where a page's session is kept.
    shelf
        The folder of runs.
    """

    parts: Parts
    session: gr.State
    shelf: Shelf


Handler = Callable[..., Changes | Iterator[Changes]]


def plainly(where: str) -> Callable[[Handler], Callable[..., Iterator[Changes]]]:
    """Show a handler's error as a sentence at a place of the page, written `STEP.PART`."""
    step, part = where.split(".")

    def wrap(handler: Handler) -> Callable[..., Iterator[Changes]]:
        @functools.wraps(handler)
        def wrapped(desk: Desk, *given: Any) -> Iterator[Changes]:
            try:
                made = handler(desk, *given)
                if isinstance(made, dict):
                    yield made
                else:
                    yield from made
            except Exception as error:
                yield {getattr(getattr(desk.parts, step), part): showing.problem(error)}

        return wrapped

    return wrap
