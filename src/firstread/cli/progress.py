"""Shows a training while it happens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from firstread.auditing import Audit
from firstread.cli.screen import bar, console, notices, print_table
from firstread.events import Found, Ready, Result
from firstread.learning import TUTORIAL_NOTES, Advice, Epoch, RangeTest, Trial
from firstread.progress import Notice, Step
from firstread.run import REPORT


def show(events: Iterator[Any]) -> Any:
    """Print what happens until it is over, with a live bar on a terminal; return the last event."""
    phase, event = "", None
    with bar() as drawn:
        task = drawn.add_task("reading images", total=None)
        for event in events:
            if not isinstance(event, Step):
                _print(event)
                continue
            if event.phase != phase:
                drawn.reset(task)
                phase = event.phase
            drawn.update(task, description=phase, completed=event.done, total=event.of)
    return event


@singledispatch
def _print(event: object) -> None:
    raise TypeError(f"no way to print {event!r}")


@_print.register
def _(event: Notice) -> None:
    notices.print(event.text, markup=False, style="yellow")


@_print.register
def _(event: Found) -> None:
    dataset = event.dataset
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
    narrow, wide, low, high = event.sizes
    sizes = f"{narrow} to {wide} px wide, {low} to {high} px high"
    several = "; an image may have several labels" if dataset.multilabel else ""
    kind = "gray" if event.gray else "colour"
    console.print(f"{len(dataset)} images, {kind}, {sizes}{several}")


@_print.register
def _(event: Audit) -> None:
    told = [found for found in event.findings if found.severity in ("severe", "warning")]
    for finding in told:
        style = "bold red" if finding.severity == "severe" else "yellow"
        console.print(f"{finding.severity}: {finding.message}", markup=False, style=style)
    if told:
        notices.print("firstread audit DATA says why each of these matters, and what to do.")


@_print.register
def _(event: Advice) -> None:
    rows = [
        [
            ("* " if candidate is event.chosen else "  ") + candidate.name,
            f"{100 * candidate.accuracy:.1f}" if candidate.measured else "",
            "{:.0f} to {:.0f}".format(*(100 * end for end in candidate.interval))
            if candidate.measured
            else "",
            f"{candidate.loss:.3f}" if candidate.measured else "",
            f"{candidate.seconds:.1f}" if candidate.measured else "",
            candidate.note,
        ]
        for candidate in event.candidates
    ]
    columns = ["compared", "accuracy (%)", "95 % interval", "log loss", "seconds", "note"]
    print_table(columns, rows, "By cross-validation on the training images", right=columns[1:5])
    for sentence in event.sentences():
        console.print(sentence, markup=False)


@_print.register
def _(event: RangeTest) -> None:
    console.print(
        f"learning rate {event.chosen:.3g}, by a range test over {len(event.rates)} steps"
    )


@_print.register
def _(event: Trial) -> None:
    console.print(
        f"C {event.c:<7g}  loss {event.loss:.4f}  acc {event.acc:.4f}  "
        f"val_loss {event.val_loss:.4f}  val_acc {event.val_acc:.4f}"
    )


@_print.register
def _(event: Ready) -> None:
    plan, origin = event.plan, event.origin
    start = {
        "none": "random weights",
        "imagenet": f"official ImageNet weights ({origin.name})",
        "phantom": "weights that came with firstread, learned from computed patients",
        "file": f"weights of {origin.name}",
    }[origin.kind]
    kind = {"softmax": "softmax regression", "svm": "a linear support vector machine"}
    fixed = f"the features of stage {plan.stage}" if plan.stage else "fixed features"
    frozen = f"layers above {plan.frozen} train" if plan.frozen else "every layer trains"
    steps = f", {plan.epochs} epochs of batches of {plan.batch_size}"
    manner, steps = {
        "probe": (f"{kind[plan.classifier]} on {fixed}", ""),
        "finetune": (f"the head first, then {frozen}", steps),
        "scratch": ("every layer trains", steps),
    }[plan.strategy]
    console.print(
        f"{plan.backbone} ({event.parameters / 1e6:.1f} M parameters) from {start}; {manner}; "
        f"{plan.image_size} x {plan.image_size} px{steps}, {plan.precision} on {plan.device}",
        markup=False,
    )
    if origin.kind == "none":
        notices.print(
            "Pretrained weights usually do better: --weights imagenet downloads them once, "
            "--weights FILE takes a file, --weights phantom those that came with firstread.",
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
    if event.ladder is not None:
        console.print(event.ladder.sentence(), style="bold")
    for repeated in event.repeated:
        console.print(repeated.sentence(), style="bold")
    run = shlex.quote(str(event.run.folder))
    folder = event.run.folder
    console.print(f"Everything is in {folder}; read {folder / REPORT} first.")
    console.print(f"Next: firstread predict {run} IMAGE")
