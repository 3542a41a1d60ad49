"""A classifier that can say "I don't know": fitted on a run's images, used beside its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.classifier import WEIGHTS_FILE, Classifier, Paths, Response, batched
from firstread.datasets import BETWEEN, Dataset
from firstread.errors import DataError, ImageError, RunError
from firstread.evidence.conformal import Sets, quantile
from firstread.evidence.familiarity import MOST_FITTED, fit_familiar, left_out
from firstread.evidence.refusal import (
    RATE,
    REFUSAL_FILE,
    Judged,
    Refusal,
    normalised,
)
from firstread.evidence.turning import fit_turner
from firstread.images import Image
from firstread.progress import Step
from firstread.run import CASES, DATA, Run

Array = npt.NDArray[Any]

MOST = 5000
"""Training images that are kept to compare with."""
MOST_TURNED = 150
"""Training images that are turned to learn what the wrong way up looks like."""
ENOUGH = 100
"""Validation images that are enough by themselves to calibrate on."""

_JUDGED = 32
"""Images judged together; a part of a cluster's work has a multiple of them."""

_SMALLEST = 1.0
"""Limit at least: nothing within one standard deviation is refused, as where all images are one."""
_BLANK = 0.004
_COLOURED = 0.08
_CERTAIN = 10.0
"""How far off an image is that is refused for what is plain to see."""

TURNS: Mapping[str, Callable[[Array], Array]] = {
    "upside down and mirrored": lambda pixels: pixels[::-1],
    "upside down": lambda pixels: pixels[::-1, ::-1],
    "turned by a quarter to the left": np.rot90,
    "turned by a quarter to the right": lambda pixels: np.rot90(pixels, -1),
    "inverted, black for white": lambda pixels: np.iinfo(pixels.dtype).max - pixels,
}

_LEFT, _RIGHT = list(TURNS)[2:4]
_BACK = {_LEFT: _RIGHT, _RIGHT: _LEFT}
"""What undoes a turn, where it isn't the same again."""


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
    model = folder / WEIGHTS_FILE
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


def predict(
    classifier: Classifier,
    refusal: Refusal,
    paths: Paths,
    coverage: float = 0.9,
    *,
    skip_unreadable: bool = False,
) -> pd.DataFrame:
    """Label images, and say which answers not to take.

    Parameters
    ----------
    classifier
        Of the run.
    refusal
        Of the same.
    paths, skip_unreadable
        As of `Classifier.predict`.
    coverage
        Share of images like those of training whose true class is in the set.

    Returns
    -------
    frame
        As of `Classifier.predict`, with three more columns before the probabilities: `set` (the
        classes that can't be ruled out, with `;` between), `outlier` (how far the image is from
        training; more than 1 is refused) and `advice` (`accept`, `unsure: ...`, or
        `refuse: ...` with the reason and the nearest training images).

    Raises
    ------
    UsageError
        If the coverage needs more validation images than there are.
    DataError
        As of `Classifier.predict`.
    """
    responses = classifier.responses(paths)
    return advised(classifier, refusal, responses, coverage, skip_unreadable=skip_unreadable)


def advised(
    classifier: Classifier,
    refusal: Refusal,
    responses: Iterable[tuple[Path, Response | ImageError]],
    coverage: float,
    *,
    skip_unreadable: bool = False,
    named: bool = True,
) -> pd.DataFrame:
    """Return the frame of `predict` for what `Classifier.responses` gave.

    Parameters
    ----------
    classifier, refusal, coverage, skip_unreadable
        As of `predict`.
    responses
        Each image with what the network makes of it.
    named
        Whether advice names the files of the nearest training images.

    Raises
    ------
    UsageError, DataError
        As of `predict`.
    """
    sets = refusal.sets(coverage)
    rows: list[tuple[str, float, str]] = []

    def watched() -> Iterator[tuple[Path, Response | ImageError]]:
        for batch in batched(responses, _JUDGED):
            answers = [answer for _, answer in batch if isinstance(answer, Response)]
            if answers:
                rows.extend(_rows(classifier, refusal, sets, answers, named))
            yield from batch

    frame = classifier.tabulated(watched(), skip_unreadable)
    for place, name in enumerate(("set", "outlier", "advice")):
        frame.insert(2 + place, name, [row[place] for row in rows])
    return frame


def _rows(
    classifier: Classifier,
    refusal: Refusal,
    sets: Sets,
    answers: Sequence[Response],
    named: bool,
) -> Iterator[tuple[str, float, str]]:
    """Yield set, outlier score and advice of each answer of a batch."""
    said = np.stack([answer.probabilities for answer in answers])
    judged = _judged(refusal, answers)
    for place, (answer, held) in enumerate(zip(answers, sets.apply(said), strict=True)):
        names = [name for name, inside in zip(sets.classes, held, strict=True) if inside]
        outlier, plain = float(judged.outlier[place]), _plain(answer.image, refusal)
        if plain:
            outlier = max(outlier, _CERTAIN)
        if outlier <= 1:
            advice = _advice(names, classifier, answer)
        else:
            reason = plain or _reason(classifier, refusal, judged, place, answer)
            advice = f"refuse: {reason}"
            if named:
                near = ", ".join(
                    f"{Path(refusal.paths[n]).name} ({refusal.labels[n]})"
                    for n in judged.nearest[place]
                )
                advice += f"; nearest training images: {near}"
        yield BETWEEN.join(names), round(outlier, 3), advice


def _judged(refusal: Refusal, answers: Sequence[Response]) -> Judged:
    features, signatures = (
        np.stack([getattr(answer, name) for answer in answers])
        for name in ("features", "signature")
    )
    return refusal.judge(features, signatures)


def _advice(names: Sequence[str], classifier: Classifier, answer: Response) -> str:
    """Say what to do with an answer for an image like those of training."""
    if classifier.multilabel:
        given = {
            n for n, p in zip(classifier.classes, answer.probabilities, strict=True) if p >= 0.5
        }
        more = [name for name in names if name not in given]
        return f"unsure: {', '.join(more)} can't be ruled out" if more else "accept"
    return "accept" if len(names) == 1 else f"unsure: may be {' or '.join(names)}"


def _plain(image: Image, refusal: Refusal) -> str:
    """Return what is plain to see against an image, without any network."""
    pixels = image.as_float()
    if float(pixels.std()) < _BLANK:
        return "the image is blank"
    if _colour(image) > refusal.colour + _COLOURED:
        return "the image is in colour, unlike the training images"
    return ""


def _colour(image: Image) -> float:
    """Return how far the channels are apart, mean over pixels, 0 to 1."""
    return 0.0 if image.gray else float(np.ptp(image.as_float(), axis=2).mean())


def _reason(
    classifier: Classifier, refusal: Refusal, judged: Judged, place: int, answer: Response
) -> str:
    """Return why an image is refused, from what would make it like the training images."""
    odds = judged.odds[place]
    if judged.distance[place] <= 1:
        return f"the image looks {refusal.turns[int(odds.argmax())]}"
    undone = [_turned(answer.image, TURNS[_BACK.get(turn, turn)]) for turn in TURNS]
    better = _judged(refusal, classifier.fast.responded(undone)).outlier
    if better.min() > 1:
        return "the image is unlike the training images"
    # Mirrored or not is hard to see for a network; of what fits, the turner says what is likely.
    likely = np.where(better <= 1, odds, -np.inf) if len(odds) else -better
    return f"the image looks {list(TURNS)[int(likely.argmax())]}"


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
    classifier: Classifier, part: Dataset, turned: set[int], phase: str
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
            if number in turned:
                made = [_turned(answer.image, turn) for turn in TURNS.values()]
                views += [view.features for view in classifier.fast.responded(made)]
                which.append(len(places))
            places.append(number)
            features.append(answer.features)
            signatures.append(answer.signature)
            said.append(answer.probabilities)
            colour = max(colour, _colour(answer.image))
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


def _turned(image: Image, turn: Callable[[Array], Array]) -> Image:
    return replace(image, pixels=np.ascontiguousarray(turn(image.pixels)))
