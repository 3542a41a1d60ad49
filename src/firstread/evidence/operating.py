"""Operating points: the threshold from which a class is called, chosen on validation images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.errors import UsageError
from firstread.evidence.decisions import decided
from firstread.evidence.estimate import Estimate

Array = npt.NDArray[Any]

_FORMS = "youden, sensitivity=0.95 (above 0, up to 1) or cost=MISS:ALARM, such as cost=10:1"


@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen.

    Parameters
    ----------
    kind
        `youden` (sensitivity and specificity count alike), `sensitivity` (the highest threshold
        that finds so many) or `cost` (the least mean cost).
    least
        The sensitivity to reach, above 0 and up to 1.
    miss, alarm
        What a missed image of the class costs, and a false alarm.
    """

    kind: str
    least: float = 0.0
    miss: float = 1.0
    alarm: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule as users write it.

        Raises
        ------
        UsageError
            If it isn't one.

        Examples
        --------
        >>> Rule.parse("cost=10:1").miss
        10.0
        """
        kind, _, rest = text.strip().partition("=")
        try:
            numbers = [float(number) for number in rest.split(":")] if rest else []
        except ValueError:
            numbers = [float("nan")]
        if kind == "youden" and not rest:
            return cls(kind)
        if kind == "sensitivity" and len(numbers) == 1 and 0 < numbers[0] <= 1:
            return cls(kind, least=numbers[0])
        if kind == "cost" and len(numbers) == 2 and all(isfinite(n) and n > 0 for n in numbers):
            return cls(kind, miss=numbers[0], alarm=numbers[1])
        raise UsageError(f"{text!r} is no rule for an operating point; write {_FORMS}")

    def __str__(self) -> str:
        if self.kind == "sensitivity":
            return f"a sensitivity of at least {100 * self.least:g} %"
        if self.kind == "cost":
            return f"the least cost, a miss at {self.miss:g} and a false alarm at {self.alarm:g}"
        return "Youden's index"


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and the images that it was chosen on.

    Parameters
    ----------
    class_name
        The class that is called.
    rule
        How it was chosen.
    threshold
        The class is called where its probability is at least this.
    positives, negatives
        Validation images of the class and of the others.
    """

    class_name: str
    rule: Rule
    threshold: float
    positives: int
    negatives: int

    def sentence(self) -> str:
        """Say what was chosen, and on what."""
        return (
            f"{self.class_name!r} is called from a probability of {self.threshold:.3f} on: chosen "
            f"for {self.rule} on {self.positives + self.negatives} validation images "
            f"({self.positives} of the class)."
        )


def choose(
    rule: Rule,
    class_name: str,
    positive: Array,
    probability: Array,
    prevalence: float | None = None,
) -> OperatingPoint:
    """Choose a threshold on validation images.

    It lies midway between two probabilities that were seen; where several serve alike, the middle
    one of them is taken.

    Parameters
    ----------
    rule
        What to aim at.
    class_name
        The class to call.
    positive
        Whether each validation image is of the class, shape (n,).
    probability
        Of its being so, shape (n,).
    prevalence
        Share of the class where the classifier is to be used, for the cost; None takes the images
        as they are.

    Raises
    ------
    UsageError
        If there are no images of the class, or no others.

    References
    ----------
    W. J. Youden, "Index for rating diagnostic tests", Cancer 3 (1950).
    """
    positive, probability = np.asarray(positive, bool), np.asarray(probability, float)
    ill, well = int(positive.sum()), int((~positive).sum())
    if not (ill and well):
        raise UsageError(
            f"no operating point can be chosen for {class_name!r}: of the validation images {ill} "
            f"are of the class and {well} are not; both kinds are needed"
        )
    seen = np.unique(probability)
    thresholds = np.concatenate([[0.0], (seen[1:] + seen[:-1]) / 2, [np.nextafter(1.0, 2)]])
    found = 1 - np.searchsorted(np.sort(probability[positive]), thresholds) / ill
    alarmed = 1 - np.searchsorted(np.sort(probability[~positive]), thresholds) / well
    share = ill / len(positive) if prevalence is None else prevalence
    gain = {
        "youden": found - alarmed,
        "cost": -(rule.miss * share * (1 - found) + rule.alarm * (1 - share) * alarmed),
        # Of the thresholds that find enough, the highest raises the fewest false alarms.
        "sensitivity": np.where(found >= rule.least - 1e-12, thresholds, -1.0),
    }[rule.kind]
    best = thresholds[np.isclose(gain, gain.max(), rtol=0, atol=1e-12)]
    return OperatingPoint(class_name, rule, float(best[len(best) // 2]), ill, well)


def judge(
    point: OperatingPoint,
    positive: Array,
    probability: Array,
    groups: Array | None = None,
    prevalence: float | None = None,
) -> list[Estimate]:
    """Judge a threshold on other images than those that it was chosen on.

    Parameters
    ----------
    point
        As of `choose`.
    positive, probability
        Of the other images, shape (n,).
    groups
        Patients as numbers from 0; None where each has one image.
    prevalence
        For the predictive values.
    """
    called = np.asarray(probability, float) >= point.threshold
    return decided(point.class_name, positive, called, groups, prevalence)


def check_apart(chosen_on: Collection[str], judged_on: Collection[str]) -> None:
    """Refuse to judge a choice on images that it was made on.

    Parameters
    ----------
    chosen_on, judged_on
        Names of the images.

    Raises
    ------
    UsageError
        Saying how many are in both.
    """
    shared = sorted(set(chosen_on) & set(judged_on))
    if shared:
        raise UsageError(
            f"{len(shared)} of these images served to choose between models or thresholds "
            f"({shared[0]}{', ...' if len(shared) > 1 else ''}): figures of a choice on the images "
            "that it was made on flatter it; give images that the training never saw"
        )
