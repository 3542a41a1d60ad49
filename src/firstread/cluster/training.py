"""A training by gradients on many machines: the one loop of firstread, run by Ray Train."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstread.cluster.board import Board
from firstread.cluster.checkpoints import Place, place_of
from firstread.cluster.checks import check_shared
from firstread.cluster.nodes import Cluster, this_node
from firstread.cluster.pipeline import Tally
from firstread.cluster.storage import is_url
from firstread.cluster.worker import Orders, work
from firstread.errors import FirstreadError, NetworkError, UsageError
from firstread.learning import Epoch, Plan
from firstread.learning.checkpoint import File
from firstread.learning.loop import Loop
from firstread.progress import Notice
from firstread.run import CLUSTER

FAILURES = 8
"""How many times workers may fail before a training is given up; a lost machine is not counted."""

_POLL_S = 0.1


@dataclass(frozen=True)
class Together:
    """Trains on a cluster, as of `firstread.learning.loop.Train`.

    Each worker has the whole network and takes its part of every batch. Where workers are lost,
    those that are left go on from the last checkpoint, and others join when they come: how many
    they are changes the order in which numbers are added, and nothing else.

    Parameters
    ----------
    cluster
        Connected to.
    workers
        How many at most.
    cpus
        Cores of each, and threads.
    gpu
        Whether each has a GPU.
    storage
        Where checkpoints go: a folder that all machines share, or a URL (`s3://`, `gs://`, ...);
        the run folder if empty.
    tally
        Counts what they learned from: images of all epochs, the epochs' time and failures.
    """

    cluster: Cluster
    workers: int
    cpus: int
    gpu: bool = False
    storage: str = ""
    tally: Tally = field(default_factory=lambda: Tally(0), repr=False, compare=False)

    @classmethod
    def of(
        cls, cluster: Cluster, *, workers: int = 0, storage: str = "", device: str = "auto"
    ) -> Together:
        """Choose workers for a cluster: one a GPU, or where there is none one a machine.

        Parameters
        ----------
        cluster
            Connected to.
        workers
            How many; 0 for all that the cluster can hold.
        storage
            As of `Together`.
        device
            As of `Plan`; with `cpu`, GPUs are left alone.

        Raises
        ------
        UsageError
            If the cluster can't hold so many.
        """
        gpu = device != "cpu" and cluster.gpus > 0
        nodes = [node for node in cluster.nodes if node.gpus >= 1] if gpu else cluster.nodes
        room = cluster.gpus if gpu else cluster.cpus
        if workers > room:
            kind = "GPUs" if gpu else "cores"
            raise UsageError(
                f"--workers {workers}: the cluster has {room} {kind}; give at most {room}, or "
                "start more nodes"
            )
        count = workers or (room if gpu else len(nodes))
        # As many on each node as the most crowded one has to take.
        crowd = max(1, -(-count // len(nodes)))
        cpus = max(1, int(min(node.cpus for node in nodes)) // crowd)
        return cls(cluster, count, cpus, gpu, storage, Tally(count))

    def __call__(self, loop: Loop, saved: Path | None) -> Generator[Any, None, Plan]:
        """Run a loop, from where it was stopped if it was; its network is trained in the end.

        Parameters
        ----------
        loop
            To be run.
        saved
            Of the run folder.

        Raises
        ------
        FirstreadError
            What the training raised.
        NetworkError
            If workers fail again and again.
        """
        assert saved is not None, "nothing but the training of a run is spread over workers"
        loop.check(self.workers)
        place, kept = self._place(saved), File(saved)
        if not is_url(place.storage):
            Path(place.storage).mkdir(parents=True, exist_ok=True)
            check_shared(self.cluster, [place.storage])
        board = Board.opened()
        self.tally.begun = time.monotonic()
        known = (kept.load(), self.cpus, self.gpu, place.storage)
        orders = Orders(loop, *known)
        try:
            reference = self._begin(orders, place, board)
            plan = yield from _followed(board, reference, self.tally, loop.training.order.count)
        finally:
            board.close()
        # Whoever is stopped from here on goes on from the run folder.
        place.fetch(saved)
        saved.with_name(CLUSTER).unlink()
        place.delete()
        loop.take(kept, plan)
        return plan

    def _place(self, saved: Path) -> Place:
        """Return where the checkpoints of this training are, the same for one that is resumed."""
        record = saved.with_name(CLUSTER)
        if record.exists():
            return place_of(**json.loads(record.read_text(encoding="utf-8")))
        storage = self.storage or str(saved.parent)
        place = place_of(storage, f"firstread-{uuid.uuid4().hex[:12]}")
        known = {"storage": place.storage, "name": place.name}
        record.write_text(json.dumps(known) + "\n", encoding="utf-8")
        return place

    def _begin(self, orders: Orders, place: Place, board: Board) -> Any:
        """Begin a training in a process of its own beside this one, which can be ended."""
        import ray

        task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=this_node())(_fit)
        return task.remote(self, [ray.put(orders)], place, board)


def _fit(together: Together, orders: list[Any], place: Place, board: Board) -> Any:
    """Run Ray's trainer; return what the first worker does."""
    from ray.train import (
        CheckpointConfig,
        FailureConfig,
        RunConfig,
        ScalingConfig,
        UserCallback,
    )
    from ray.train.torch import TorchTrainer

    class Watch(UserCallback):  # type: ignore[misc]
        """Tells when workers fail."""

        def after_exception(self, run_context: Any, worker_exceptions: dict[int, Any]) -> None:
            board.failed(worker_exceptions)

    trainer = TorchTrainer(
        work,
        train_loop_config={"orders": orders, "board": board},
        scaling_config=ScalingConfig(
            num_workers=(1, together.workers),
            use_gpu=together.gpu,
            resources_per_worker={"CPU": together.cpus, **({"GPU": 1} if together.gpu else {})},
            placement_strategy="SPREAD",
        ),
        run_config=RunConfig(
            name=place.name,
            storage_path=place.path,
            storage_filesystem=place.filesystem,
            failure_config=FailureConfig(max_failures=FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            callbacks=[Watch()],
        ),
    )
    return trainer.fit().return_value


def _followed(
    board: Board, reference: Any, tally: Tally, images: int
) -> Generator[Any, None, Plan]:
    """Yield what a training tells, each epoch once, and count it; return what comes of it."""
    import ray

    told = 0
    try:
        over: list[Any] = []
        while not over:
            over, _ = ray.wait([reference], timeout=_POLL_S)
            for event in board.taken():
                if isinstance(event, Epoch):
                    if event.epoch <= told:
                        continue
                    told = event.epoch
                    tally.count(images, event.seconds * tally.workers)
                elif isinstance(event, Notice):  # Of workers that failed.
                    tally.restart((event.text, tally.images))
                yield event
        value = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise _explained(error, board) from None
    finally:
        ray.cancel(reference, force=True)
    if isinstance(value, FirstreadError):
        raise value
    plan: Plan = value
    return plan


def _explained(error: Exception, board: Board) -> FirstreadError:
    """Say why a training's workers failed so often."""
    failure, own = board.last_failure()
    if own is not None:
        return own
    reason = failure or str(error).strip().splitlines()[-1]
    return NetworkError(
        f"the training was given up after {FAILURES + 1} failures of its workers, the last one: "
        f"{reason}; look at `ray status` and at the memory of the machines, then go on with "
        "firstread train --resume RUN --cluster ADDRESS"
    )
