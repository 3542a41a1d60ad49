"""A training as lines of JSON, for programs that follow it while it happens."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import singledispatch
from typing import Any

from firstread.auditing import Audit
from firstread.events import Found, Ready, Result
from firstread.learning import Advice, Epoch, RangeTest, Trial
from firstread.progress import Notice, Step

EVERY_S = 0.2
"""Seconds between two steps that are told; of those between, a reader misses nothing."""


def write_lines(events: Iterable[Any]) -> None:
    """Print each event as a line of JSON: its kind as `event`, the time as `at`, and what it says.

    Of the steps of a phase the first and the last are always told, the others now and then.
    """
    told, phase = 0.0, ""
    for event in events:
        now = time.time()
        if isinstance(event, Step):
            if event.phase == phase and event.done < event.of and now - told < EVERY_S:
                continue
            told, phase = now, event.phase
        kind, said = record(event)
        line = {"event": kind, "at": round(now, 3), **said}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


@singledispatch
def record(event: object) -> tuple[str, dict[str, Any]]:
    """Return an event's kind and what it says, as plain values."""
    raise TypeError(f"no way to write {event!r}")


@record.register
def _(event: Step) -> tuple[str, dict[str, Any]]:
    return "step", asdict(event)


@record.register
def _(event: Notice) -> tuple[str, dict[str, Any]]:
    return "notice", asdict(event)


@record.register
def _(event: Audit) -> tuple[str, dict[str, Any]]:
    told = [f for f in event.findings if f.severity in ("severe", "warning")]
    return "audit", {"findings": [{"code": f.code, "severity": f.severity} for f in told]}


@record.register
def _(event: Found) -> tuple[str, dict[str, Any]]:
    counts = event.dataset.counts()
    images = {str(split): len(event.dataset.part(str(split))) for split in counts}
    classes = list(event.dataset.classes)
    return "found", {"images": images, "classes": classes, "left_out": len(event.skipped)}


@record.register
def _(event: Advice) -> tuple[str, dict[str, Any]]:
    return "advice", {"chosen": event.chosen.name, "sentences": list(event.sentences())}


@record.register
def _(event: Ready) -> tuple[str, dict[str, Any]]:
    origin = asdict(event.origin)
    return "ready", {"plan": asdict(event.plan), "origin": origin, "parameters": event.parameters}


@record.register
def _(event: RangeTest) -> tuple[str, dict[str, Any]]:
    return "range_test", {"chosen": event.chosen}


@record.register
def _(event: Trial) -> tuple[str, dict[str, Any]]:
    return "trial", asdict(event)


@record.register
def _(event: Epoch) -> tuple[str, dict[str, Any]]:
    return "epoch", asdict(event)


@record.register
def _(event: Result) -> tuple[str, dict[str, Any]]:
    said = {split: metrics.sentence() for split, metrics in event.metrics.items()}
    return "result", {"run": str(event.run.folder), "figures": said}
