"""The pretraining loop: a generator that yields what happens, as the training loop's is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from firstread.backbones import build
from firstread.errors import RunError, TrainingError, unknown
from firstread.learning import checkpoint
from firstread.learning.finetune import by_decay, factor
from firstread.learning.precision import choose_precision
from firstread.phantoms import LABELS, SIGNS, SPREADS, Phantoms, stream
from firstread.pretraining.examining import Marks, examine, unseen
from firstread.pretraining.lessons import TEACHERS, Questions
from firstread.pretraining.recipe import Recipe
from firstread.pretraining.views import distorted
from firstread.progress import Step

_WARM_UP = 0.05
_PRECISIONS = ("auto", "float32", "bfloat16")
EVERY = 50
"""Steps between two lines of the log."""
KEPT_EVERY_S = 60.0
"""Seconds between two states on the disk."""


@dataclass(frozen=True)
class Line:
    """One line of the log.

    Parameters
    ----------
    step
        From 1.
    images
        Computed so far.
    loss
        The whole loss, mean since the last line.
    losses
        Its parts: each question as a share of a blind guess's loss, and the teacher's.
    marks
        On images that are not learned from; None between two examinations.
    lr
        At this step.
    seconds
        Since the last line.
    """

    step: int
    images: int
    loss: float
    losses: dict[str, float]
    marks: Marks | None
    lr: float
    seconds: float


class Pretrainer:
    """A backbone on its way, with all that is needed to go on from where it is.

    Parameters
    ----------
    recipe
        What to do.
    device
        As torch names it.
    precision
        `float32`, `bfloat16`, or `auto` for the faster one here.

    Attributes
    ----------
    steps_on
        How many steps were done on each device: what was begun on a GPU may go on elsewhere.

    Raises
    ------
    UsageError
        If the backbone is unknown or not cut into stages, or the number format is another.
    """

    def __init__(self, recipe: Recipe, device: str = "cpu", precision: str = "float32") -> None:
        self.recipe, self.device = recipe, device
        if precision not in _PRECISIONS:
            raise unknown("number format of a pretraining", precision, _PRECISIONS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.backbone, _ = build(recipe.backbone, image_size=recipe.size)
            width = self._width()
            sizes = {name: len(answers) for name, answers in LABELS.items()}
            self.questions = Questions(width, sizes, len(SIGNS), SPREADS)
            self.teacher = TEACHERS[recipe.teacher](width)
        self.learned = nn.ModuleList([self.backbone, self.questions, self.teacher]).to(device)
        self.learned.to(memory_format=torch.channels_last)
        self.precision = choose_precision(
            precision, device, self.backbone, recipe.size, training=True
        )
        groups = by_decay([*self.learned.parameters()], recipe.lr, recipe.weight_decay)
        self.optimiser = torch.optim.AdamW(groups, fused=device != "mps")
        self.step = 0
        self.steps_on: dict[str, int] = {}

    def _width(self) -> int:
        with torch.no_grad():
            size = self.recipe.size
            return int(self.backbone.eval()(torch.zeros(1, 1, size, size)).shape[1])

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        recipe = self.recipe
        return recipe.lr * factor("cosine", recipe.steps, _WARM_UP)(self.step)

    def learn(self, phantoms: Phantoms) -> dict[str, float]:
        """Do one step on two distorted views of each image; return the parts of the loss.

        Raises
        ------
        TrainingError
            If the loss is no longer a number; the weights stay as they are.
        """
        recipe = self.recipe
        phantoms = phantoms.to(self.device)
        # Of this step's own number, so that a pretraining goes on alike from any of its states.
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        pairs = [distorted(phantoms.pixels, phantoms.thickness, generator) for _ in range(2)]
        views, maps = (torch.cat(both) for both in zip(*pairs, strict=True))
        twice = {name: answers.repeat(2) for name, answers in phantoms.labels.items()}
        shown, blank = self.teacher.show(views, generator)
        self.learned.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        with self._autocast():
            features = self.backbone(shown)
        features = features.float()
        losses = self.questions.losses(features, twice, phantoms.signs.repeat(2, 1), maps)
        losses["teacher"] = self.teacher.loss(features, views, blank)
        weights = {
            "signs": recipe.sign_weight,
            "maps": recipe.map_weight,
            "teacher": recipe.teacher_weight,
        }
        loss = sum(
            (weights.get(name, 1.0) * part for name, part in losses.items()),
            torch.zeros((), device=self.device),
        )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.learned.parameters(), recipe.clip)
        if not math.isfinite(float(loss.detach())) or not math.isfinite(float(norm)):
            raise TrainingError(
                f"the loss is not a number at step {self.step + 1} (learning rate "
                f"{self.rate:g}); take a lower lr in the recipe"
            )
        self.optimiser.step()
        self.step += 1
        self.steps_on[self.device] = self.steps_on.get(self.device, 0) + 1
        return {"loss": float(loss.detach())} | {k: float(v.detach()) for k, v in losses.items()}

    def _autocast(self) -> torch.autocast:
        kind = self.device.split(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16")

    def state(self) -> dict[str, Any]:
        """Return everything that changes, as tensors and plain values."""
        return {
            "recipe": repr(asdict(self.recipe)),
            "learned": self.learned.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "steps_on": self.steps_on,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from another's state.

        Raises
        ------
        RunError
            If it is of another recipe.
        """
        if state["recipe"] != repr(asdict(self.recipe)):
            raise RunError(
                "the state is of another recipe; give the recipe that it was begun with, or "
                "another --out"
            )
        self.learned.load_state_dict(state["learned"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.steps_on = dict(state["steps_on"])


def pretraining(
    learner: Pretrainer,
    state: Path | None = None,
    *,
    workers: int = 0,
    examine_every: int | None = 250,
) -> Iterator[Step | Line]:
    """Pretrain from where a learner is to the recipe's last step; yield each step and log line.

    Parameters
    ----------
    learner
        The backbone and its state.
    state
        Where the state is kept, and found when the pretraining goes on; None keeps none.
    workers
        Processes that compute images beside this one, which does it itself where there are none.
    examine_every
        Steps between two examinations on images that are not learned from, the last of which is
        at the end; None for none.

    Raises
    ------
    TrainingError
        If the loss is no longer a number.
    RunError
        If the state can't be kept or is of another recipe.
    """
    recipe = learner.recipe
    if state is not None and state.exists():
        learner.restore(checkpoint.load(state))
    sums: dict[str, float] = {}
    images: list[Phantoms] = []
    count, start, kept = 0, time.perf_counter(), time.monotonic()
    batches = stream(
        *(recipe.seed, learner.step, recipe.steps),
        count=recipe.batch,
        size=recipe.size,
        without=recipe.held_out,
        workers=workers,
    )
    for phantoms in batches:
        rate = learner.rate
        for name, value in learner.learn(phantoms).items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        yield Step("pretraining", learner.step, recipe.steps)
        last = learner.step == recipe.steps
        if learner.step % EVERY == 0 or last:
            due = examine_every is not None and (last or learner.step % examine_every == 0)
            if due and not images:
                images = unseen(recipe, workers)
            parts = {name: value / count for name, value in sums.items()}
            yield Line(
                learner.step,
                learner.step * recipe.batch,
                parts.pop("loss"),
                parts,
                examine(learner.backbone, learner.questions, images) if due else None,
                rate,
                time.perf_counter() - start,
            )
            sums, count, start = {}, 0, time.perf_counter()
        if state is not None and (last or time.monotonic() > kept + KEPT_EVERY_S):
            checkpoint.save(state, learner.state(), "firstread pretrain --out")
            kept = time.monotonic()
