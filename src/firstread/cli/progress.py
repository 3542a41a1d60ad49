"""Shows a training while it happens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path

from firstread.cli.screen import bar, console, notices, print_table
from firstread.learning import TUTORIAL_NOTES, Epoch
from firstread.progress import Notice, Step
from firstread.training import Event, Found, Ready, Result


def show(events: Iterator[Event]) -> Result:
    """Print what happens until it is over, with a live bar on a terminal; return the result."""
    with bar() as drawn:
        task = drawn.add_task("reading images", total=None)
        for event in events:
            if isinstance(event, Step):
                drawn.update(task, description=event.phase, completed=event.done, total=event.of)
            else:
                _print(event)
    assert isinstance(event, Result)
    return event


@singledispatch
def _print(event: object) -> None:
    raise TypeError(f"no way to print {event!r}")


@_print.register
def _(event: Notice) -> None:
    notices.print(event.text, markup=False, style="yellow")


@_print.register
def _(event: Found) -> None:
    dataset, store = event.dataset, event.store
    for line in event.skipped:
        notices.print(f"left out: {line}", markup=False, style="yellow")
    if dataset.passed_over:
        names = ", ".join(path.name for path in dataset.passed_over[:3])
        more = ", ..." if len(dataset.passed_over) > 3 else ""
        notices.print(
            f"passed over: {len(dataset.passed_over)} files that are not images ({names}{more})",
            markup=False,
        )
    counts = dataset.counts()
    rows = [[str(name), *map(str, row)] for name, row in counts.iterrows()]
    print_table(["class", *counts.columns], rows, right=list(counts.columns))
    low, high = store.shapes.min(axis=0), store.shapes.max(axis=0)
    sizes = f"{low[1]} to {high[1]} px wide, {low[0]} to {high[0]} px high"
    console.print(f"{len(store)} images, {'gray' if store.gray else 'colour'}, {sizes}")


@_print.register
def _(event: Ready) -> None:
    plan, origin = event.plan, event.origin
    start = {
        "none": "random weights",
        "imagenet": f"official ImageNet weights ({origin.name})",
        "file": f"weights of {origin.name}",
    }[origin.kind]
    manner = {
        "probe": "fixed features under a new head",
        "finetune": "every layer trains",
        "scratch": "every layer trains",
    }[plan.strategy]
    console.print(
        f"{plan.backbone} ({event.parameters / 1e6:.1f} M parameters) from {start}; {manner}; "
        f"{plan.image_size} x {plan.image_size} px, {plan.epochs} epochs of batches of "
        f"{plan.batch_size}, {plan.precision} on {plan.device}",
        markup=False,
    )
    if origin.kind == "none":
        notices.print(
            "Pretrained weights usually do better: --weights imagenet downloads them once, "
            "--weights FILE takes a file.",
            style="yellow",
        )
    if plan.recipe == "tutorial":
        notices.print("The tutorial's recipe is followed exactly, but for its slips:")
        for note in TUTORIAL_NOTES:
            notices.print(f"  - {note}", markup=False)


@_print.register
def _(event: Epoch) -> None:
    console.print(
        f"epoch {event.epoch:3d}  loss {event.loss:.4f}  acc {event.acc:.4f}  "
        f"val_loss {event.val_loss:.4f}  val_acc {event.val_acc:.4f}  {event.seconds:6.1f} s"
    )


@_print.register
def _(event: Result) -> None:
    names = {"val": "Validation", "test": "Test"}
    for split, metrics in event.metrics.items():
        console.print(f"{names[split]}: {metrics.sentence()} {metrics.baseline()}", style="bold")
    run = shlex.quote(str(event.run.folder))
    console.print(f"Everything is in {event.run.folder}; the curves in {_curves(event)}.")
    console.print(f"Next: firstread predict {run} IMAGE")


def _curves(event: Result) -> Path:
    from firstread.run import CURVES

    return event.run.folder / CURVES
