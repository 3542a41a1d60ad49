"""The training loop: a generator that yields what happens, and leaves the rest to its readers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from firstread.errors import TrainingError
from firstread.learning.batches import Batches
from firstread.learning.objective import Objective, Tally
from firstread.learning.plan import Plan
from firstread.learning.team import ALONE, Team
from firstread.progress import Step

_WARM_UP = 0.1
_APART = 7_368_787
"""Between the seeds of two processes' dropout; a prime, as good as any."""
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_FORMATS = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Trainable(Protocol):
    """What the loop trains: a `Network`, the part of one above a stage, or a head."""

    def with_auxiliary(self, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and those of each auxiliary classifier."""


@dataclass(frozen=True)
class Epoch:
    """One line of the training log.

    Parameters
    ----------
    epoch
        From 1.
    loss, acc
        Mean cross-entropy and accuracy over the epoch's batches, in training mode, on distorted
        images, while the weights move.
    val_loss, val_acc
        The same over the validation images, undistorted, with the weights at the epoch's end.
    lr
        Learning rate of the head at the epoch's end.
    seconds
        The epoch's time on the clock.
    """

    epoch: int
    loss: float
    acc: float
    val_loss: float
    val_acc: float
    lr: float
    seconds: float


class Learner:
    """A network on its way: all that a training has to know to go on from where it is.

    Parameters
    ----------
    network
        A `Trainable` module on the plan's device; trained in place.
    layers
        Groups of modules from the top down: the head first, then one group a stage. The learning
        rate falls from group to group by the plan's `depth_decay`, and groups thaw in this order.
        All of the network as one group if not given.
    plan
        Learning rate, schedule, thawing and the rest.
    objective
        What is made small.
    steps_per_epoch
        Batches an epoch.
    aux_weight
        The share of each auxiliary classifier's loss.
    team
        Who trains it together.
    """

    def __init__(
        self,
        network: nn.Module,
        plan: Plan,
        objective: Objective,
        steps_per_epoch: int,
        layers: Sequence[Sequence[nn.Module]] = (),
        aux_weight: float = 0.0,
        team: Team = ALONE,
    ) -> None:
        self.network = network
        self.team = team
        self.plan = plan
        self.objective = objective
        self.steps = plan.epochs * steps_per_epoch
        self.layers = [list(group) for group in layers] or [[network]]
        self.aux_weight = aux_weight
        self.step, self.epoch, self.place = 0, 1, 0
        self.tally = Tally(objective.multilabel)
        groups = _parameter_groups(self.layers, plan)
        self.optimiser = torch.optim.AdamW(groups, lr=plan.lr, fused=plan.device != "mps")
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, factor(plan.schedule, self.steps)
        )
        self.scaler = torch.amp.GradScaler(
            plan.device.split(":")[0], enabled=plan.precision == "float16"
        )

    @property
    def rate(self) -> float:
        """The head's learning rate at the next step."""
        return float(self.schedule.get_last_lr()[0])

    def learn(self, inputs: Tensor, targets: Tensor) -> None:
        """Do one step, on this process's part of a batch.

        Raises
        ------
        TrainingError
            If the loss or its gradient is no longer a number; the weights stay as they are.
        """
        plan, rate = self.plan, self.rate
        self.step += 1
        # Dropout draws from torch's own generator: lend it one of this step's, and give
        # the caller's back.
        with torch.random.fork_rng(_cuda(plan.device)):
            torch.manual_seed(plan.seed * 1_000_003 + self.step + _APART * self.team.rank)
            loss = self._backward(inputs, targets.to(plan.device))
        trained = [p for p in self.network.parameters() if p.grad is not None]
        self.team.sum([loss, *(p.grad for p in trained if p.grad is not None)])
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
        if plan.clip:
            nn.utils.clip_grads_with_norm_(trained, plan.clip, norm)
        finite = math.isfinite(float(loss))
        if not finite or not (self.scaler.is_enabled() or math.isfinite(float(norm))):
            raise TrainingError(
                f"the loss is not a number at step {self.step} (epoch {self.epoch}, learning rate "
                f"{rate:g}); try --lr {plan.lr / 10:g}"
            )
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        self.optimiser.zero_grad()

    def _backward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Add to the gradients what images say, some at a time; return their share of the loss."""
        objective, plan, plain = self.objective, self.plan, self.objective.plain()
        count = min(plan.accumulate, len(inputs))
        shared, whole = torch.zeros((), device=plan.device), None
        for some, known in zip(
            inputs.tensor_split(count), targets.tensor_split(count), strict=True
        ):
            with autocast(plan), self.team.together():
                logits, side = self.network.with_auxiliary(some.to(plan.device))  # type: ignore[operator]
            loss = objective.loss(logits, known)
            for other in side:
                loss = loss + self.aux_weight * objective.loss(other, known)
            if whole is None:
                whole = objective.mass(targets, logits.shape[1])
                self.team.sum([whole])
            loss = loss * (objective.mass(known, logits.shape[1]) / whole)
            torch.autograd.backward(self.scaler.scale(loss))
            shared += loss.detach()
            self.tally.add(float(plain.loss(logits.detach(), known)), logits.detach(), known)
        return shared

    def state(self) -> dict[str, Any]:
        """Return everything that changes in training, as tensors and plain values.

        All processes of a team have to ask for it.
        """
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.last_epoch,
            "scaler": self.scaler.state_dict(),
            "place": [self.step, self.epoch, self.place],
            "tally": self.tally.of(self.team).state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from another's state, to the same bits; in a team, all from the same."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.last_epoch = state["schedule"]
        rates = [group["lr"] for group in self.optimiser.param_groups]
        self.schedule._last_lr = rates
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.epoch, self.place = state["place"]
        if self.team.rank == 0:  # The others' counts are in it already.
            self.tally.restore(state["tally"])


def finetune(learner: Learner, training: Batches, validation: Batches) -> Iterator[Step | Epoch]:
    """Train from where a learner is to the plan's last epoch; yield each step and each epoch.

    Whenever this yields, `learner.state()` is a place to go on from.

    Parameters
    ----------
    learner
        The network and its state.
    training, validation
        What to learn from, and what to judge on.

    Raises
    ------
    TrainingError
        If the loss is no longer a number.
    """
    plan = learner.plan
    while learner.epoch <= plan.epochs:
        start = time.perf_counter()
        thaw(learner.network, learner.layers, thawed(plan, len(learner.layers), learner.epoch))
        to_training(learner)
        learner.team.take_over(learner.network)
        for inputs, targets in training.epoch(learner.epoch, learner.place):
            learner.learn(inputs, targets)
            learner.place += 1
            yield Step("training", learner.step, learner.steps)
        judged = evaluate(learner.network, validation, plan, learner.objective).of(learner.team)
        learned = learner.tally.of(learner.team)
        done = Epoch(
            learner.epoch,
            *(learned.loss, learned.acc, judged.loss, judged.acc),
            plan.lr * factor(plan.schedule, learner.steps)(learner.step - 1),
            time.perf_counter() - start,
        )
        learner.epoch, learner.place = learner.epoch + 1, 0
        learner.tally = Tally(learner.objective.multilabel)
        yield done


def evaluate(network: nn.Module, batches: Batches, plan: Plan, objective: Objective) -> Tally:
    """Return loss and accuracy in inference mode over one pass of undistorted inputs."""
    network.eval()
    tally, plain = Tally(objective.multilabel), objective.plain()
    with torch.inference_mode(), autocast(plan):
        for inputs, targets in batches.epoch(0):
            targets = targets.to(plan.device)
            logits = network(inputs.to(plan.device))
            tally.add(float(plain.loss(logits, targets)), logits, targets)
    return tally


def thawed(plan: Plan, groups: int, epoch: int) -> int:
    """Return how many groups of layers train in an epoch, counted from the head down."""
    if not plan.thaw_epochs:
        return groups
    return min(groups, 1 + plan.head_first + (epoch - 1) // plan.thaw_epochs)


def thaw(network: nn.Module, layers: Sequence[Sequence[nn.Module]], count: int) -> None:
    """Let the first groups of layers train, and nothing else of a network."""
    network.requires_grad_(False)
    for module in (module for group in layers[:count] for module in group):
        module.requires_grad_(True)


def autocast(plan: Plan) -> torch.autocast:
    """Return the context in which a plan's number format is used."""
    device = plan.device.split(":")[0]
    wanted = _FORMATS.get(plan.precision)
    return torch.autocast(device, wanted or torch.bfloat16, enabled=wanted is not None)


def _parameter_groups(layers: Sequence[Sequence[nn.Module]], plan: Plan) -> list[dict[str, object]]:
    """Return parameters by depth, each with and without weight decay."""
    groups: list[dict[str, object]] = []
    for depth, modules in enumerate(layers):
        found = list(dict.fromkeys(p for module in modules for p in module.parameters()))
        rate = plan.lr * plan.depth_decay**depth
        groups += by_decay(found, rate, plan.weight_decay)
    return groups


def by_decay(
    parameters: Sequence[nn.Parameter], rate: float, weight_decay: float
) -> list[dict[str, object]]:
    """Return two groups for an optimiser: matrices and filters decay, biases and norms don't."""
    matrices = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": matrices, "lr": rate, "weight_decay": weight_decay},
        {"params": others, "lr": rate, "weight_decay": 0.0},
    ]


def factor(schedule: str, steps: int, warm_up: float = _WARM_UP) -> Callable[[int], float]:
    """Return the learning rate's course as a factor by step; a share of the steps warms up."""
    if schedule == "constant":
        return lambda step: 1.0
    warm = max(1, round(warm_up * steps))

    def cosine(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return cosine


def to_training(learner: Learner) -> None:
    """Put the network in training mode, but for the batch norms of layers that don't train.

    A frozen layer whose batch norm took the statistics of the new data in training would be
    judged on those of the old.
    """
    learner.network.train()
    for module in learner.network.modules():
        if isinstance(module, _BATCH_NORMS):
            trains = [p.requires_grad for p in module.parameters()]
            if learner.plan.freeze_norm or (trains and not any(trains)):
                module.eval()


def _cuda(device: str) -> list[str]:
    return [device] if device.startswith("cuda") else []
