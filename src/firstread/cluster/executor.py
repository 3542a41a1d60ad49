"""Who does the work of a training where a cluster does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from firstread.cluster.checks import check_seen
from firstread.cluster.each import Spread
from firstread.cluster.nodes import Cluster
from firstread.cluster.tasks import Tasks
from firstread.cluster.training import Together
from firstread.images import located
from firstread.learning import Executor

_LOOKED_AT = 8


def executor(
    cluster: Cluster, *, workers: int = 0, storage: str = "", device: str = "auto"
) -> Executor:
    """Let a cluster do the work: the training together, folds and candidates as tasks.

    Images are read, and features computed, by one worker a core.

    Parameters
    ----------
    cluster
        Connected to.
    workers, storage
        As of `Together.of`.
    device
        As of `Plan`, or `auto`.

    Raises
    ------
    UsageError
        If the cluster can't hold so many workers.

    Examples
    --------
    ::

        from firstread.cluster import connected
        from firstread.cluster.executor import executor

        with connected("auto") as cluster:
            firstread.train("DATA", "RUN", folds=5, executor=executor(cluster))
    """
    threads = min(torch.get_num_threads(), int(max(node.cpus for node in cluster.nodes)))
    gpu = device != "cpu" and torch.cuda.is_available() and cluster.gpus > 0
    return Executor(
        Together.of(cluster, workers=workers, storage=storage, device=device),
        Tasks(threads, int(gpu)),
        partial(_check, cluster),
        Spread.over(cluster),
    )


def sums(executor: Executor) -> list[str]:
    """Say in a line each what a cluster's workers did: reading and features, and training."""
    work = (("read and computed features of", executor.each), ("trained on", executor.train))
    tallies = [(what, by.tally) for what, by in work if isinstance(by, Spread | Together)]
    return [f"The cluster {what} {tally.sentence()}" for what, tally in tallies if tally.images]


def _check(cluster: Cluster, paths: Sequence[Path]) -> None:
    """Find out whether all machines see the images: some from here and there among them."""
    step = -(-len(paths) // _LOOKED_AT)
    check_seen(cluster, [located(path)[0] for path in paths[::step]])
