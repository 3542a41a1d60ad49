"""Two models on the same images: how far they differ, and whether the images can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm

from firstread.errors import UsageError
from firstread.evidence.answers import called, marks
from firstread.evidence.differences import Difference, differences, lead
from firstread.evidence.intervals import LEVEL
from firstread.evidence.judged import Judged
from firstread.evidence.scoring import coded

Array = npt.NDArray[Any]

POWER = 0.8
_FLIPS = 20_000


@dataclass(frozen=True)
class Comparison:
    """Two models judged on the same images.

    Parameters
    ----------
    first, second
        Their names.
    n, patients
        Images, and the patients that they are of.
    both, first_only, second_only, neither
        How many images each got right.
    differences
        Accuracy first.
    p_value
        Two-sided, of equal accuracy: McNemar's exact test, or where patients repeat the sign test
        that swaps the models for whole patients.
    """

    first: str
    second: str
    n: int
    patients: int
    both: int
    first_only: int
    second_only: int
    neither: int
    differences: tuple[Difference, ...]
    p_value: float

    @property
    def accuracy(self) -> Difference:
        """The difference in the share of images labelled right."""
        return self.differences[0]

    @property
    def told_apart(self) -> bool:
        """Whether the images show that one is more often right."""
        low, high = self.accuracy.interval
        return self.p_value < 1 - LEVEL and not low <= 0 <= high

    @property
    def needed(self) -> int | None:
        """Images like these that would tell a difference of this size, four times of five.

        None where there is no difference. R. J. Connor, "Sample size for testing differences in
        proportions for the paired-sample design", Biometrics 43 (1987).
        """
        gap, apart = self.accuracy.value, (self.first_only + self.second_only) / self.n
        if gap == 0:
            return None
        root = norm.ppf((1 + LEVEL) / 2) * sqrt(apart) + norm.ppf(POWER) * sqrt(apart - gap**2)
        return int(np.ceil((root / gap) ** 2))

    def frame(self) -> pd.DataFrame:
        """Return one row a figure: figure, difference, low, high, method."""
        rows = [(d.figure, d.value, *d.interval, d.method) for d in self.differences]
        return pd.DataFrame(rows, columns=["figure", "difference", "low", "high", "method"])

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "images": self.n,
            "patients": self.patients,
            "right": {
                "both": self.both,
                "first_only": self.first_only,
                "second_only": self.second_only,
                "neither": self.neither,
            },
            "p_value": self.p_value,
            "told_apart": self.told_apart,
            "images_needed": self.needed,
            "differences": [
                {name: None if value != value else value for name, value in row.items()}
                for row in self.frame().to_dict("records")
            ],
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say whether these images tell the two apart."""
        low, high = self.accuracy.interval
        right, other = self.both + self.first_only, self.both + self.second_only
        counts = f"{self.first} is right on {right} of {self.n}, {self.second} on {other}"
        points = f"{_points(self.accuracy.value)} points ({_points(low)} to {_points(high)})"
        if self.told_apart:
            better, worse = (self.first, self.second)[:: 1 if self.accuracy.value > 0 else -1]
            return (
                f"On these {self.n} images {better} is more often right than {worse}: {counts}; "
                f"the difference is {points}, p = {_p(self.p_value)}."
            )
        needed = self.needed
        more = f" Some {needed:,} images like these would tell." if needed is not None else ""
        return (
            f"These {self.n} images can't tell the two apart: {counts}; the difference is "
            f"{points}, p = {_p(self.p_value)}.{more}"
        )


def compare(
    names: tuple[str, str],
    targets: Array,
    first: Array,
    second: Array,
    *,
    groups: Sequence[str] | Array | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare the probabilities that two models give for the same images.

    The interval of the difference in accuracy stays open where the models never differ, which a
    bootstrap's wouldn't; that of balanced accuracy is made of such intervals, one a class. Those
    of log loss and Brier score are Student's of what each image adds, that of AUROC is DeLong's,
    for the mean over more than two classes as well; where a model shows no error that could be
    paired they follow from both models' own intervals.

    Parameters
    ----------
    names
        What the two are called.
    targets
        As of `scoring.evaluate`.
    first, second
        Probabilities, each of shape (n, k).
    groups
        The patient of each image, shape (n,); None where each has one image.
    seed
        Of the test that swaps the models for whole patients.

    References
    ----------
    Q. McNemar, Psychometrika 12 (1947), exact; interval: D. G. Bonett and R. M. Price, "Adjusted
    Wald confidence interval for a difference of binomial proportions based on paired data",
    Journal of Educational and Behavioral Statistics 37 (2012); which to use: M. W. Fagerland, S.
    Lydersen and P. Laake, Statistics in Medicine 33 (2014).
    """
    truth = np.asarray(targets)
    first, second = (np.asarray(p, float) for p in (first, second))
    if not first.shape == second.shape == (len(truth), first.shape[-1]):
        raise UsageError(
            f"{names[0]} and {names[1]} can't be compared: they judged {len(first)} and "
            f"{len(second)} images, and {len(truth)} are labelled; give both the same images"
        )
    codes, patients = coded(groups, len(truth))
    multilabel, yes = truth.ndim == 2, marks(truth, first.shape[1])
    classes = tuple(map(str, range(first.shape[1])))
    a, b = (
        Judged(classes, multilabel, yes, called(p, multilabel), p, codes, {})
        for p in (first, second)
    )
    ahead = lead(a, b)
    return Comparison(
        *names,
        len(truth),
        patients,
        int((a.right & b.right).sum()),
        int((ahead > 0).sum()),
        int((ahead < 0).sum()),
        int((~a.right & ~b.right).sum()),
        differences(a, b),
        _p_value(ahead, codes, seed),
    )


def _p_value(ahead: Array, codes: Array | None, seed: int) -> float:
    """Return McNemar's exact p, or where patients repeat that of swapping whole patients."""
    won, apart = int((ahead > 0).sum()), int((ahead != 0).sum())
    if apart == 0:
        return 1.0
    if codes is None:
        return float(binomtest(won, apart).pvalue)
    sums = np.abs(np.bincount(codes, weights=ahead))
    sums = sums[sums > 0]
    signs = np.random.default_rng(seed).integers(0, 2, (_FLIPS, len(sums))) * 2 - 1
    as_far = int((np.abs(signs @ sums) >= abs(int(ahead.sum()))).sum())
    return (1 + as_far) / (1 + _FLIPS)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "under 0.001"
