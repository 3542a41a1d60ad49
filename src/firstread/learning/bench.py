"""Where the ways to learn are compared: the same images in the same folds for all of them."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from firstread.backbones import Network
from firstread.datasets import Dataset, with_validation
from firstread.errors import DataError, UsageError
from firstread.learning.batches import ImageBatches, Order
from firstread.learning.candidates import Candidate, standard_error
from firstread.learning.finetune import Learner
from firstread.learning.material import Material
from firstread.learning.objective import Objective
from firstread.learning.plan import Plan, settled
from firstread.learning.probe import GRID, Floats, Ints, folds, hits, losses, out_of_fold
from firstread.learning.strategies import (
    Event,
    learn,
    logits_of,
    network_of,
    settle_precision,
)
from firstread.progress import Notice, Step

SAMPLE = 2000
"""Images that are compared on at most."""

COARSE = GRID[::2]
"""What C is chosen from where many classifiers are compared."""

Measured = tuple[Candidate, Floats | None]
"""A candidate, and of a probe what it said of each image out of fold: logits."""

_GRADIENT_FOLDS = 3
_STEPS_TIMED = 2


@dataclass(frozen=True)
class Bench:
    """Where candidates are measured.

    Parameters
    ----------
    dataset
        Its cases are all of one part, to be trained on.
    parted
        The folds: places to learn from, and places held out.
    plan
        What is common to all candidates.
    """

    dataset: Dataset
    parted: list[tuple[Ints, Ints]]
    plan: Plan

    def probe(
        self, name: str, features: Floats, choices: tuple[tuple[str, Any], ...], classifier: str
    ) -> Generator[Event, None, Measured]:
        """Measure a linear classifier on features, shape (1, n, C).

        Parameters
        ----------
        name, choices
            Of the candidate.
        features
            One view of each image.
        classifier
            As of `Plan`.
        """
        start = time.perf_counter()
        dataset = self.dataset
        logits: Floats | None = None
        for event in out_of_fold(
            features,
            dataset.targets,
            dataset.groups,
            self.parted,
            **{"classifier": classifier, "classes": len(dataset.classes), "seed": self.plan.seed},
            **{"grid": COARSE, "inner": 3, "balance": self.plan.balance != "none"},
        ):
            if isinstance(event, Step):
                yield Step(f"comparing: {name}", event.done, event.of)
            else:
                logits = event
        assert logits is not None
        return self._judged(name, choices, logits, np.arange(len(dataset)), start), logits

    def gradients(
        self, strategy: str, material: Material, limit: float
    ) -> Generator[Event, None, Measured]:
        """Measure fine-tuning or training from scratch, where time allows it.

        Parameters
        ----------
        strategy
            `finetune` or `scratch`.
        material
            Of the data set.
        limit
            When to stop, in seconds since 1970: another machine may have to know.
        """
        name = {"finetune": "fine-tuning", "scratch": "from scratch"}[strategy]
        choices = (("strategy", strategy),)
        plan = settled(self.plan, dict(choices))
        start = time.perf_counter()
        parted = folds(self.dataset.targets, self.dataset.groups, _GRADIENT_FOLDS, self.plan.seed)
        if not parted:
            return Candidate(name, choices, note="too few images a class"), None
        network, _ = network_of(plan, len(self.dataset.classes))
        plan = settle_precision(plan, network)
        material = replace(material, precision=plan.precision)
        needed = len(parted) * (yield from _training_seconds(network, plan, material, parted[0][0]))
        left = limit - time.time()
        if needed > left:
            note = (
                f"not measured: would take about {_clock(needed)}, and {_clock(max(0, left))} "
                "of --budget were left"
            )
            return Candidate(name, choices, note=note), None
        logits, judged = [], []
        for number, (learned, held) in enumerate(parted, start=1):
            fold = fold_of(self.dataset, learned, held, plan.seed)
            network, _ = network_of(plan, len(fold.classes))
            for event in learn(network, plan, material.over(fold)):
                if time.time() > limit:
                    return Candidate(name, choices, note="stopped: --budget ran out"), None
                if isinstance(event, Step):
                    phase = f"comparing: {name}, fold {number} of {len(parted)}"
                    yield Step(phase, event.done, event.of)
            logits.append((yield from logits_of(network, plan, material.over(fold), "test")))
            judged.append(held)
        rows = np.concatenate(judged)
        return self._judged(name, choices, np.concatenate(logits), rows, start), None

    def _judged(
        self,
        name: str,
        choices: tuple[tuple[str, Any], ...],
        logits: Floats,
        rows: Ints,
        start: float,
    ) -> Candidate:
        targets, groups = self.dataset.targets[rows], self.dataset.groups[rows]
        right = hits(logits, targets)
        return Candidate(
            name,
            choices,
            len(rows),
            float(right.mean()),
            standard_error(right, groups),
            float(losses(logits, targets).mean()),
            time.perf_counter() - start,
        )


def sampled(dataset: Dataset, seed: int, beside: str = "") -> Dataset:
    """Return at most about 2,000 training images, whole patients, the classes in proportion.

    Parameters
    ----------
    dataset
        In parts, or of the part `train` alone.
    seed
        Of the choice.
    beside
        Another part that stays as it is; the others go.
    """
    training = dataset.part("train")
    if len(training) > SAMPLE:
        count = max(2, len(training) // SAMPLE)
        parted = folds(training.targets, training.groups, count, seed)
        training = training.take(parted[0][1]) if parted else training
    if not beside:
        return training
    other = dataset.part(beside)
    return replace(dataset, cases=pd.concat([training.cases, other.cases], ignore_index=True))


def fold_of(dataset: Dataset, learned: Ints, held: Ints, seed: int) -> Dataset:
    """Return a fold's images as parts: its own validation images come out of those learned from.

    Parameters
    ----------
    dataset
        Of which the fold is.
    learned, held
        Places of the cases to learn from, and of those held out, which become the part `test`.
    seed
        Decides which of the former validate.
    """
    split = np.full(len(dataset), "test", dtype=object)
    split[learned] = "train"
    cases = dataset.cases.assign(split=split)
    fold = replace(dataset, cases=cases)
    with suppress(DataError):
        return with_validation(fold, seed)
    # Too few patients to part them again: judge epochs on what is learned from.
    again = cases.iloc[learned].assign(split="val")
    return replace(dataset, cases=pd.concat([cases, again], ignore_index=True))


def _training_seconds(
    network: Network, plan: Plan, material: Material, learned: Ints
) -> Generator[Step | Notice, None, float]:
    """Return about how long one fold's training takes, from two steps of it."""
    store, _ = yield from material.pixels(network.backbone.preprocessing)
    some = np.resize(learned, plan.batch_size * _STEPS_TIMED)
    targets = material.dataset.targets[some]
    batches = ImageBatches(store.part(some), targets, Order(len(some), plan.batch_size))
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner(network, plan, Objective(material.dataset.multilabel), len(batches))
    network.train()
    times = []
    for images, marks in batches.epoch(0):
        start = time.perf_counter()
        learner.learn(images, marks)
        times.append(time.perf_counter() - start)
    return min(times) * plan.epochs * -(-len(learned) // plan.batch_size)


def afford(network: Network, bench: Bench, material: Material, budget: float) -> None:
    """Refuse a budget that doesn't suffice for the cheapest candidate.

    Raises
    ------
    UsageError
        Saying what it needs.
    """
    size = network.backbone.preprocessing.size
    images = torch.zeros(1, 1, size, size)
    network.eval()
    times = []
    for _ in range(2):
        start = time.perf_counter()
        with torch.inference_mode():
            network(images.to(next(network.parameters()).device))
        times.append(time.perf_counter() - start)
    needed = min(times) * len(bench.dataset)
    if needed > budget:
        raise UsageError(
            f"--budget {budget:g}s: the cheapest candidate needs about {_clock(needed)} for "
            f"{len(bench.dataset)} images; give --budget {max(2, round(3 * needed))}s, or name a "
            "--strategy"
        )


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
