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
from firstread.evidence.answers import called, marks, squared, surprise
from firstread.evidence.intervals import LEVEL, Interval, mean, weighted_sum
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
    seed: int = 0,
) -> Comparison:
    """Compare the probabilities that two models give for the same images.

    The interval of the difference in accuracy stays open where the models never differ, which a
    bootstrap's wouldn't; that of balanced accuracy is made of such intervals, one a class. Those
    of log loss and Brier score are Student's of what each image adds, that of AUROC is DeLong's,
    for the mean over more than two classes as well.

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
    yes = marks(truth, first.shape[1])
    a, b = (_Answers(yes, p, truth.ndim == 2) for p in (first, second))
    lead = a.right.astype(int) - b.right.astype(int)
    return Comparison(
        *names,
        len(truth),
        patients,
        int((a.right & b.right).sum()),
        int((lead > 0).sum()),
        int((lead < 0).sum()),
        int((~a.right & ~b.right).sum()),
        (
            _accuracy(lead, codes),
            _balanced(a, b, codes),
            *_losses(a, b, codes),
            *_areas(a, b, codes),
        ),
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


def _accuracy(lead: Array, codes: Array | None) -> Difference:
    method = "Bonett-Price" if codes is None else "Bonett-Price, by patient"
    return Difference("accuracy", float(lead.mean()), _paired(lead, codes), method)


def _paired(lead: Array, codes: Array | None) -> Interval:
    """Return Bonett and Price's interval of the mean lead of one model over the other.

    Copies within patients count as fewer images.

    Parameters
    ----------
    lead
        1 where the first alone is right, -1 where the second is, else 0, shape (n,).
    """
    n = len(lead)
    value, spread = float(lead.mean()), float(lead.var())
    count = float(n)
    if codes is not None:
        patients = len(np.unique(codes))
        sums = np.bincount(codes, weights=lead - value)
        between = patients / (patients - 1) * float(sums @ sums) / n**2 if patients > 1 else 0.0
        count = min(count, spread / between) if between and spread else float(patients)
    ahead, behind = (float((lead == sign).mean()) * count for sign in (1, -1))
    up, down = (ahead + 1) / (count + 2), (behind + 1) / (count + 2)
    half = float(norm.ppf((1 + LEVEL) / 2)) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


def _balanced(a: _Answers, b: _Answers, codes: Array | None) -> Difference:
    """Return the mean difference in what is found of each class, from the classes' own.

    No class's interval shrinks to a point, and so neither does that of their mean; resampled
    images of a class of which all are right, or all wrong, would be so in every sample.
    """
    leads = a.called.astype(int) - b.called.astype(int)
    classes = [(leads[of, k], of) for k, of in enumerate(a.yes.T) if of.any()]
    values = [float(lead.mean()) for lead, _ in classes]
    intervals = [_paired(lead, None if codes is None else codes[of]) for lead, of in classes]
    if a.multilabel:  # The same images are of several classes, and the models may err on all.
        low, high = map(float, np.mean(intervals, axis=0))
        limits, method = Interval(low, high), "mean of classes' Bonett-Price"
    else:
        limits = weighted_sum([1 / len(values)] * len(values), values, intervals)
        method = "sum of classes' Bonett-Price (MOVER)"
    if codes is not None:
        method += ", by patient"
    return Difference("balanced_accuracy", float(np.mean(values)), limits, method)


def _losses(a: _Answers, b: _Answers, codes: Array | None) -> list[Difference]:
    """Return the differences in log loss and Brier score, means of what each image adds."""
    method = "Student's, paired" if codes is None else "Student's, paired, by patient"
    differences = []
    for figure, loss in (("log_loss", surprise), ("brier", squared)):
        one, other = (loss(m.yes, m.probabilities, m.multilabel) for m in (a, b))
        value = float((one - other).mean())
        differences.append(Difference(figure, value, mean(one - other, codes), method))
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
