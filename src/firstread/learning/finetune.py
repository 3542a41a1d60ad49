"""The training loop: a generator that yields what happens, and leaves the rest to its readers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from firstread.backbones import probabilities
from firstread.errors import TrainingError
from firstread.learning.batches import Batches
from firstread.learning.plan import Plan
from firstread.progress import Step

_WARM_UP = 0.1
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Trainable(Protocol):
    """What the loop trains: a `Network`, or a head over fixed features."""

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
        Learning rate at the epoch's end.
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


def finetune(
    network: nn.Module,
    training: Batches,
    validation: Batches,
    plan: Plan,
    aux_weight: float = 0.0,
) -> Iterator[Step | Epoch]:
    """Train a network in place, and yield each step and each epoch.

    Parameters
    ----------
    network
        A `Trainable` module on the plan's device.
    training, validation
        What to learn from, and what to judge on.
    plan
        Epochs, learning rate, schedule, precision.
    aux_weight
        The share of each auxiliary classifier's loss.

    Raises
    ------
    TrainingError
        If the loss is no longer a number.
    """
    optimiser = torch.optim.AdamW(
        _parameter_groups(network, plan.weight_decay), lr=plan.lr, fused=plan.device != "mps"
    )
    steps = plan.epochs * len(training)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _factor(plan.schedule, steps))
    step = 0
    for epoch in range(1, plan.epochs + 1):
        start = time.perf_counter()
        _to_training(network, plan.freeze_norm)
        tally = _Tally()
        for inputs, targets in training.epoch(epoch):
            step += 1
            inputs, targets = inputs.to(plan.device), targets.to(plan.device)
            # Dropout draws from torch's own generator: lend it one of this step's, and give
            # the caller's back.
            with torch.random.fork_rng(_cuda(plan.device)):
                torch.manual_seed(plan.seed * 1_000_003 + step)
                with _autocast(plan):
                    logits, side = network.with_auxiliary(inputs)  # type: ignore[operator]
                loss = _loss(logits, targets, plan.label_smoothing)
                for other in side:
                    loss = loss + aux_weight * _loss(other, targets, plan.label_smoothing)
                torch.autograd.backward(loss)
            rate = float(schedule.get_last_lr()[0])
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            tally.add(logits.detach(), targets)
            if not math.isfinite(tally.loss):
                raise TrainingError(
                    f"the loss is not a number at step {step} (epoch {epoch}, learning rate "
                    f"{rate:g}); try --lr {plan.lr / 10:g}"
                )
            yield Step("training", step, steps)
        judged = evaluate(network, validation, plan)
        yield Epoch(
            epoch,
            *(tally.loss, tally.acc, judged.loss, judged.acc),
            rate,
            time.perf_counter() - start,
        )


def evaluate(network: nn.Module, batches: Batches, plan: Plan) -> _Tally:
    """Return loss and accuracy in inference mode over one pass of undistorted inputs."""
    network.eval()
    tally = _Tally()
    with torch.inference_mode(), _autocast(plan):
        for inputs, targets in batches.epoch(0):
            tally.add(network(inputs.to(plan.device)), targets.to(plan.device))
    return tally


class _Tally:
    """Running mean of loss and accuracy, weighted by images."""

    def __init__(self) -> None:
        self._count, self._loss, self._right = 0, 0.0, 0

    def add(self, logits: Tensor, targets: Tensor) -> None:
        self._count += len(targets)
        self._loss += float(_loss(logits, targets, 0.0)) * len(targets)
        self._right += int((probabilities(logits).argmax(1) == targets).sum())

    @property
    def loss(self) -> float:
        return self._loss / self._count

    @property
    def acc(self) -> float:
        return self._right / self._count


def _loss(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return cross-entropy, in float32: binary for one sigmoid output, else over classes."""
    if logits.shape[1] == 1:
        soft = targets.float() * (1 - smoothing) + smoothing / 2
        return nn.functional.binary_cross_entropy_with_logits(logits.float()[:, 0], soft)
    return nn.functional.cross_entropy(logits.float(), targets, label_smoothing=smoothing)


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Return parameters with and without weight decay; biases and norms go without."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _factor(schedule: str, steps: int) -> Callable[[int], float]:
    """Return the learning rate's course as a factor by step."""
    if schedule == "constant":
        return lambda step: 1.0
    warm = max(1, round(_WARM_UP * steps))

    def cosine(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return cosine


def _to_training(network: nn.Module, freeze_norm: bool) -> None:
    network.train()
    norms: Iterable[nn.Module] = network.modules() if freeze_norm else ()
    for module in norms:
        if isinstance(module, _BATCH_NORMS):
            module.eval()


def _autocast(plan: Plan) -> torch.autocast:
    device = plan.device.split(":")[0]
    return torch.autocast(device, torch.bfloat16, enabled=plan.precision == "bfloat16")


def _cuda(device: str) -> list[str]:
    return [device] if device.startswith("cuda") else []
