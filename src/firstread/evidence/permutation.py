"""The control with labels shuffled: a procedure must find nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.evidence.crossvalidation import FitPredict, Fold, cross_validate
from firstread.evidence.scoring import coded
from firstread.progress import Share, Step, in_turn

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Control:
    """Accuracy in cross-validation with the true labels, and with shuffled ones.

    Parameters
    ----------
    accuracy
        With the true labels, from 0 to 1.
    shuffled
        With the labels shuffled, once each.
    whole_patients
        Whether labels were shuffled among patients; where a patient has images of several
        classes, they are shuffled among images.
    """

    accuracy: float
    shuffled: tuple[float, ...]
    whole_patients: bool

    @property
    def p_value(self) -> float:
        """How often shuffled labels do as well. M. Ojala and G. C. Garriga, JMLR 11 (2010)."""
        as_good = sum(value >= self.accuracy - 1e-12 for value in self.shuffled)
        return (1 + as_good) / (1 + len(self.shuffled))

    def record(self) -> dict[str, Any]:
        """Return the control as plain values, for JSON."""
        return {
            "accuracy": self.accuracy,
            "shuffled": list(self.shuffled),
            "whole_patients": self.whole_patients,
            "p_value": self.p_value,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say whether the procedure finds something where there is nothing."""
        mean, most = 100 * float(np.mean(self.shuffled)), 100 * max(self.shuffled)
        text = (
            f"With the labels shuffled {len(self.shuffled)} times the same procedure gets "
            f"{mean:.0f} % right on average and {most:.0f} % at most, against "
            f"{100 * self.accuracy:.0f} % with the true labels (p = {self.p_value:.2g})."
        )
        if self.p_value <= 0.05:
            return text
        if self.accuracy > max(self.shuffled):
            return f"{text} Shuffle at least 19 times: p can't reach 0.05 with fewer."
        return f"{text} What it learned may be chance."


def permuted(
    classes: Sequence[str],
    targets: Array,
    parted: Sequence[Fold],
    fit_predict: FitPredict,
    *,
    groups: Sequence[str] | Array | None = None,
    times: int = 20,
    seed: int = 0,
    share: Share = in_turn,
) -> Generator[Step, None, Control]:
    """Repeat a cross-validation with shuffled labels: it must find nothing then.

    Parameters
    ----------
    classes, targets, parted, fit_predict
        As of `cross_validate`.
    groups
        As of `folds`.
    times
        How often labels are shuffled.
    seed
        Decides the shuffles.
    share
        Does the cross-validations.
    """
    truth = np.asarray(targets)
    codes, _ = coded(groups, len(truth))
    units = np.arange(len(truth)) if codes is None else codes
    firsts = np.unique(units, return_index=True)[1]
    whole = bool((truth[firsts][units] == truth).all())
    if not whole:
        units, firsts = np.arange(len(truth)), np.arange(len(truth))
    rng = np.random.default_rng(seed)
    pieces = [partial(cross_validate, classes, truth, parted, fit_predict)]
    for number in range(1, times + 1):
        labels = rng.permutation(truth[firsts])[units]
        name = f"with shuffled labels, {number} of {times}"
        pieces.append(partial(cross_validate, classes, labels, parted, fit_predict, name))
    made = yield from share(pieces, "with shuffled labels")
    accuracy, *shuffled = (float(found.scores()["accuracy"].mean()) for found in made)
    return Control(accuracy, tuple(shuffled), whole)
