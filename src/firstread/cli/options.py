"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out files that can't be read, and list them."),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="A network of `firstread zoo`, or timm/NAME.", show_default=False),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|none|FILE",
        help="What the network starts from. By default the official weights where this machine "
        "has them, else none; `imagenet` downloads them.",
        show_default=False,
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="probe|finetune|scratch",
        help="Fixed features under a new head; all layers from pretrained weights; all layers "
        "from random weights.",
        show_default=False,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the images.", show_default=False)]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.", show_default=False)]
LearningRate = Annotated[
    float | None, typer.Option("--lr", help="Learning rate.", show_default=False)
]
ImageSize = Annotated[
    int | None,
    typer.Option(help="Side that images are squashed to, in pixels.", show_default=False),
]
Augment = Annotated[
    str | None,
    typer.Option(
        metavar="none|mild|tutorial", help="Random distortions in training.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option(help="Decides split, weights, order and distortions.")]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.")]
Precision = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|bfloat16", help="Number format; auto measures which is faster."
    ),
]
