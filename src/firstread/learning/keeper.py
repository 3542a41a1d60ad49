"""Follows a training: keeps its history and best weights, stops it in time, saves its state."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from firstread.learning.checkpoint import Kept
from firstread.learning.finetune import Epoch, Learner
from firstread.progress import Step

EVERY_S = 20.0
"""Seconds between two checkpoints within an epoch; there is one at each epoch's end besides."""


class Keeper:
    """What stands beside the training loop.

    Parameters
    ----------
    learner
        Whose training it follows.
    kept
        Where checkpoints go; None keeps none.
    """

    def __init__(self, learner: Learner, kept: Kept | None = None) -> None:
        self.learner = learner
        self.kept = kept
        self.history: list[Epoch] = []
        self._best: dict[str, Any] | None = None
        self._saved = time.monotonic()

    @property
    def best_epoch(self) -> Epoch:
        """The epoch with the lowest validation loss, the first of equal ones."""
        return min(self.history, key=lambda epoch: epoch.val_loss)

    @property
    def over(self) -> bool:
        """Whether the validation loss has not fallen for as long as the plan has patience."""
        patience = self.learner.plan.patience
        return bool(
            patience
            and self.history
            and self.history[-1].epoch - self.best_epoch.epoch >= patience
            and self.learner.epoch > self._thawed_by
        )

    @property
    def _thawed_by(self) -> int:
        """The epoch in which the last layers begin to train: before it, patience is no virtue."""
        return self.learner.plan.thaw_epochs * len(self.learner.layers)

    def follow(self, events: Iterator[Step | Epoch]) -> Iterator[Step | Epoch]:
        """Pass a training's events on, epochs of a training resumed first; stop it in time."""
        yield from self.history
        if self.over:
            return
        for event in events:
            if isinstance(event, Epoch):
                self.history.append(event)
                if self.learner.plan.keep_best and self.best_epoch is event:
                    self._best = copy.deepcopy(self.learner.network.state_dict())
                self.save()
            elif self.learner.team.any(time.monotonic() > self._saved + EVERY_S):
                self.save()
            yield event
            if isinstance(event, Epoch) and self.over:
                return

    def finish(self) -> None:
        """Give the network the weights that are kept."""
        if self._best is not None:
            self.learner.network.load_state_dict(self._best)

    def save(self) -> None:
        """Write the checkpoint.

        Raises
        ------
        RunError
            If there is no room.
        """
        if self.kept is None:
            return
        history = [asdict(epoch) for epoch in self.history]
        state = {"learner": self.learner.state(), "history": history, "best": self._best}
        self.kept.save(state)
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Go on from the checkpoint, where there is one.

        Raises
        ------
        RunError
            If it is damaged, or of another training.
        """
        state = self.kept.load() if self.kept else None
        if state is None:
            return
        self.learner.restore(state["learner"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self._best = state["best"]
