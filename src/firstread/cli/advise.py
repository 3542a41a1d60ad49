"""`firstread advise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def advise(
    data: Annotated[
        Path, typer.Argument(help="Images with labels, as for train.", show_default=False)
    ],
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    budget: options.Budget = None,
    image_size: options.ImageSize = None,
    balance: options.Balance = None,
    neutralise: options.Neutralise = None,
    window: options.Window = None,
    spacing: options.Spacing = None,
    slices: options.Slices = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    precision: options.Precision = None,
    skip_unreadable: options.SkipUnreadable = False,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="Draw accuracy against the number of training images (.png, .pdf, .svg).",
            show_default=False,
        ),
    ] = None,
    cluster: options.Cluster = None,
) -> None:
    """Say how to learn a data set: the tutorial's rule, and beside it a measurement.

    Compares the ways to use a network by cross-validation on the training images, and says what
    more images would bring. Writes nothing but the figure that is asked for.
    """
    from firstread.advising import advising
    from firstread.cli.clustered import executing
    from firstread.cli.progress import show
    from firstread.cli.screen import drawable

    if figure is not None:
        drawable("--figure", figure)
    with executing(cluster, device=device) as executor:
        advice = show(
            advising(
                data,
                skip_unreadable=skip_unreadable,
                device=device,
                budget=budget or 120.0,
                executor=executor,
                backbone=backbone,
                weights=weights,
                image_size=image_size,
                balance=balance,
                neutralise=neutralise,
                window=window,
                spacing=spacing,
                slices=slices,
                seed=seed,
                precision=precision,
            )
        )
    if figure is not None and advice.curve is not None:
        from firstread.report.figures import learning_curve_figure

        curve = advice.curve
        drawn = learning_curve_figure(curve.frame(), curve.beyond(), curve.sentence(), curve.unit)
        drawn.savefig(figure, dpi=150)
