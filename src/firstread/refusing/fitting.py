"""Learns from a run's images what images are like that its classifier knows."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.classifier import Classifier
from firstread.datasets import Dataset
from firstread.errors import DataError, ImageError, RunError
from firstread.evidence.conformal import quantile
from firstread.evidence.familiarity import MOST_FITTED, fit_familiar, left_out
from firstread.evidence.refusal import RATE, REFUSAL_FILE, Refusal, normalised
from firstread.evidence.turning import fit_turner
from firstread.progress import Step
from firstread.refusing.views import TURNS, colour_of, turned
from firstread.run import CASES, DATA, WEIGHTS, Run

Array = npt.NDArray[Any]

MOST = 5000
"""Training images that are kept to compare with."""
MOST_TURNED = 150
"""Training images that are turned to learn what the wrong way up looks like."""
ENOUGH = 100
"""Validation images that are enough by themselves to calibrate on."""

_SMALLEST = 1.0
"""Limit at least: nothing within one standard deviation is refused, as where all images are one."""


def fit_refusal(
    classifier: Classifier, dataset: Dataset, *, rate: float = RATE, seed: int = 0
) -> Generator[Step, None, Refusal]:
    """Learn what a classifier's images look like; yield steps.

    Limits are calibrated on validation images; where those are fewer than `ENOUGH`, on training
    images too, each compared with those of other patients alone.

    Parameters
    ----------
    classifier
        Trained; its network may be of any kind.
    dataset
        With the parts `train` and `val`; files that can't be read are passed over.
    rate
        Share of images like those of training that may be refused.
    seed
        Of which images are taken where there are many.

    Raises
    ------
    DataError
        If no training or no validation image can be read.
    """
    rng = np.random.default_rng(seed)
    training, validation = dataset.part("train"), dataset.part("val")
    if len(training) > MOST:
        training = training.take(np.sort(rng.permutation(len(training))[:MOST]))
    taken = set(rng.permutation(len(training))[:MOST_TURNED].tolist())
    seen = yield from _seen(classifier, training, taken, "what training images look like")
    checked = yield from _seen(classifier, validation, set(), "what validation images look like")
    training, validation = training.take(seen.places), validation.take(checked.places)
    if not len(training) or not len(validation):
        raise DataError(["no image of training or of validation can be read any more"])
    bank, fresh = normalised(seen.features), normalised(checked.features)
    turner = fit_turner(bank, normalised(seen.turned), seen.which, training.groups, fresh, rate)
    fitted = np.sort(rng.permutation(len(bank))[:MOST_FITTED])
    known, groups = seen.signatures[fitted], training.groups[fitted]
    # Labels that may come together have no middle of their own.
    kinds = np.zeros(len(fitted), int) if dataset.multilabel else training.targets[fitted]
    familiar = fit_familiar(known, kinds)
    pool, flagged = familiar.distance(checked.signatures), turner.flagged[len(bank) :]
    if len(fresh) < ENOUGH:
        own = left_out(known, kinds, groups)
        # A network may lie closer to what it was trained on than to what is new to it.
        middle = float(np.median(own)) if len(own) else 0.0
        nearer = max(1.0, float(np.median(pool)) / middle) if middle > 0 else 1.0
        pool = np.concatenate([nearer * own, pool])
        flagged = np.concatenate([turner.flagged[fitted[: len(own)]], flagged])
    # What is refused as turned is a false alarm already, and leaves the fewer to the distance.
    limit = max(quantile(np.where(flagged, np.inf, pool), 1 - rate), _SMALLEST)
    return Refusal(
        bank,
        tuple(map(str, training.paths)),
        tuple(training.cases["label"]),
        familiar,
        limit,
        turner.weight,
        turner.bias,
        tuple(TURNS),
        turner.limit,
        turner.told,
        rate,
        len(pool),
        checked.probabilities,
        validation.targets,
        classifier.classes,
        seen.colour,
    )


def refusal_of(run: str | Path, classifier: Classifier) -> Generator[Step, None, Refusal]:
    """Return a finished run's refusal; of a run that has none, fit it and save it there.

    Raises
    ------
    RunError
        If its files are damaged, or its images have gone.
    """
    opened = Run.open(run)
    folder = opened.folder
    model = folder / WEIGHTS
    if (folder / REFUSAL_FILE).exists():
        return Refusal.load(folder, model)
    cases = pd.read_csv(opened.kept(CASES), dtype=str, keep_default_na=False)
    cases["patient"] = cases["patient"].where(cases["patient"] != "", None)
    known = json.loads((folder / DATA).read_text(encoding="utf-8"))
    dataset = Dataset(cases, tuple(known["classes"]), multilabel=known["multilabel"])
    try:
        refusal = yield from fit_refusal(classifier, dataset)
    except DataError:
        raise RunError(
            f"{folder}: has no {REFUSAL_FILE}, and its images have gone, which could make it; put "
            "them back, or predict without --coverage"
        ) from None
    refusal.save(folder, model)
    return refusal


@dataclass(frozen=True)
class _Seen:
    """What a network made of a part's images: those that could be read, by their places."""

    places: npt.NDArray[np.int64]
    features: Array
    signatures: Array
    probabilities: Array
    turned: Array
    which: npt.NDArray[np.int64]
    colour: float


def _seen(
    classifier: Classifier, part: Dataset, chosen: set[int], phase: str
) -> Generator[Step, None, _Seen]:
    """Run a part's images through the network, some of them turned every way as well."""
    places: list[int] = []
    features, signatures, said, views, which = [], [], [], [], []
    colour = 0.0
    count, width = len(part), len(classifier.classes)
    if count:
        for number, (_, answer) in enumerate(classifier.responses(part.paths)):
            yield Step(phase, number + 1, count)
            if isinstance(answer, ImageError):
                continue
            if number in chosen:
                made = [turned(answer.image, turn) for turn in TURNS]
                views += [view.features for view in classifier.fast.responded(made)]
                which.append(len(places))
            places.append(number)
            features.append(answer.features)
            signatures.append(answer.signature)
            said.append(answer.probabilities)
            colour = max(colour, colour_of(answer.image))
    wide = len(features[0]) if features else 1
    return _Seen(
        np.array(places, np.int64),
        np.array(features, np.float32).reshape(-1, wide),
        np.array(signatures, np.float32),
        np.array(said, np.float32).reshape(-1, width),
        np.array(views, np.float32).reshape(-1, wide),
        np.array(which, np.int64),
        colour,
    )
