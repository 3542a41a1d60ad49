"""The learning-rate range test: how the loss falls and then explodes as the rate grows."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import count

from firstread.errors import TrainingError
from firstread.learning.batches import Batches
from firstread.learning.finetune import Learner, thaw, to_training
from firstread.learning.objective import Tally
from firstread.progress import Step

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 60
SMOOTHING = 0.8
EXPLODED = 3.0
"""Where the smoothed loss is so many times its lowest, the test ends."""


@dataclass(frozen=True)
class RangeTest:
    """The loss at growing learning rates, and the rate that it advises.

    Parameters
    ----------
    rates
        Growing by the same factor from step to step.
    losses
        The training loss in nats, smoothed.
    chosen
        A tenth of the rate at which the loss was lowest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    chosen: float


def range_test(learner: Learner, training: Batches) -> Generator[Step, None, RangeTest]:
    """Try learning rates from 1e-6 to 1 on a copy of a network, and return what came of it.

    Parameters
    ----------
    learner
        Stays as it is.
    training
        What it will learn from.

    Raises
    ------
    TrainingError
        If the loss is no number from the first step on.

    References
    ----------
    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017,
    arXiv:1506.01186, section 3.3.
    """
    plan = replace(learner.plan, lr=1.0, schedule="constant", thaw_epochs=0)
    # Copied together, so that the copied groups hold the copied network's modules.
    network, layers = copy.deepcopy((learner.network, learner.layers))
    known = (learner.objective, 1, layers, learner.aux_weight, learner.team)
    tried = Learner(network, plan, *known)
    thaw(network, layers, len(layers))
    to_training(tried)
    shares = [float(group["lr"]) for group in tried.optimiser.param_groups]
    rates: list[float] = []
    losses: list[float] = []
    smoothed = 0.0
    batches = (batch for epoch in count(1) for batch in training.epoch(epoch))
    for number, (inputs, targets) in zip(range(STEPS), batches, strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (STEPS - 1))
        for group, share in zip(tried.optimiser.param_groups, shares, strict=True):
            group["lr"] = rate * share
        tried.tally = Tally(learner.objective.multilabel)
        try:
            tried.learn(inputs, targets)
        except TrainingError:
            if not rates:
                raise
            break
        smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * tried.tally.of(learner.team).loss
        rates.append(rate)
        losses.append(smoothed / (1 - SMOOTHING ** (number + 1)))
        yield Step("trying learning rates", number + 1, STEPS)
        if losses[-1] > EXPLODED * min(losses) or not math.isfinite(losses[-1]):
            break
    lowest = rates[losses.index(min(losses))]
    return RangeTest(tuple(rates), tuple(losses), lowest / 10)
