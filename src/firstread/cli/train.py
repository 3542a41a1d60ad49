"""`firstread train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder of class folders; folder with train/ and val/ of them; or CSV or TSV "
            "with the columns path and label, and perhaps patient and split.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="RUN", help="Run folder to make.", show_default=False)
    ],
    recipe: Annotated[
        str, typer.Option(metavar="firstread|tutorial", help="tutorial: its training, exactly.")
    ] = "firstread",
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    strategy: options.Strategy = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    lr: options.LearningRate = None,
    image_size: options.ImageSize = None,
    augment: options.Augment = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    skip_unreadable: options.SkipUnreadable = False,
) -> None:
    """Train a classifier on a folder of labelled images.

    Needs no option but --out. Says what it found, shows the training as it goes, and leaves in
    RUN the model, its learning curves and its predictions.
    """
    from firstread.cli.progress import show
    from firstread.training import training

    show(
        training(
            data,
            out,
            recipe=recipe,
            backbone=backbone,
            weights=weights,
            strategy=strategy,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            image_size=image_size,
            augment=augment,
            seed=seed,
            device=device,
            precision=precision,
            skip_unreadable=skip_unreadable,
        )
    )
