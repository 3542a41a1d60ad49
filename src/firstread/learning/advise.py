"""Which strategy suits a data set: the tutorial's rule, and beside it a measurement."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from firstread.backbones import Network
from firstread.errors import DataError
from firstread.learning.bench import COARSE, Bench, afford, sampled
from firstread.learning.candidates import Candidate, winner
from firstread.learning.curve import LearningCurve, learning_curve
from firstread.learning.material import Material
from firstread.learning.plan import ALL, SMALL, Plan
from firstread.learning.probe import (
    Floats,
    Ints,
    chances,
    fit,
    folds,
)
from firstread.learning.strategies import Event, network_of
from firstread.progress import Piece, Share, Step, in_turn

BUDGET_S = 15.0
"""Seconds that dear candidates may take where nobody says."""

SIMILAR = 0.5
"""The share of what pixels and random features leave wrong that pretrained ones must put right."""

FOLDS = 5
PIXELS = 28
"""Side of the pictures of the simplest rival."""


RULES = {
    ("small", "similar"): (
        "little data, similar to what the network knows: a linear classifier on its last features"
    ),
    ("large", "similar"): (
        "much data, similar to what the network knows: fine-tune the whole network"
    ),
    ("small", "different"): (
        "little data, unlike what the network knows: a linear classifier on an earlier stage"
    ),
    ("large", "different"): (
        "much data, unlike what the network knows: train from scratch, or start from its weights"
    ),
    ("small", "unknown"): (
        "little data: a linear classifier on fixed features, the last ones where the network "
        "knows such images, else an earlier stage's"
    ),
    ("large", "unknown"): "much data: train the whole network",
}
"""What the tutorial says of its four cases, by data size and similarity; and what is left of them
where similarity can't be told."""


@dataclass(frozen=True)
class HeldOut:
    """What a cross-validated candidate said of each training image, out of fold.

    Parameters
    ----------
    name
        The candidate's.
    paths
        The images.
    targets
        Their classes as numbers, shape (n,), or 0 and 1 of shape (n, classes).
    probabilities
        Shape (n, classes).
    """

    name: str
    paths: tuple[str, ...]
    targets: Ints
    probabilities: Floats


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
    held_out
        What the best probe said of images that it didn't learn from.
    pretrained
        Whether the network has pretrained weights.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    per_class: int
    similarity: float | None
    curve: LearningCurve | None = None
    held_out: HeldOut | None = None
    pretrained: bool = True

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
        return RULES[self.case]

    def frame(self) -> pd.DataFrame:
        """Return one row a candidate, the chosen one marked."""
        rows = [{**c.record(), "chosen": c is self.chosen} for c in self.candidates]
        return pd.DataFrame(rows)

    def sentences(self) -> tuple[str, ...]:
        """Say size, similarity, rule and measurement in plain words."""
        size = f"{self.per_class} training images in the smallest class"
        if self.similarity is None:
            why = (
                "raw pixels or random weights already do nearly all of it"
                if self.pretrained
                else "it has no pretrained weights"
            )
            known = f"Whether the network knows images like these can't be told: {why}."
        else:
            known = (
                f"Similarity {self.similarity:.2f} (of what raw pixels and random weights leave "
                "wrong, pretrained features put so much right)."
            )
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
    plan: Plan,
    network: Network,
    material: Material,
    *,
    budget: float | None = None,
    share: Share = in_turn,
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
        Seconds; 15 if not given. Dear candidates that don't fit are named with what they need.
    share
        Measures the candidates.

    Raises
    ------
    UsageError
        If the budget that was given doesn't suffice for one candidate.
    DataError
        If a class has too few images, or patients, to hold any out.
    """
    asked, limit = budget, time.time() + (BUDGET_S if budget is None else budget)
    dataset = sampled(material.dataset.part("train"), plan.seed)
    material = material.over(dataset)
    parted = folds(dataset.targets, dataset.groups, FOLDS, plan.seed)
    if not parted:
        raise DataError(
            ["a class has one image or patient only, so that nothing can be compared"],
            "Add some, or name a --strategy.",
        )
    bench = Bench(dataset, parted, plan)
    if asked is not None:
        afford(network, bench, material, asked)
    pieces: list[Piece] = []
    small = replace(network.backbone.preprocessing, size=PIXELS)
    pixels = yield from material.pixels(small)
    rows = np.concatenate(list(pixels[0].batches([np.arange(len(dataset))])))
    gray = rows.mean(axis=1).reshape(1, len(dataset), -1)
    raw = "raw pixels, 28 x 28 (control)"
    pieces.append(partial(bench.probe, raw, gray, (), "softmax"))
    pretrained = plan.weights != "none"
    if pretrained:
        control, _ = network_of(replace(plan, weights="none", stage=""), len(dataset.classes))
        last = control.backbone.stage
        found = yield from material.features(control.backbone, [last])
        name = f"random weights, fixed, {plan.backbone} (control)"
        pieces.append(partial(bench.probe, name, found.stages[last], (), "softmax"))
    stages = _stages(plan, network)
    features = yield from material.features(network.backbone, stages)
    for stage, classifier in _probes(plan, stages):
        name = f"{'probe' if pretrained else 'probe of random weights'}: {_word(stage)}{classifier}"
        choices = {"strategy": "probe", "stage": stage, "classifier": classifier}
        at_hand = features.stages[stage]
        pieces.append(partial(bench.probe, name, at_hand, tuple(choices.items()), classifier))
    if plan.strategy == "auto":
        for strategy in (["finetune"] if pretrained else []) + ["scratch"]:
            pieces.append(partial(bench.gradients, strategy, material, limit))
    measured = yield from share(pieces, "comparing")
    made = [candidate for candidate, _ in measured]
    logits = {candidate.name: said for candidate, said in measured if said is not None}
    chosen = winner(tuple(made))
    choices = dict(chosen.choices)
    stage = choices.get("stage", stages[0])
    curve = yield from _curve(features.stages[stage], bench, choices.get("classifier", "softmax"))
    per_class = int(material.dataset.counts()["train"].min())
    probes = [c for c in made if c.name in logits and c.choices]
    best = chosen if chosen in probes else max(probes, key=lambda c: c.accuracy)
    answers = chances(logits[best.name], dataset.multilabel)
    held_out = HeldOut(best.name, tuple(dataset.cases["path"]), dataset.targets, answers)
    similarity = _similarity(made, pretrained)
    return Advice(tuple(made), chosen, per_class, similarity, curve, held_out, pretrained)


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
    features: Floats, bench: Bench, classifier: str
) -> Generator[Step, None, LearningCurve | None]:
    dataset, plan = bench.dataset, bench.plan
    known = (features, dataset.targets, dataset.groups)
    options: dict[str, Any] = {"classifier": classifier, "classes": len(dataset.classes)}
    fitted = yield from fit(*known, grid=COARSE, seed=plan.seed, **options)
    return (yield from learning_curve(*known, c=fitted.c, seed=plan.seed, **options))


def _word(stage: str) -> str:
    return f"stage {stage}, " if stage else ""
