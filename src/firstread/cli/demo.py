"""`firstread demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make, for images and run.")] = Path(
        "firstread-demo"
    ),
    seed: options.Seed = None,
) -> None:
    """Do the whole job on built-in synthetic radiographs: nothing needed, nothing downloaded.

    Makes the tutorial's 65 + 10 + 2 chest and abdominal images, compares ways to learn them from
    the weights that come with firstread, trains, draws and predicts.
    """
    import time

    from firstread.classifier import load
    from firstread.cli.progress import show
    from firstread.cli.screen import console
    from firstread.datasets.films import write_hello_world
    from firstread.report.figures import sheet
    from firstread.run import check_free
    from firstread.training import training

    start = time.perf_counter()
    check_free(out)
    images, run = out / "images", out / "run"
    console.print("Computing 77 synthetic radiographs of chests and abdomens ...")
    write_hello_world(images, seed or 0)
    show(training(images, run, weights="phantom", seed=seed))
    classifier = load(run)
    predictions = classifier.predict(images / "test")
    sheet(predictions, classifier.classes).savefig(out / "test.png", dpi=120)
    for path, label in zip(predictions["path"], predictions["label"], strict=True):
        console.print(f"{Path(path).name}: {label}")
    console.print(
        f"{time.perf_counter() - start:.0f} s in all. Look at {run / 'curves.png'} and "
        f"{out / 'test.png'}; the images are in {images}."
    )
    console.print("Your own: firstread train FOLDER --out RUN")
