"""Labels images, and says of each whether to take the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from firstread.classifier import Classifier, Paths, Response, batched
from firstread.datasets import BETWEEN
from firstread.errors import ImageError
from firstread.evidence.conformal import Sets
from firstread.evidence.refusal import Judged, Refusal
from firstread.images import Image
from firstread.refusing.views import TURNS, colour_of, undone

_JUDGED = 32
"""Images judged together; a part of a cluster's work has a multiple of them."""

_BLANK = 0.004
_COLOURED = 0.08
_CERTAIN = 10.0
"""How far off an image is that is refused for what is plain to see."""


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
                near = refusal.nearest(answer.features)
                told = ", ".join(f"{Path(path).name} ({label})" for path, label in near)
                advice += f"; nearest training images: {told}"
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
    thinned = image.pixels[::2, ::2]  # As telling, in a quarter of the time.
    if float(thinned.std()) < _BLANK * np.iinfo(thinned.dtype).max:
        return "the image is blank"
    if colour_of(image) > refusal.colour + _COLOURED:
        return "the image is in colour, unlike the training images"
    return ""


def _reason(
    classifier: Classifier, refusal: Refusal, judged: Judged, place: int, answer: Response
) -> str:
    """Return why an image is refused, from what would make it like the training images."""
    odds, turns = judged.odds[place], list(TURNS)
    if judged.distance[place] <= 1:
        return f"the image looks {refusal.turns[int(odds.argmax())]}"
    # To undo a turn costs a pass, so only those that look likelier than upright are undone. Of
    # those that help, the likeliest is named: for a network, mirrored or not is hard to see.
    likely = np.flatnonzero(odds > 0) if len(odds) else np.arange(len(turns))
    views = [undone(answer.image, turns[k]) for k in likely]
    better = _judged(refusal, classifier.fast.responded(views)).outlier if views else np.ones(0)
    rank = np.where(better <= 1, odds[likely] if len(odds) else -better, -np.inf)
    if not np.isfinite(rank).any():
        return "the image is unlike the training images"
    return f"the image looks {turns[likely[rank.argmax()]]}"
