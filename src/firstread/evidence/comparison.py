"""Two models on the same images: how far they differ, and whether the images can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm

from firstread.errors import UsageError
from firstread.evidence.answers import called, marks, squared, surprise
from firstread.evidence.bootstrap import SAMPLES, Resampling, percentile
from firstread.evidence.intervals import LEVEL, Interval
from firstread.evidence.ranking import auroc, mean_difference
from firstread.evidence.scoring import coded

Array = npt.NDArray[Any]

POWER = 0.8
_FLIPS = 20_000


@dataclass(frozen=True)
class Difference:
    """A figure of the first model less that of the second.

    Parameters
    ----------
    figure
        One of `FIGURES`.
    value, interval
        The difference with its 95 % interval.
    method
        What the interval is called.
    """

    figure: str
    value: float
    interval: Interval
    method: str


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
    samples: int = SAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare the probabilities that two models give for the same images.

    The interval of the difference in accuracy stays open where the models never differ, which a
    bootstrap's wouldn't; those of balanced accuracy, log loss and Brier score are paired
    bootstraps, that of AUROC is DeLong's, for the mean over more than two classes as well.

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
    samples, seed
        Of the bootstrap.

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
    yes = marks(truth, first.shape[1])
    a, b = (_Answers(yes, p, truth.ndim == 2) for p in (first, second))
    lead = a.right.astype(int) - b.right.astype(int)
    strata = np.zeros(len(truth), int) if truth.ndim == 2 else truth
    resampling = Resampling(strata, codes, samples, seed)
    return Comparison(
        *names,
        len(truth),
        patients,
        int((a.right & b.right).sum()),
        int((lead > 0).sum()),
        int((lead < 0).sum()),
        int((~a.right & ~b.right).sum()),
        (_accuracy(lead, codes), *_bootstrapped(a, b, resampling), *_areas(a, b, codes)),
        _p_value(lead, codes, seed),
    )


@dataclass(frozen=True)
class _Answers:
    yes: Array
    probabilities: Array
    multilabel: bool

    @property
    def called(self) -> Array:
        return called(self.probabilities, self.multilabel)

    @property
    def right(self) -> Array:
        right: Array = (self.called == self.yes).all(axis=1)
        return right

    def recall(self, weights: Array) -> Array:
        """Return the mean share found of each class under each row of weights."""
        with np.errstate(invalid="ignore"):
            found: Array = (weights @ (self.yes & self.called)) / (weights @ self.yes)
        known: Array = np.nanmean(found[:, self.yes.any(axis=0)], axis=1)
        return known

    def loss(self, weights: Array) -> Array:
        return _weighted(weights, surprise(self.yes, self.probabilities, self.multilabel))

    def error(self, weights: Array) -> Array:
        return _weighted(weights, squared(self.yes, self.probabilities, self.multilabel))


def _weighted(weights: Array, values: Array) -> Array:
    means: Array = (weights @ values) / weights.sum(axis=1)
    return means


def _accuracy(lead: Array, codes: Array | None) -> Difference:
    """Return Bonett and Price's interval; copies within patients count as fewer images."""
    n = len(lead)
    value, spread = float(lead.mean()), float(lead.var())
    count = float(n)
    if codes is not None:
        patients = int(codes.max()) + 1
        sums = np.bincount(codes, weights=lead - value)
        between = patients / (patients - 1) * float(sums @ sums) / n**2 if patients > 1 else 0.0
        count = min(count, spread / between) if between and spread else float(patients)
    ahead, behind = (float((lead == sign).mean()) * count for sign in (1, -1))
    up, down = (ahead + 1) / (count + 2), (behind + 1) / (count + 2)
    half = float(norm.ppf((1 + LEVEL) / 2)) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    interval = Interval(max(-1.0, up - down - half), min(1.0, up - down + half))
    method = "Bonett-Price" if codes is None else "Bonett-Price, by patient"
    return Difference("accuracy", value, interval, method)


def _bootstrapped(a: _Answers, b: _Answers, resampling: Resampling) -> list[Difference]:
    figures: dict[str, Callable[[_Answers, Array], Array]] = {
        "balanced_accuracy": _Answers.recall,
        "log_loss": _Answers.loss,
        "brier": _Answers.error,
    }
    blocks = list(resampling.weights())
    every = np.ones((1, len(a.yes)))
    method = f"paired bootstrap{'' if resampling.groups is None else ' of patients'}, percentile"
    differences = []
    for figure, measure in figures.items():
        value = float((measure(a, every) - measure(b, every))[0])
        moved = np.concatenate([measure(a, block) - measure(b, block) for block in blocks])
        differences.append(Difference(figure, value, percentile(moved), method))
    return differences


def _areas(a: _Answers, b: _Answers, codes: Array | None) -> list[Difference]:
    """Return the difference in AUROC: of the last of two classes, else the mean of all of them."""
    one, other = (
        [auroc(m.yes[:, k], m.probabilities[:, k], codes) for k in range(m.yes.shape[1])]
        for m in (a, b)
    )
    if not a.multilabel and len(one) == 2:
        one, other = one[1:], other[1:]
    return [Difference("auroc", *mean_difference(one, other))]


def _p_value(lead: Array, codes: Array | None, seed: int) -> float:
    """Return McNemar's exact p, or where patients repeat that of swapping whole patients."""
    ahead, apart = int((lead > 0).sum()), int((lead != 0).sum())
    if apart == 0:
        return 1.0
    if codes is None:
        return float(binomtest(ahead, apart).pvalue)
    sums = np.abs(np.bincount(codes, weights=lead))
    sums = sums[sums > 0]
    signs = np.random.default_rng(seed).integers(0, 2, (_FLIPS, len(sums))) * 2 - 1
    as_far = int((np.abs(signs @ sums) >= abs(int(lead.sum()))).sum())
    return (1 + as_far) / (1 + _FLIPS)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "under 0.001"
