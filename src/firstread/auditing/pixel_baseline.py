"""The simplest rival of a network: logistic regression on pictures of 28 x 28 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from firstread.auditing.cases import SEVERAL, known_cases
from firstread.auditing.finding import Finding
from firstread.auditing.separation import MOST_CASES, cross_validated, fitted, sampled
from firstread.auditing.traces import SMALL, Trace
from firstread.datasets import Dataset

CODE = "BASELINE-PIXELS"
CROSS_VALIDATION = "cross-validation"


@dataclass(frozen=True, eq=False)
class Scored:
    """What the baseline answers on images that it wasn't fitted to.

    Parameters
    ----------
    part
        `val`, `test`, or `cross-validation`.
    paths
        The images, as the data set names them.
    targets
        Their classes as numbers, shape (n,).
    probabilities
        Shape (n, classes), rows summing to 1.
    """

    part: str
    paths: tuple[str, ...]
    targets: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]

    @property
    def right(self) -> int:
        """Images labelled right."""
        return int((self.probabilities.argmax(axis=1) == self.targets).sum())

    @property
    def count(self) -> int:
        """Images judged."""
        return len(self.targets)

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's exact 95 % interval (Clopper and Pearson, 1934)."""
        ends = binomtest(self.right, self.count).proportion_ci(method="exact")
        return float(ends.low), float(ends.high)

    def sentence(self) -> str:
        """Say the result with its interval."""
        low, high = self.interval
        return (
            f"{self.right:,} of {self.count:,} right ({100 * self.right / self.count:.0f} %, "
            f"95 % interval {100 * low:.0f} % to {100 * high:.0f} %)"
        )


@dataclass(frozen=True, eq=False)
class PixelBaseline:
    """How far logistic regression on 28 x 28 pixels gets.

    Parameters
    ----------
    classes
        Class names, in the order of the columns of probabilities.
    trained
        Images that it was fitted to for the held-out parts.
    scores
        By part; `cross-validation`, within the images to train on, is the last.
    reason
        Why there are no scores, where there are none.
    """

    classes: tuple[str, ...]
    trained: int
    scores: tuple[Scored, ...]
    reason: str = ""

    def finding(self) -> Finding:
        """Return the result as a finding."""
        if not self.scores:
            return Finding(CODE, "not applicable", f"{self.reason}.")
        parts = [
            f"in {score.part}: {score.sentence()}"
            if score.part == CROSS_VALIDATION
            else f"on the {score.part} images: {score.sentence()}"
            for score in self.scores
        ]
        figures = [
            (f"{score.part}_{name}", value)
            for score in self.scores
            for name, value in (
                ("right", score.right),
                ("images", score.count),
                ("low", score.interval[0]),
                ("high", score.interval[1]),
            )
        ]
        return Finding(
            CODE,
            "note",
            f"Logistic regression on pictures of {SMALL} x {SMALL} px, which needs no network, "
            f"gets {'; '.join(parts)}.",
            "A network earns its keep only by what it gets right beyond this.",
            "Hold the network's figures against these.",
            figures=tuple(figures),
        )


def pixel_baseline(dataset: Dataset, traces: Sequence[Trace], seed: int = 0) -> PixelBaseline:
    """Fit logistic regression to 28 x 28 pixels, and judge it on images that it hasn't seen.

    It is fitted to the images of `train` (or of no part), and judged on those of `val` and `test`;
    and it is cross-validated within the former, in five folds with each patient on one side. Of
    more than 3,000 images to fit to, a sample of whole patients is taken.

    Parameters
    ----------
    dataset
        Labelled images.
    traces
        Of its images; those without a trace are left out. Traces of what a network sees give the
        baseline on the same, neutralised images.
    seed
        Decides folds and sample.
    """
    if dataset.multilabel:
        return PixelBaseline(dataset.classes, 0, (), SEVERAL)
    cases = known_cases(dataset, traces)
    pixels = np.array([trace.small.ravel() for trace in cases.traces], np.float32)
    split = cases.table["split"].to_numpy()
    training = np.flatnonzero(np.isin(split, ["train", ""]))
    training = training[sampled(cases.targets[training], cases.groups[training], MOST_CASES, seed)]
    if cases.fewest(training) < 2:
        reason = "There are too few images to train on"
        return PixelBaseline(dataset.classes, len(training), (), reason)
    model = fitted("logistic", pixels[training], cases.targets[training], seed)

    def scored(part: str, places: npt.NDArray[np.int64], answers: Any) -> Scored:
        paths = tuple(map(str, cases.table["path"].iloc[places]))
        return Scored(part, paths, cases.targets[places], answers)

    held_out = [(part, np.flatnonzero(split == part)) for part in ("val", "test")]
    scores = [
        scored(part, places, model.predict_proba(pixels[places]))
        for part, places in held_out
        if len(places)
    ]
    crossed = cross_validated(
        "logistic", pixels[training], cases.targets[training], cases.groups[training], seed
    )
    scores.append(scored(CROSS_VALIDATION, training, crossed))
    return PixelBaseline(dataset.classes, len(training), tuple(scores))
