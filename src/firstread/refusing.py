"""A classifier that can say "I don't know": fitted on a run's images, used beside its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from firstread.classifier import BATCH, WEIGHTS_FILE, Classifier, Paths, Response, batched
from firstread.datasets import BETWEEN, Dataset
from firstread.errors import DataError, ImageError, RunError
from firstread.evidence.conformal import Sets, needed, quantile
from firstread.evidence.refusal import (
    NEAREST,
    RATE,
    REFUSAL_FILE,
    Judged,
    Refusal,
    distances,
    normalised,
    turn_odds,
)
from firstread.images import Image
from firstread.progress import Step
from firstread.run import CASES, DATA, Run
from firstread.threads import single_threaded

Array = npt.NDArray[Any]

MOST = 5000
"""Training images that are kept to compare with."""
MOST_TURNED = 150
"""Training images that are turned to learn what the wrong way up looks like."""
ENOUGH = 100
"""Validation images that are enough by themselves to calibrate on."""

_FOLDS = 5
_USEFUL = 0.5
_STRENGTH = 0.1
_BLANK = 0.004
_COLOURED = 0.08
_CERTAIN = 10.0
"""How far off an image is that is refused for what is plain to see."""

TURNS: Mapping[str, Callable[[Array], Array]] = {
    "flipped top to bottom": lambda pixels: pixels[::-1],
    "turned by half a turn": lambda pixels: pixels[::-1, ::-1],
    "turned by a quarter to the left": np.rot90,
    "turned by a quarter to the right": lambda pixels: np.rot90(pixels, -1),
}

_LEFT, _RIGHT = list(TURNS)[2:]
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
    small = len(fresh) < ENOUGH
    turner = _fit_turner(bank, normalised(seen.turned), seen.which, training.groups, fresh, rate)
    level = 1 - (rate - turner.rate)
    far = distances(fresh, bank)[0]
    pool = np.concatenate([_apart(bank, training.groups), far]) if small else far
    limit = quantile(pool, level)
    if small and np.isfinite(limit):
        # A network lies closer to what it was trained on than to what is new to it.
        place = min(len(far), int(np.ceil((len(far) + 1) * level)))
        limit = max(limit, float(np.sort(far)[place - 1]))
    return Refusal(
        bank,
        tuple(map(str, training.paths)),
        tuple(training.cases["label"]),
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
        seen.gray,
    )


def refusal_of(run: str | Path, classifier: Classifier) -> Generator[Step, None, Refusal]:
    """Return a finished run's refusal; of a run that has none, fit it and save it there.

    Raises
    ------
    RunError
        If its files are damaged, or its images have gone.
    """
    folder = Run.open(run).folder
    model = folder / WEIGHTS_FILE
    if (folder / REFUSAL_FILE).exists():
        return Refusal.load(folder, model)
    cases = pd.read_csv(folder / CASES, dtype=str, keep_default_na=False)
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
    sets = refusal.sets(coverage)
    rows: list[tuple[str, float, str]] = []

    def watched() -> Iterator[tuple[Path, Response | ImageError]]:
        for batch in batched(classifier.responses(paths), BATCH):
            answers = [answer for _, answer in batch if isinstance(answer, Response)]
            if answers:
                rows.extend(_rows(classifier, refusal, sets, answers))
            yield from batch

    frame = classifier.tabulated(watched(), skip_unreadable)
    for place, name in enumerate(("set", "outlier", "advice")):
        frame.insert(2 + place, name, [row[place] for row in rows])
    return frame


def _rows(
    classifier: Classifier, refusal: Refusal, sets: Sets, answers: Sequence[Response]
) -> Iterator[tuple[str, float, str]]:
    """Yield set, outlier score and advice of each answer of a batch."""
    said = np.stack([answer.probabilities for answer in answers])
    judged = refusal.judge(np.stack([answer.features for answer in answers]))
    for place, (answer, held) in enumerate(zip(answers, sets.apply(said), strict=True)):
        names = [name for name, inside in zip(sets.classes, held, strict=True) if inside]
        outlier, plain = float(judged.outlier[place]), _plain(answer.image, refusal)
        if plain:
            outlier = max(outlier, _CERTAIN)
        if outlier <= 1:
            advice = _advice(names, classifier, answer)
        else:
            reason = plain or _reason(classifier, refusal, judged, place, answer)
            near = ", ".join(
                f"{Path(refusal.paths[n]).name} ({refusal.labels[n]})"
                for n in judged.nearest[place]
            )
            advice = f"refuse: {reason}; nearest training images: {near}"
        yield BETWEEN.join(names), round(outlier, 3), advice


def _advice(names: Sequence[str], classifier: Classifier, answer: Response) -> str:
    """Say what to do with an answer for an image like those of training."""
    if classifier.multilabel:
        given = {
            n for n, p in zip(classifier.classes, answer.probabilities, strict=True) if p >= 0.5
        }
        more = [name for name in names if name not in given]
        return f"unsure: {', '.join(more)} can't be ruled out" if more else "accept"
    if not names:
        return "unsure: no class is as likely as it should be"
    return "accept" if len(names) == 1 else f"unsure: may be {' or '.join(names)}"


def _plain(image: Image, refusal: Refusal) -> str:
    """Return what is plain to see against an image, without any network."""
    pixels = image.as_float()
    if float(pixels.std()) < _BLANK:
        return "the image is blank"
    if refusal.gray and not image.gray and float(np.ptp(pixels, axis=2).mean()) > _COLOURED:
        return "the image is in colour, and all training images are gray"
    return ""


def _reason(
    classifier: Classifier, refusal: Refusal, judged: Judged, place: int, answer: Response
) -> str:
    """Return why an image is refused, from what would make it like the training images."""
    image, turn = answer.image, refusal.turns[int(judged.turn[place])]
    changed = [
        replace(image, pixels=np.iinfo(image.pixels.dtype).max - image.pixels),
        _turned(image, TURNS[_BACK.get(turn, turn)]),
    ]
    undone = refusal.judge(np.stack([a.features for a in classifier.responded(changed)])).outlier
    if judged.turned[place] > 1 and (undone[1] <= 1 or judged.distance[place] <= 1):
        return f"the image looks {turn}"
    if undone[0] <= 1:
        return "black and white look swapped"
    return "the image is unlike the training images"


@dataclass(frozen=True)
class _Seen:
    """What a network made of a part's images: those that could be read, by their places."""

    places: npt.NDArray[np.int64]
    features: Array
    probabilities: Array
    turned: Array
    which: npt.NDArray[np.int64]
    gray: bool


def _seen(
    classifier: Classifier, part: Dataset, turned: set[int], phase: str
) -> Generator[Step, None, _Seen]:
    """Run a part's images through the network, some of them turned every way as well."""
    places: list[int] = []
    features, said, views, which, gray = [], [], [], [], True
    count, width = len(part), len(classifier.classes)
    if count:
        for number, (_, answer) in enumerate(classifier.responses(part.paths)):
            yield Step(phase, number + 1, count)
            if isinstance(answer, ImageError):
                continue
            if number in turned:
                made = [_turned(answer.image, turn) for turn in TURNS.values()]
                views += [view.features for view in classifier.responded(made)]
                which.append(len(places))
            places.append(number)
            features.append(answer.features)
            said.append(answer.probabilities)
            gray = gray and answer.image.gray
    wide = len(features[0]) if features else 0
    return _Seen(
        np.array(places, np.int64),
        np.array(features, np.float32).reshape(-1, wide),
        np.array(said, np.float32).reshape(-1, width),
        np.array(views, np.float32).reshape(-1, wide),
        np.array(which, np.int64),
        gray,
    )


def _turned(image: Image, turn: Callable[[Array], Array]) -> Image:
    return replace(image, pixels=np.ascontiguousarray(turn(image.pixels)))


def _apart(bank: Array, groups: Array) -> Array:
    """Return each training image's mean distance to the nearest of other patients, shape (n,)."""
    names = pd.factorize(groups)[0]
    found = []
    for start in range(0, len(bank), 500):
        rows = slice(start, start + 500)
        squared = np.clip(2 - 2 * (bank[rows] @ bank.T), 0, None)
        squared[names[rows, None] == names] = np.inf
        count = min(NEAREST, len(bank))
        nearest = np.partition(squared, count - 1, axis=1)[:, :count]
        nearest = np.where(np.isfinite(nearest), nearest, np.nan)
        known = np.isfinite(nearest).any(axis=1)
        found.append(np.sqrt(np.nanmean(nearest[known], axis=1)))
    return np.concatenate(found)


@dataclass(frozen=True)
class _Turner:
    """Tells turned images; without rows where it can't."""

    weight: Array
    bias: Array
    limit: float = 0.0
    told: float = 0.0
    rate: float = 0.0


def _fit_turner(
    bank: Array,
    turned: Array,
    which: npt.NDArray[np.int64],
    groups: Array,
    fresh: Array,
    rate: float,
) -> _Turner:
    """Fit and calibrate a linear classifier of how an image was turned.

    Parameters
    ----------
    bank, fresh
        Normalised features of training and validation images.
    turned
        Of training images turned every way, all ways of one image after each other.
    which
        Places in the bank of those images.
    groups
        Of the bank: patients.
    rate
        False alarms, a fifth of which are this classifier's; half where images are few.

    References
    ----------
    D. Hendrycks et al., "Using self-supervised learning can improve model robustness and
    uncertainty", NeurIPS 2019 (rotations tell what is out of distribution).
    """
    nothing = _Turner(np.zeros((0, bank.shape[1]), np.float32), np.zeros(0, np.float32))
    names = pd.factorize(groups[which])[0] if len(which) else np.zeros(0, int)
    folds = min(_FOLDS, len(set(names.tolist())))
    if folds < 2:
        return nothing
    ways = len(TURNS)
    upright, views = bank[which], turned.reshape(len(which), ways, -1)
    own = np.zeros((len(which), ways))
    theirs = np.zeros((len(which), ways))
    for learned, left in GroupKFold(folds).split(upright, groups=names):
        fitted = _linear(upright[learned], views[learned])
        own[left] = turn_odds(upright[left], *fitted)
        theirs[left] = np.stack(
            [turn_odds(views[left, way], *fitted).max(axis=1) for way in range(ways)], axis=1
        )
    weight, bias = _linear(upright, views)
    rest = np.setdiff1d(np.arange(len(bank)), which)
    others = [turn_odds(points, weight, bias) for points in (bank[rest], fresh)]
    small = len(fresh) < ENOUGH
    pool = np.concatenate([own, *others]) if small else others[-1]
    mine = rate / 5 if len(pool) >= needed(1 - rate / 5) else rate / 2
    limit = quantile(pool.max(axis=1), 1 - mine)
    told = float((theirs > limit).mean())
    if not np.isfinite(limit) or told < _USEFUL:
        return nothing
    return _Turner(weight, bias, limit, told, mine)


def _linear(upright: Array, views: Array) -> tuple[Array, Array]:
    """Fit softmax regression of the ways images were turned, upright first."""
    rows = np.concatenate([upright, *views.swapaxes(0, 1)])
    targets = np.repeat(np.arange(views.shape[1] + 1), len(upright))
    scale = np.sqrt(rows.shape[1])
    with single_threaded():
        model = LogisticRegression(C=_STRENGTH, max_iter=200).fit(rows * scale, targets)
    weight = np.asarray(model.coef_ * scale, np.float32)
    return weight, np.asarray(model.intercept_, np.float32)
