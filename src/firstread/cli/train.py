"""`firstread train`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from firstread.cli import options


def train(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of class folders; folder with train/ and val/ of them; or CSV or TSV "
            "with the columns path and label, and perhaps patient and split. With --plan, the "
            "plan's own if not given.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run folder to make.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Go on with a run that was stopped or killed.", show_default=False
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="plan.json", help="Repeat the plan of another run.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="firstread|tutorial",
            help="tutorial: its training, exactly.",
            show_default=False,
        ),
    ] = None,
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    strategy: options.Strategy = None,
    stage: options.Stage = None,
    classifier: options.Classifier = None,
    budget: options.Budget = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    accumulate: Annotated[
        int | None,
        typer.Option(
            help="Parts that a batch is computed in, where memory is short.", show_default=False
        ),
    ] = None,
    lr: options.LearningRate = None,
    balance: options.Balance = None,
    label_smoothing: options.LabelSmoothing = None,
    frozen: options.Frozen = None,
    patience: options.Patience = None,
    image_size: options.ImageSize = None,
    augment: options.Augment = None,
    neutralise: options.Neutralise = None,
    window: options.Window = None,
    spacing: options.Spacing = None,
    slices: options.Slices = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    precision: options.Precision = None,
    skip_unreadable: options.SkipUnreadable = False,
    folds: Annotated[
        int, typer.Option(min=0, help="Repeat the whole training in so many folds.")
    ] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Part the folds anew so many times.")] = 1,
    permute: Annotated[
        int,
        typer.Option(
            min=0, help="Repeat it so many times with shuffled labels: it must find nothing then."
        ),
    ] = 0,
    column: options.Column = None,
    audit: Annotated[
        bool, typer.Option(help="Look for what is wrong with the data first, and fit rivals.")
    ] = True,
    cluster: options.Cluster = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --cluster: how many workers train the network together; one a GPU, or one "
            "a machine where there is none, if not given.",
            show_default=False,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="With --cluster: where the training's state is kept, a folder that all machines "
            "share or object storage (s3://, gs://, ...); RUN if not given.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print what happens as JSON, an event a line.")
    ] = False,
) -> None:
    """Train a classifier on a folder of labelled images.

    Needs no option but --out. Says what it found, compares the cheap ways to learn it, shows the
    training as it goes, and leaves in RUN the model, its learning curves and its predictions.
    """
    if json:
        # Scripts start what runs in the background with interruption ignored, and what that starts
        # inherits it; who follows a training by its lines must be able to stop it all the same.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    from firstread.cli.clustered import executing
    from firstread.cli.lines import write_lines
    from firstread.cli.progress import show
    from firstread.errors import UsageError
    from firstread.training import resuming, training

    if cluster is None and (workers, storage) != (None, None):
        raise UsageError("--workers and --storage go with --cluster; write --cluster auto")
    executed = executing(cluster, workers=workers or 0, storage=storage or "", device=device)
    tell = write_lines if json else show
    choices: dict[str, Any] = {
        "recipe": recipe,
        "backbone": backbone,
        "weights": weights,
        "strategy": strategy,
        "stage": stage,
        "classifier": classifier,
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "lr": lr,
        "balance": balance,
        "label_smoothing": label_smoothing,
        "frozen": frozen,
        "patience": patience,
        "image_size": image_size,
        "augment": augment,
        "neutralise": neutralise,
        "window": window,
        "spacing": spacing,
        "slices": slices,
        "seed": seed,
        "precision": precision,
    }
    if resume is not None:
        named = [name for name, value in choices.items() if value is not None]
        if named or data is not None or out is not None or plan is not None:
            extra = f"drop --{named[0].replace('_', '-')}" if named else "give nothing else"
            raise UsageError(
                f"--resume {resume}: the run goes on as it was planned, with its own data; {extra}"
            )
        with executed as executor:
            tell(resuming(resume, executor=executor))
        return
    if out is None:
        raise UsageError("--out RUN is missing: the name of the run folder to make")
    made = None
    if plan is not None:
        from firstread.learning import Plan

        made = Plan.load(plan)
    if data is None and made is None:
        raise UsageError("DATA is missing: a folder of class folders, or a table of images")
    where = data if data is not None or made is None else Path(made.data)
    assert where is not None
    with executed as executor:
        tell(
            training(
                where,
                out,
                plan=made,
                skip_unreadable=skip_unreadable,
                device=device,
                budget=budget,
                audit=audit,
                folds=folds,
                repeats=repeats,
                permute=permute,
                columns=column or (),
                executor=executor,
                **choices,
            )
        )
