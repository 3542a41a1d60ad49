"""Which strategy suits a data set: the tutorial's rule, and beside it a measurement."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
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
from firstread.learning.candidates import Candidate, standard_error, winner
from firstread.learning.curve import LearningCurve, learning_curve
from firstread.learning.finetune import Learner
from firstread.learning.material import Material
from firstread.learning.objective import Objective
from firstread.learning.plan import ALL, SMALL, Plan, settled
from firstread.learning.probe import GRID, Floats, Ints, fit, folds, hits, losses, out_of_fold
from firstread.learning.strategies import Event, learn, logits_of, network_of
from firstread.progress import Notice, Step

BUDGET_S = 60.0
"""Seconds that a measurement may take where nobody says."""

SIMILAR = 0.5
"""The share of what pixels and random features leave wrong that pretrained ones must put right."""

FOLDS = 5
SAMPLE = 2000
"""Images that are compared on at most."""

PIXELS = 28
"""Side of the pictures of the simplest rival."""

_COARSE = GRID[::2]
_GRADIENT_FOLDS = 3
_STEPS_TIMED = 2

RULES = {
    ("small", "similar"): (
        "little data, similar to what the network knows: a linear classifier on its last features",
        "probe",
    ),
    ("large", "similar"): (
        "much data, similar to what the network knows: fine-tune the whole network",
        "finetune",
    ),
    ("small", "different"): (
        "little data, unlike what the network knows: a linear classifier on an earlier stage",
        "probe",
    ),
    ("large", "different"): (
        "much data, unlike what the network knows: train from scratch, or start from its weights",
        "scratch",
    ),
    ("small", "unknown"): (
        "little data: a linear classifier on fixed features, the last ones where the network "
        "knows such images, else an earlier stage's",
        "probe",
    ),
    ("large", "unknown"): ("much data: train the whole network", "finetune"),
}
"""The tutorial's four cases: data size, similarity, and the strategy that each asks for; and what
is left of them where similarity can't be told."""


@dataclass(frozen=True)
class Advice:
    """What was measured, what the tutorial's rule says, and what to do.

    Parameters
    ----------
    candidates
        The simplest first.
    chosen
        The one to take.
    per_class
        Training images in the smallest class.
    similarity
        How much of what raw pixels and the same network with random weights leave wrong its
        pretrained features put right, from 0 to 1; None where that can't be told.
    curve
        Accuracy against the number of training images, by the chosen way's features or the best
        probe's.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    per_class: int
    similarity: float | None
    curve: LearningCurve | None = None

    @property
    def case(self) -> tuple[str, str]:
        """The tutorial's case: `small` or `large`; `similar`, `different` or `unknown`."""
        size = "large" if self.per_class >= SMALL else "small"
        if self.similarity is None:
            return size, "unknown"
        return size, "similar" if self.similarity >= SIMILAR else "different"

    @property
    def rule(self) -> str:
        """What the tutorial's rule says of this case."""
        return RULES[self.case][0]

    def frame(self) -> pd.DataFrame:
        """Return one row a candidate, the chosen one marked."""
        rows = [{**c.record(), "chosen": c is self.chosen} for c in self.candidates]
        return pd.DataFrame(rows)

    def sentences(self) -> tuple[str, ...]:
        """Say size, similarity, rule and measurement in plain words."""
        size = f"{self.per_class} training images in the smallest class"
        known = {
            True: "Whether the images are like those that the network knows can't be told: it has "
            "no pretrained weights, or raw pixels already do nearly all of it.",
            False: f"Similarity {self.similarity or 0:.2f} (of what raw pixels and random weights "
            "leave wrong, pretrained features put so much right).",
        }[self.similarity is None]
        low, high = self.chosen.interval
        best = max(
            (c for c in self.candidates if c.choices and c.measured), key=lambda c: c.accuracy
        )
        behind = (
            ""
            if best is self.chosen
            else f", within one standard error of the best ({best.name}) and simpler"
        )
        said = [
            f"{size}: counts as {self.case[0]} (the line is at {SMALL}). {known}",
            f"The tutorial's rule: {self.rule}.",
            f"The measurement: {self.chosen.name}, {100 * self.chosen.accuracy:.1f} % "
            f"({100 * low:.0f} to {100 * high:.0f} %){behind}.",
        ]
        return (*said, self.curve.sentence()) if self.curve else tuple(said)


def advise(
    plan: Plan, network: Network, material: Material, *, budget: float | None = None
) -> Generator[Event, None, Advice]:
    """Compare the ways to learn a data set, on its training images alone.

    Each is judged by grouped, stratified cross-validation, with everything chosen anew within
    each fold.

    Parameters
    ----------
    plan
        Its strategy is `auto`, or its stage `all`; else complete.
    network
        Of the plan, with all stages.
    material
        Of a data set with the part `train`.
    budget
        Seconds; 60 if not given. Dear candidates that don't fit are named with what they need.

    Raises
    ------
    UsageError
        If the budget that was given doesn't suffice for one candidate.
    DataError
        If a class has too few images, or patients, to hold any out.
    """
    asked, limit = budget, time.monotonic() + (BUDGET_S if budget is None else budget)
    dataset = _sample(material.dataset.part("train"), plan.seed)
    material = material.over(dataset)
    parted = folds(dataset.targets, dataset.groups, FOLDS, plan.seed)
    if not parted:
        raise DataError(
            ["a class has one image or patient only, so that nothing can be compared"],
            "Add some, or name a --strategy.",
        )
    bench = _Bench(dataset, parted, plan)
    if asked is not None:
        _afford(network, bench, material, asked)
    made: list[Candidate] = []
    small = replace(network.backbone.preprocessing, size=PIXELS)
    pixels = yield from material.pixels(small)
    rows = np.concatenate(list(pixels[0].batches([np.arange(len(dataset))])))
    gray = rows.mean(axis=1).reshape(1, len(dataset), -1)
    made.append((yield from bench.probe("raw pixels, 28 x 28 (control)", gray, (), "softmax")))
    pretrained = plan.weights != "none"
    if pretrained:
        control, _ = network_of(replace(plan, weights="none", stage=""), len(dataset.classes))
        last = control.backbone.stage
        found = yield from material.features(control.backbone, [last])
        name = f"random weights, fixed, {plan.backbone} (control)"
        made.append((yield from bench.probe(name, found.stages[last], (), "softmax")))
    stages = _stages(plan, network)
    features = yield from material.features(network.backbone, stages)
    for stage, classifier in _probes(plan, stages):
        name = f"{'probe' if pretrained else 'probe of random weights'}: {_word(stage)}{classifier}"
        choices = {"strategy": "probe", "stage": stage, "classifier": classifier}
        at_hand = features.stages[stage]
        made.append((yield from bench.probe(name, at_hand, tuple(choices.items()), classifier)))
    if plan.strategy == "auto":
        for strategy in (["finetune"] if pretrained else []) + ["scratch"]:
            made.append((yield from bench.gradients(strategy, material, limit)))
    chosen = winner(tuple(made))
    choices = dict(chosen.choices)
    stage = choices.get("stage", stages[0])
    curve = yield from _curve(features.stages[stage], bench, choices.get("classifier", "softmax"))
    per_class = int(material.dataset.counts()["train"].min())
    return Advice(tuple(made), chosen, per_class, _similarity(made, pretrained), curve)


@dataclass(frozen=True)
class _Bench:
    """Where candidates are measured: the same images in the same folds for all."""

    dataset: Dataset
    parted: list[tuple[Ints, Ints]]
    plan: Plan

    def probe(
        self, name: str, features: Floats, choices: tuple[tuple[str, Any], ...], classifier: str
    ) -> Generator[Event, None, Candidate]:
        start = time.perf_counter()
        dataset = self.dataset
        logits: Floats | None = None
        for event in out_of_fold(
            features,
            dataset.targets,
            dataset.groups,
            self.parted,
            **{"classifier": classifier, "classes": len(dataset.classes), "seed": self.plan.seed},
            **{"grid": _COARSE, "inner": 3, "balance": self.plan.balance != "none"},
        ):
            if isinstance(event, Step):
                yield Step(f"comparing: {name}", event.done, event.of)
            else:
                logits = event
        assert logits is not None
        return self._judged(name, choices, logits, np.arange(len(dataset)), start)

    def gradients(
        self, strategy: str, material: Material, limit: float
    ) -> Generator[Event, None, Candidate]:
        """Measure fine-tuning or training from scratch, where time allows it."""
        name = {"finetune": "fine-tuning", "scratch": "from scratch"}[strategy]
        choices = (("strategy", strategy),)
        plan = settled(self.plan, dict(choices))
        start = time.perf_counter()
        parted = folds(self.dataset.targets, self.dataset.groups, _GRADIENT_FOLDS, self.plan.seed)
        if not parted:
            return Candidate(name, choices, note="too few images a class")
        network, _ = network_of(plan, len(self.dataset.classes))
        needed = len(parted) * (yield from _training_seconds(network, plan, material, parted[0][0]))
        left = limit - time.monotonic()
        if needed > left:
            note = (
                f"not measured: would take about {_clock(needed)}, and {_clock(max(0, left))} "
                "of --budget were left"
            )
            return Candidate(name, choices, note=note)
        logits, judged = [], []
        for number, (learned, held) in enumerate(parted, start=1):
            if time.monotonic() > limit:
                break
            fold = _fold(self.dataset, learned, held, plan.seed)
            network, _ = network_of(plan, len(fold.classes))
            for event in learn(network, plan, material.over(fold)):
                if isinstance(event, Step):
                    phase = f"comparing: {name}, fold {number} of {len(parted)}"
                    yield Step(phase, event.done, event.of)
            logits.append((yield from logits_of(network, plan, material.over(fold), "test")))
            judged.append(held)
        return self._judged(name, choices, np.concatenate(logits), np.concatenate(judged), start)

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


def _sample(dataset: Dataset, seed: int) -> Dataset:
    """Return at most `SAMPLE` images, whole patients, the classes in proportion."""
    if len(dataset) <= SAMPLE:
        return dataset
    parted = folds(dataset.targets, dataset.groups, max(2, len(dataset) // SAMPLE), seed)
    return dataset.take(parted[0][1]) if parted else dataset


def _stages(plan: Plan, network: Network) -> list[str]:
    """Return the stages to compare, the last first."""
    backbone = network.backbone
    names = list(backbone.stages) or [backbone.stage]
    if plan.stage not in ("", ALL):
        return [plan.stage]
    dense = backbone.entry.dense
    last = [name for name in reversed(names) if name != dense or name == backbone.stage]
    return last if plan.stage == ALL else last[:3]


def _probes(plan: Plan, stages: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the probes to compare, the simplest first."""
    if plan.strategy == "probe":
        yield from ((stage, plan.classifier) for stage in stages)
        return
    yield stages[0], "softmax"
    yield stages[0], "svm"
    yield from ((stage, "softmax") for stage in stages[1:])


def _similarity(made: list[Candidate], pretrained: bool) -> float | None:
    if not pretrained:
        return None
    base = max((c for c in made if not c.choices), key=lambda c: c.accuracy)
    probe = next(c for c in made if c.choices)
    headroom = 1 - base.accuracy
    if headroom <= base.error:
        return None
    return float(np.clip((probe.accuracy - base.accuracy) / headroom, 0, 1))


def _curve(
    features: Floats, bench: _Bench, classifier: str
) -> Generator[Step, None, LearningCurve | None]:
    dataset, plan = bench.dataset, bench.plan
    known = (features, dataset.targets, dataset.groups)
    options: dict[str, Any] = {"classifier": classifier, "classes": len(dataset.classes)}
    fitted = yield from fit(*known, grid=_COARSE, seed=plan.seed, **options)
    return (yield from learning_curve(*known, c=fitted.c, seed=plan.seed, **options))


def _fold(dataset: Dataset, learned: Ints, held: Ints, seed: int) -> Dataset:
    """Return a fold's images as parts: its own validation images come out of those learned from."""
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


def _afford(network: Network, bench: _Bench, material: Material, budget: float) -> None:
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


def _word(stage: str) -> str:
    return f"stage {stage}, " if stage else ""
