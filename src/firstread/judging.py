"""Judges a classifier that was just trained on the images held out, beside its rivals."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

from firstread.auditing import Trace
from firstread.classifier import Classifier
from firstread.datasets import Dataset
from firstread.errors import FirstreadError
from firstread.evidence import Ladder, Metrics, Temperature, fit_temperature, score
from firstread.evidence.calibration import reliability
from firstread.ladder import laddering
from firstread.learning import Material, Plan
from firstread.progress import Notice, Step

Array = npt.NDArray[Any]

PARTS = ("val", "test")
"""The parts that are held out; the last one that there is gets the rivals."""


@dataclass(frozen=True)
class Judgement:
    """What a classifier showed on the images held out.

    Parameters
    ----------
    predictions
        One row an image: path, split, truth, label and probabilities.
    metrics
        By part.
    calibration
        The temperature fitted on the validation images, and how probabilities agree with what is
        true before and, on a test part, after it; as plain values.
    ladder
        The rivals; None where nobody looked at the images' files.
    """

    predictions: pd.DataFrame
    metrics: Mapping[str, Metrics]
    calibration: Mapping[str, Any]
    ladder: Ladder | None


def judging(
    classifier: Classifier, plan: Plan, material: Material, traces: Sequence[Trace] | None
) -> Generator[Step | Notice, None, Judgement]:
    """Judge a classifier; yield steps and return a `Judgement`.

    Parameters
    ----------
    classifier
        As it was saved.
    plan
        That it was trained by.
    material
        Of the data set.
    traces
        Of its images, for the rivals that need no network.
    """
    dataset = material.dataset
    held_out = [part for part in PARTS if (dataset.cases["split"] == part).any()]
    training = dataset.part("train").targets
    columns = [f"p_{name}" for name in dataset.classes]
    frames: list[pd.DataFrame] = []
    metrics: dict[str, Metrics] = {}
    said: dict[str, Array] = {}
    for number, split in enumerate(held_out, start=1):
        part = dataset.part(split)
        frame = classifier.predict(part.paths)
        frame.insert(1, "split", split)
        frame.insert(2, "truth", part.cases["label"])
        frames.append(frame)
        said[split] = frame[columns].to_numpy(float)
        metrics[split] = score(
            dataset.classes, part.targets, said[split], training, groups=part.groups
        )
        yield Step("judging", number, len(held_out))
    temperature = fit_temperature(dataset.part("val").targets, said["val"])
    last = held_out[-1]
    ladder = None
    if traces is not None:
        try:
            ladder = yield from laddering(plan, material, traces, last, said[last])
        except FirstreadError as error:
            yield Notice(f"the rivals could not be fitted: {error}")
    calibration = _calibration(temperature, dataset, last, said[last])
    return Judgement(pd.concat(frames), metrics, calibration, ladder)


def _calibration(
    temperature: Temperature, dataset: Dataset, part: str, said: Array
) -> dict[str, Any]:
    targets = dataset.part(part).targets
    # What the temperature was fitted on can't show what it does.
    scaled = temperature.apply(said, dataset.multilabel)
    after = scaled if temperature.fitted and part != "val" else None
    what = "each label" if dataset.multilabel else "the answer"
    return {
        "temperature": temperature.record(),
        "reliability": {
            "images": len(targets),
            "what": f"probability of {what}",
            "before": _curve(targets, said),
            "after": None if after is None else _curve(targets, after),
        },
    }


def _curve(targets: Array, said: Array) -> list[dict[str, float]]:
    """Return how often what was said with some probability is true, as plain rows."""
    if targets.ndim == 2:
        frame = reliability(targets.ravel(), said.ravel())
    else:
        frame = reliability(said.argmax(axis=1) == targets, said.max(axis=1))
    rows: list[dict[str, float]] = json.loads(frame.to_json(orient="records"))
    return rows
