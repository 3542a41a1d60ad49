"""A training by gradients from its first step to its last, here or wherever it is carried."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from firstread.errors import UsageError
from firstread.learning.batches import Batches
from firstread.learning.checkpoint import File, Kept
from firstread.learning.finetune import Epoch, Learner, finetune
from firstread.learning.keeper import Keeper
from firstread.learning.lr_range import RangeTest, range_test
from firstread.learning.objective import Objective
from firstread.learning.plan import Plan
from firstread.learning.team import ALONE, Team
from firstread.progress import Step

Events = Generator[Step | Epoch | RangeTest, None, Plan]


@dataclass(frozen=True)
class Loop:
    """All that a training by gradients needs, ready to run; it can be sent to another process.

    Parameters
    ----------
    network, plan, objective, layers, aux_weight
        As of `Learner`.
    training, validation
        What to learn from, and what to judge on.
    """

    network: nn.Module
    plan: Plan
    objective: Objective
    layers: Sequence[Sequence[nn.Module]]
    aux_weight: float
    training: Batches
    validation: Batches

    def run(self, kept: Kept | None, team: Team = ALONE) -> Events:
        """Train in place, from the state that is kept if there is one; yield what happens.

        Parameters
        ----------
        kept
            Where the state is kept, if anywhere.
        team
            Who trains it together.

        Returns
        -------
        plan
            With the learning rate that was used.
        """
        plan, training, validation = self.plan, self.training.of(team), self.validation.of(team)
        learner = self._learner(plan, team)
        if plan.find_lr:
            tested = yield from range_test(learner, training)
            yield tested
            plan = replace(plan, lr=tested.chosen, find_lr=False)
            learner = self._learner(plan, team)
        keeper = Keeper(learner, kept)
        keeper.restore()
        yield from keeper.follow(finetune(learner, training, validation))
        keeper.finish()
        return plan

    def take(self, kept: Kept, plan: Plan) -> None:
        """Give the network the weights of a training that ran to its end elsewhere.

        Parameters
        ----------
        kept
            Where its state is.
        plan
            That `run` returned there.
        """
        keeper = Keeper(self._learner(plan, ALONE), kept)
        keeper.restore()
        keeper.finish()

    def on(self, device: str) -> Loop:
        """Return the loop on a device, as torch names it; its network is moved there."""
        self.network.to(device)
        return replace(self, plan=replace(self.plan, device=device))

    def check(self, processes: int) -> None:
        """Refuse to be shared by more processes than a batch has images.

        Raises
        ------
        UsageError
            Saying how many can share it.
        """
        plan, least = self.plan, self.training.order.least
        if least < processes * plan.accumulate:
            parts = f" in {plan.accumulate} parts each" if plan.accumulate > 1 else ""
            raise UsageError(
                f"{processes} workers can't share batches of {least} images{parts}; give a larger "
                f"--batch-size, or at most --workers {max(1, least // plan.accumulate)}"
            )

    def _learner(self, plan: Plan, team: Team) -> Learner:
        known = (self.objective, len(self.training), self.layers, self.aux_weight)
        return Learner(self.network, plan, *known, team)


Train = Callable[[Loop, Path | None], Generator[Any, None, Plan]]
"""Runs a loop; its network has the learned weights in the end. The path is where its state is
kept, if anywhere."""


def train_here(loop: Loop, saved: Path | None) -> Events:
    """Run a loop in this process; as of `Train`."""
    return loop.run(File(saved) if saved else None)
