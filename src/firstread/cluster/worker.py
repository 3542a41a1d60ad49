"""What each worker of a training does: the loop of `firstread.learning`, as one of a team."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from firstread.cluster.board import Board
from firstread.errors import RunError, TrainingError
from firstread.learning import Plan, checkpoint
from firstread.learning.loop import Loop
from firstread.learning.team import Group, Team
from firstread.progress import Step
from firstread.run import CHECKPOINT

_TOLD_EVERY_S = 0.2


@dataclass(frozen=True)
class Orders:
    """What the workers of a training need to know.

    Parameters
    ----------
    loop
        To be run.
    state
        To go on from, where the training was begun elsewhere.
    threads
        Of torch.
    gpu
        Whether each worker has a GPU.
    storage
        Where checkpoints go, as the user named it.
    """

    loop: Loop
    state: dict[str, Any] | None
    threads: int
    gpu: bool
    storage: str


class Reported:
    """A training's state, kept where Ray Train keeps checkpoints; as of `checkpoint.Kept`.

    Parameters
    ----------
    team
        Of which the first writes, and all wait until it is written.
    orders
        With the state where Ray Train has none.
    """

    def __init__(self, team: Team, orders: Orders) -> None:
        self.team = team
        self.orders = orders

    def load(self) -> dict[str, Any] | None:
        """Return the last state."""
        from ray import train

        last = train.get_checkpoint()
        if last is None:
            return self.orders.state
        with last.as_directory() as folder:
            return checkpoint.load(Path(folder) / CHECKPOINT)

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state instead of the last one.

        Raises
        ------
        RunError
            In all workers, if the first can't write it.
        """
        from ray import train

        problem = ""
        with tempfile.TemporaryDirectory(prefix="firstread-") as folder:
            try:
                made = None
                if self.team.rank == 0:
                    checkpoint.save(Path(folder) / CHECKPOINT, state)
                    made = train.Checkpoint.from_directory(folder)
                train.report({}, checkpoint=made)
            except (OSError, RunError) as error:
                problem = " ".join(str(error).split())
        if self.team.any(bool(problem)):
            raise RunError(
                f"{self.orders.storage}: the training's state can't be written ({problem}); make "
                "room there, then go on with: firstread train --resume RUN --cluster ADDRESS"
            )


def work(config: dict[str, Any]) -> Any:
    """Run the loop; the result is its plan, the learned weights are in the last checkpoint.

    An error that all workers raise together, since they do the same, is returned: Ray Train would
    do everything again.
    """
    import ray
    from ray.train.torch import get_device

    orders: Orders = ray.get(config["orders"][0])
    board: Board = config["board"]
    torch.set_num_threads(orders.threads)
    loop = orders.loop.on(str(get_device())) if orders.gpu else orders.loop
    team = Group.joined(loop.plan.device)
    events = loop.run(Reported(team, orders), team)
    try:
        return _told(events, board if team.rank == 0 else None)
    except (TrainingError, RunError) as error:
        return error


def _told(events: Generator[Any, None, Plan], board: Board | None) -> Plan:
    """Do work to its end; tell what happens, but of the steps only as many as can be looked at."""
    last = 0.0
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            plan: Plan = end.value
            return plan
        now = time.monotonic()
        if board is not None and (not isinstance(event, Step) or now > last + _TOLD_EVERY_S):
            board.tell([event])
            last = now
