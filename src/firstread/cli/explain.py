"""`firstread explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

METHODS = "gradcam|gradcam++|evidence|integrated|occlusion"


def explain(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE…|FOLDER",
            help="Images to explain, or folders of them. With --layer, the data to look through.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder to write the pictures to.", show_default=False)
    ] = ...,  # type: ignore[assignment]
    method: Annotated[
        str,
        typer.Option(
            metavar=METHODS,
            help="gradcam marks coarsely what speaks for the class, in one pass; evidence is exact "
            "for a linear head; integrated and occlusion are slow and need no feature map.",
        ),
    ] = "gradcam",
    target: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="The class to explain; by default each image's most probable.",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Draw what the filters of a layer respond to most in the run's training images, "
            "instead (`firstread zoo NETWORK` lists the stages).",
            show_default=False,
        ),
    ] = None,
    checks: Annotated[
        bool,
        typer.Option(
            "--checks/--no-checks",
            help="Check whether each map is worth anything: random weights, covering, small "
            "shifts. Takes most of the time.",
        ),
    ] = True,
) -> None:
    """Show where a trained network looked in each image, and whether to believe it.

    Writes a picture of the image's own size, and a sheet with scale, checks and words, for each.
    """
    from firstread.cli.screen import bar, console, print_table
    from firstread.explained import Explained, Looked, explaining
    from firstread.progress import Step

    events = explaining(
        run, images or (), out, method=method, target=target, layer=layer, checks=checks
    )
    found: list[Explained] = []
    with bar() as drawn:
        task = drawn.add_task("", total=None)
        for event in events:
            if isinstance(event, Step):
                drawn.update(task, description=event.phase, completed=event.done, total=event.of)
            elif isinstance(event, Looked):
                console.print(
                    f"What {event.filters} filters of {event.layer} respond to is drawn in "
                    f"{event.figure}.",
                    markup=False,
                )
            else:
                found.append(event)
    if not found:
        return
    rows = [
        [
            str(one.path),
            one.explanation.target,
            f"{one.explanation.probability:.4f}",
            one.worth(),
            str(one.sheet),
        ]
        for one in found
    ]
    print_table(["image", "class", "probability", "map", "sheet"], rows, right=["probability"])
    for one in found:
        if one.explanation.checks is None:
            continue
        console.print(f"{one.path.name}:", markup=False, style="bold")
        for sentence in one.explanation.checks.sentences():
            console.print(f"  {sentence}", markup=False)
