"""What the commands do and print with --cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from firstread.cluster import Cluster
    from firstread.evaluating import Label
    from firstread.learning import Executor
    from firstread.spreading import Each


@contextmanager
def told(address: str) -> Iterator[Cluster]:
    """Connect within the block, and say to what."""
    from firstread.cli.screen import notices
    from firstread.cluster import connected

    with connected(address) as cluster:
        notices.print(cluster.sentence(), markup=False)
        yield cluster


@contextmanager
def spread(address: str | None, workers: int | None) -> Iterator[Each]:
    """Say who applies functions to images within the block; sum it up afterwards."""
    from firstread.cli.screen import notices
    from firstread.spreading import in_threads

    if address is None:
        yield in_threads
        return
    from firstread.cluster.each import Spread

    with told(address) as cluster:
        each = Spread.over(cluster, workers)
        yield each
        notices.print(each.tally.sentence(), markup=False)


@contextmanager
def labelling(address: str | None, run: Path, workers: int | None) -> Iterator[Label]:
    """Say who labels images within the block; sum it up afterwards."""
    from firstread.cli.screen import notices
    from firstread.evaluating import label_here

    if address is None:
        yield label_here
        return
    from firstread.cluster.pipeline import Tally
    from firstread.cluster.predicting import label_on

    with told(address) as cluster:
        tally = Tally(workers or cluster.cpus)
        yield label_on(cluster, run, tally)
        notices.print(tally.sentence(), markup=False)


def predict_on(
    address: str,
    run: Path,
    names: Sequence[str],
    *,
    out: str | None,
    slices: str | None,
    workers: int | None,
    size: int | None,
    skip_unreadable: bool,
    coverage: float | None,
) -> pd.DataFrame | None:
    """Label images on a cluster; return what `Classifier.predict` would, or None with `out`."""
    from firstread.cli.screen import console, followed, notices
    from firstread.cluster.labelling import SHARDS
    from firstread.cluster.predicting import Predicted, predicting
    from firstread.errors import DataError

    with told(address) as cluster:
        work = predicting(
            cluster,
            run,
            names,
            out=out,
            slices=slices,
            workers=workers,
            size=size,
            coverage=coverage,
        )
        result: Predicted = followed(work, rate=True)
    notices.print(result.tally.sentence(), markup=False)
    if result.frame is not None:
        if result.reasons and not (skip_unreadable and len(result.reasons) < result.images):
            raise DataError(result.reasons)
        return result.answers()
    for reason in result.reasons:
        notices.print(f"no answer: {reason}", markup=False, style="yellow")
    before = f" {result.before:,} of them were there already." if result.before else ""
    console.print(
        f"{result.images:,} images, {result.errors:,} of which can't be read. Everything is in "
        f"{out}/{SHARDS}, as Parquet.{before}",
        markup=False,
    )
    return None


@contextmanager
def executing(
    address: str | None, *, workers: int = 0, storage: str = "", device: str = "auto"
) -> Iterator[Executor]:
    """Say who does the work of a training within the block; sum up what a cluster did."""
    from firstread.cli.screen import notices
    from firstread.learning import HERE

    if address is None:
        yield HERE
        return
    from firstread.cluster.executor import executor, sums

    with told(address) as cluster:
        made = executor(cluster, workers=workers, storage=storage, device=device)
        yield made
        for line in sums(made):
            notices.print(line, markup=False)
