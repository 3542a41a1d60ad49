"""`firstread pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstread.cli import options

if TYPE_CHECKING:
    from firstread.pretraining import Line


def pretrain(
    out: Annotated[Path, typer.Option(help="Folder for state, log, curves and weights.")],
    recipe: Annotated[
        Path | None,
        typer.Option(
            help="A recipe (.toml); by default that of the weights that come with firstread.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Instead of the recipe's.", show_default=False)
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that compute images beside the training.")
    ] = 0,
    device: options.Device = "auto",
    precision: options.Precision = None,
) -> None:
    """Pretrain a backbone on computed images alone, as the weights `phantom` were.

    The same command, given again, goes on where it was cut off. The weights take the place of a
    file: firstread train DATA --backbone phantom_s --weights OUT/phantom_s.safetensors
    """
    import pandas as pd

    from firstread.cli.screen import bar, console, notices, print_table
    from firstread.errors import UsageError
    from firstread.learning import choose_device
    from firstread.pretraining import (
        LOG,
        RECIPE,
        Line,
        Pretrainer,
        logged,
        pretraining,
        read_recipe,
        seconds,
        ship,
    )
    from firstread.report.pretraining import pretraining_figure

    chosen = read_recipe(recipe or RECIPE, **({"steps": steps} if steps else {}))
    learner = Pretrainer(chosen, choose_device(device), precision or "auto")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: can't be made ({error.strerror}); take another --out") from None
    console.print(
        f"{chosen.backbone}: {chosen.steps} steps of {chosen.batch} computed images, "
        f"{chosen.size} x {chosen.size} px, {learner.precision} on {learner.device}"
    )
    with bar() as drawn:
        task = drawn.add_task("pretraining", total=chosen.steps)
        events = pretraining(learner, out / "state.pt", workers=workers)
        for event in logged(events, learner, out):
            if isinstance(event, Line):
                console.print(_sentence(event))
            else:
                drawn.update(task, completed=event.done)
    weights, marks = ship(learner, out, seconds(out), workers)
    pretraining_figure(pd.read_csv(out / LOG)).savefig(out / "curves.png", dpi=150)
    rows = [
        [kind, name, f"{value:.3f}"]
        for kind, values in marks.kinds()
        for name, value in values.items()
    ]
    print_table(
        ["figure", "of", "value"],
        rows,
        "On computed images that were not learned from",
        right=["value"],
    )
    size = weights.stat().st_size / 1e6
    notices.print(f"The weights are {weights} ({size:.1f} MB), the curves {out / 'curves.png'}.")


def _sentence(line: Line) -> str:
    text = f"step {line.step:6d}  loss {line.loss:.4f}"
    text += "".join(f"  {name} {value:.3f}" for name, value in line.losses.items())
    if line.marks is not None:
        means = line.marks.summary().items()
        text += "  unseen: " + ", ".join(f"{name} {value:.3f}" for name, value in means)
    return text + f"  {line.seconds:.0f} s"
