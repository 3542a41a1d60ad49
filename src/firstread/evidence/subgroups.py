"""The same figures for parts of the images: by sex, age band, scanner, any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.errors import UsageError
from firstread.evidence.answers import called, marks
from firstread.evidence.bootstrap import SAMPLES
from firstread.evidence.estimate import Estimate
from firstread.evidence.intervals import LEVEL, Interval, trials, weighted_sum, wilson
from firstread.evidence.scoring import Evaluation, coded, evaluate

Array = npt.NDArray[Any]

NOT_GIVEN = "not given"
MOST = 12
"""Values of a column that are parts; of more numbers bands are made, of more words none."""

_BANDS = 4
_SHUFFLES = 5000
FEWEST = 10
"""Images of a part that takes part in the gap."""


@dataclass(frozen=True)
class Gap:
    """Between the part with the highest accuracy and that with the lowest.

    Parameters
    ----------
    best, worst
        Names of the parts.
    value, interval
        The difference, with an interval that allows for having looked at every pair of parts.
    p_value
        How often shuffling the parts among patients gives a gap as wide.
    """

    best: str
    worst: str
    value: float
    interval: Interval
    p_value: float


@dataclass(frozen=True)
class Subgroups:
    """Figures of each part of the images.

    Parameters
    ----------
    column
        What they are parted by.
    names
        Of the parts.
    evaluations
        Of each part.
    gap
        None where fewer than two parts have `FEWEST` images.
    """

    column: str
    names: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    gap: Gap | None

    def frame(self) -> pd.DataFrame:
        """Return one row a part and figure: column, part, figure, class, value, low, high, ..."""
        frames = [
            evaluation.frame().assign(column=self.column, part=name, images=evaluation.n)
            for name, evaluation in zip(self.names, self.evaluations, strict=True)
        ]
        frame = pd.concat(frames, ignore_index=True)
        first = ["column", "part", "images"]
        return frame[[*first, *(name for name in frame if name not in first)]]

    def estimates(self, figure: str, class_name: str = "") -> list[Estimate]:
        """Return one figure of every part."""
        return [evaluation.get(figure, class_name) for evaluation in self.evaluations]

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        gap = self.gap
        return {
            "column": self.column,
            "parts": [
                {"part": name, **evaluation.record()}
                for name, evaluation in zip(self.names, self.evaluations, strict=True)
            ],
            "gap": None
            if gap is None
            else {
                "best": gap.best,
                "worst": gap.worst,
                "accuracy": gap.value,
                "interval": list(gap.interval),
                "p_value": gap.p_value,
            },
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say how far the parts differ, and whether that is more than chance makes."""
        gap = self.gap
        if gap is None:
            return (
                f"By {self.column}: fewer than two parts have {FEWEST} images, too few to compare."
            )
        low, high = (100 * end for end in gap.interval)
        text = (
            f"By {self.column}: a gap of {100 * gap.value:.0f} points of accuracy ({low:.0f} to "
            f"{high:.0f}) between {gap.best!r} and {gap.worst!r}"
        )
        share = 100 * gap.p_value
        chance = f"{share:.0f} % of shuffles" if share >= 1 else f"{share:.2f} % of shuffles"
        if gap.p_value >= 1 - LEVEL:
            return f"{text}, which chance may have made: it makes one as wide in {chance}."
        return (
            f"{text}; chance alone makes one as wide in {chance}. Ask why before using it on both."
        )


def subgroups(
    column: str,
    values: Sequence[Any] | pd.Series,
    classes: Sequence[str],
    targets: Array,
    probabilities: Array,
    *,
    groups: Sequence[str] | Array | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Subgroups:
    """Judge each part of the images.

    Parameters
    ----------
    column
        What the values are called.
    values
        One an image, shape (n,); numbers of many values are made bands of equal counts, and
        missing or empty ones a part of their own.
    classes, targets, probabilities, groups, samples, seed
        As of `scoring.evaluate`.

    Raises
    ------
    UsageError
        If the column has too many words to be parts, or one value.
    """
    truth, p = np.asarray(targets), np.asarray(probabilities)
    part = banded(column, pd.Series(values).reset_index(drop=True))
    names = _ordered(part)
    places = [np.flatnonzero(part == name) for name in names]
    whose = None if groups is None else np.asarray(groups)
    evaluations = tuple(
        evaluate(
            classes,
            truth[held],
            p[held],
            groups=None if whose is None else whose[held],
            samples=samples,
            seed=seed,
        )
        for held in places
    )
    codes, _ = coded(groups, len(truth))
    right = (marks(truth, len(classes)) == called(p, truth.ndim == 2)).all(axis=1)
    numbers = np.array([names.index(name) for name in part])
    return Subgroups(column, tuple(names), evaluations, _gap(names, numbers, right, codes, seed))


def banded(column: str, values: pd.Series) -> pd.Series:
    """Return the part that each value belongs to, as words.

    Raises
    ------
    UsageError
        As of `subgroups`.
    """
    blank = values.isna() | (values.astype(str).str.strip() == "")
    numbers = pd.to_numeric(values.where(~blank), errors="coerce")
    if numbers[~blank].notna().all() and numbers.nunique() > MOST:
        words = _bands(numbers)
    else:
        words = values.astype(str).str.strip()
    words = words.mask(blank, NOT_GIVEN)
    count = words.nunique()
    if count < 2:
        raise UsageError(f"--by {column}: every image has {words.iloc[0]!r}; nothing to compare")
    if count > MOST:
        raise UsageError(
            f"--by {column}: has {count} values; up to {MOST} can be compared, "
            "or a column of numbers"
        )
    return words


def _bands(numbers: pd.Series) -> pd.Series:
    """Return bands of about equal counts, named by the least and largest number in each."""
    codes = pd.qcut(numbers, _BANDS, labels=False, duplicates="drop")
    held = numbers.groupby(codes)
    names = {
        code: f"{low:g} to {high:g}"
        for code, low, high in zip(held.min().index, held.min(), held.max(), strict=True)
    }
    return codes.map(names).astype(object)


def _ordered(part: pd.Series) -> list[str]:
    """Return the parts' names, numbers by size, and what isn't given last."""

    def key(name: str) -> tuple[bool, float, str]:
        start = pd.to_numeric(name.split(" to ")[0], errors="coerce")
        return name == NOT_GIVEN, float("inf") if pd.isna(start) else float(start), name

    return sorted(part.unique(), key=key)


def _gap(
    names: list[str], numbers: Array, right: Array, codes: Array | None, seed: int
) -> Gap | None:
    counts = np.bincount(numbers, minlength=len(names))
    kept = [k for k in range(len(names)) if counts[k] >= FEWEST]
    if len(kept) < 2:
        return None
    tried = {k: trials(right, numbers == k, codes) for k in kept}
    best = max(kept, key=lambda k: tried[k].share)
    worst = min((k for k in kept if k != best), key=lambda k: tried[k].share)
    shares = [tried[best].share, tried[worst].share]
    level = 1 - (1 - LEVEL) / len(list(combinations(kept, 2)))
    limits = [wilson(*tried[k], level) for k in (best, worst)]
    interval = weighted_sum([1, -1], shares, limits)
    p_value = _chance(numbers, right, codes, kept, shares[0] - shares[1], seed)
    return Gap(names[best], names[worst], shares[0] - shares[1], interval, p_value)


def _chance(
    numbers: Array, right: Array, codes: Array | None, kept: list[int], seen: float, seed: int
) -> float:
    """Return how often a shuffle gives a gap as wide; patients who are in one part move whole."""
    rng = np.random.default_rng(seed)
    units = np.arange(len(numbers)) if codes is None else codes
    firsts = np.unique(units, return_index=True)[1]
    if not (numbers[firsts][units] == numbers).all():
        units, firsts = np.arange(len(numbers)), np.arange(len(numbers))
    held, hits = np.bincount(units), np.bincount(units, weights=right)
    parts = numbers[firsts]
    as_wide = 0
    for _ in range(_SHUFFLES):
        shuffled = rng.permutation(parts)
        images = np.bincount(shuffled, weights=held, minlength=numbers.max() + 1)[kept]
        shares = np.bincount(shuffled, weights=hits, minlength=numbers.max() + 1)[kept] / images
        as_wide += int(shares.max() - shares.min() >= seen - 1e-12)
    return (1 + as_wide) / (1 + _SHUFFLES)
