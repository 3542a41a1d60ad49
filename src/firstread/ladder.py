"""Fits the rivals that a trained model is held against, on the same images."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from firstread.auditing import Trace
from firstread.auditing.rivals import RIVALS, simple_rival
from firstread.backbones import probabilities
from firstread.evidence import Rung, climb, majority
from firstread.learning import Material, Plan, learn, network_of, sampled
from firstread.progress import Notice, Step

Array = npt.NDArray[Any]
Work = Generator[Step | Notice, None, Any]


def laddering(
    plan: Plan, material: Material, traces: Sequence[Trace], part: str, model: Array
) -> Work:
    """Fit each rung to the training images, judge all on one part; yield steps, return a `Ladder`.

    Parameters
    ----------
    plan
        Of the trained model, settled.
    material
        Of its data set.
    traces
        Of the data set's images.
    part
        To judge on: `val` or `test`.
    model
        The trained model's probabilities, in the order of the part's cases.
    """
    dataset = material.dataset
    judged, training = dataset.part(part), dataset.part("train")
    count = len(dataset.classes)
    rungs = [Rung("majority", majority(training.targets, len(judged), count))]
    for number, kind in enumerate(RIVALS, start=1):
        rungs.append(_rung(kind, simple_rival(kind, dataset, traces, part, plan.seed)))
        yield Step("fitting rivals", number, len(RIVALS))
    for kind, weights in (("random", "none"), ("pretrained", plan.weights)):
        answer = yield from _probed(kind, weights, plan, material, part)
        rungs.append(_rung(kind, answer))
    rungs.append(Rung("model", model))
    groups = judged.groups
    return climb(judged.targets, rungs, groups=groups, seed=plan.seed)


def _rung(kind: str, answer: Array | str) -> Rung:
    return Rung(kind, None, answer) if isinstance(answer, str) else Rung(kind, answer)


def _probed(
    kind: str, weights: str, plan: Plan, material: Material, part: str
) -> Generator[Step | Notice, None, Array | str]:
    """Return what a probe on the same network says, or why there is none."""
    if kind == "pretrained" and plan.weights == "none":
        return "there are no pretrained weights"
    if plan.strategy == "probe" and weights == plan.weights:
        return "the trained model is one itself"
    chosen = replace(
        plan, strategy="probe", weights=weights, stage="", head="linear", augment="none", frozen=""
    )
    dataset = sampled(material.dataset, plan.seed, part)
    network, _ = network_of(chosen, len(dataset.classes))
    for event in learn(network, chosen, material.over(dataset)):
        if isinstance(event, Step | Notice):
            yield event
    stage = network.backbone.stage
    features = yield from material.over(dataset).features(network.backbone, [stage], split=part)
    with torch.inference_mode():
        logits = network.head(torch.from_numpy(np.asarray(features.stages[stage][0])))
    answers: Array = probabilities(logits, dataset.multilabel).numpy().astype(float)
    return answers
