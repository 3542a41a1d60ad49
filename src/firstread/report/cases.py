"""Which answers are worth looking at: the most confident mistakes and the least sure ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstread.report.records import Answers, Records
from firstread.report.thumbnails import Album, Thumbnail
from firstread.report.wording import percent

MOST = 9
"""Mistakes."""
MOST_UNSURE = 6
_SHOWN = 3


@dataclass(frozen=True)
class Case:
    """An image with its truth and its answer.

    Parameters
    ----------
    picture
        Small.
    truth, answer
        In words.
    right
        Whether they are the same.
    chances
        The likeliest classes with their probability, as a share and in words.
    """

    picture: Thumbnail
    truth: str
    answer: str
    right: bool
    chances: tuple[tuple[str, float, str], ...]


def mistakes(records: Records, album: Album) -> tuple[Case, ...]:
    """Return the wrong answers that the network was surest of."""
    answers = records.answers
    wrong = np.flatnonzero(~answers.right)
    sure = _confidence(answers, records.multilabel)
    return _cases(records, album, wrong[np.argsort(-sure[wrong], kind="stable")][:MOST])


def least_sure(records: Records, album: Album) -> tuple[Case, ...]:
    """Return the right answers that the network was least sure of."""
    answers = records.answers
    right = np.flatnonzero(answers.right)
    margin = _margin(answers, records.multilabel)
    order = np.argsort(margin[right], kind="stable")
    return _cases(records, album, right[order][:MOST_UNSURE])


def _confidence(answers: Answers, multilabel: bool) -> np.ndarray:
    """Return how sure the network was of what is wrong, shape (n,)."""
    said = answers.probabilities
    if not multilabel:
        return np.asarray(said.max(axis=1))
    return np.asarray(np.abs(said - answers.yes).max(axis=1))


def _margin(answers: Answers, multilabel: bool) -> np.ndarray:
    """Return how far the answer is from another one, shape (n,)."""
    said = answers.probabilities
    if multilabel:
        return np.asarray(np.abs(said - 0.5).min(axis=1))
    two = np.sort(said, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _cases(records: Records, album: Album, places: np.ndarray) -> tuple[Case, ...]:
    answers, made = records.answers, []
    for place in places:
        picture = album.thumbnail(answers.paths[place])
        if picture is None:
            break
        said = answers.probabilities[place]
        order = np.argsort(-said, kind="stable")[:_SHOWN]
        made.append(
            Case(
                picture,
                _words(answers.truth[place]),
                _words(answers.label[place]),
                bool(answers.right[place]),
                tuple((records.classes[k], float(said[k]), percent(float(said[k]))) for k in order),
            )
        )
    return tuple(made)


def _words(label: str) -> str:
    return label.replace(";", ", ") or "none"
