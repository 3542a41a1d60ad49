"""What one open page is about, and how its handlers say what changes and what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import isgeneratorfunction
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


def plainly(where: str) -> Callable[[Handler], Handler]:
    """Show a handler's error as a sentence at a place of the page, written `STEP.PART`."""
    step, part = where.split(".")

    def sentence(desk: Desk, error: Exception) -> Changes:
        return {getattr(getattr(desk.parts, step), part): showing.problem(error)}

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def telling(desk: Desk, *given: Any) -> Iterator[Changes]:
            try:
                yield from handler(desk, *given)
            except Exception as error:
                yield sentence(desk, error)

        @functools.wraps(handler)
        def answering(desk: Desk, *given: Any) -> Changes | Iterator[Changes]:
            try:
                return handler(desk, *given)
            except Exception as error:
                return sentence(desk, error)

        return telling if isgeneratorfunction(handler) else answering

    return wrap
