"""Temperature scaling: one number that makes a network as sure as it is right."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from scipy.stats import chi2

from firstread.evidence.answers import called, marks
from firstread.evidence.calibration import CERTAIN
from firstread.evidence.intervals import LEVEL, Interval

Array = npt.NDArray[Any]

_RANGE = (log(0.02), log(50))
"""Of the temperature's logarithm; what lies outside is no calibration."""


@dataclass(frozen=True)
class Temperature:
    """What a network's logits are divided by before they become probabilities.

    Parameters
    ----------
    value
        More than 1 makes the network less sure. It changes no ranking within an image, and so no
        label.
    interval
        By the likelihood ratio; not a number where none was fitted.
    n
        Validation images that it was fitted on.
    fitted
        Whether it could be.
    """

    value: float
    interval: Interval
    n: int
    fitted: bool

    def apply(self, probabilities: Array, multilabel: bool = False) -> Array:
        """Return calibrated probabilities, shape (n, k).

        Parameters
        ----------
        probabilities
            Of the network as it is, shape (n, k). Their logarithms are logits but for a constant,
            which the softmax takes out again.
        multilabel
            Whether an image can be of several classes.
        """
        logits = _logits(np.asarray(probabilities, float), multilabel) / self.value
        scaled: Array = expit(logits) if multilabel else softmax(logits, axis=1)
        return scaled

    def record(self) -> dict[str, Any]:
        """Return it as plain values for JSON, with None for what isn't known."""
        low, high = (end if self.fitted else None for end in self.interval)
        return {
            "value": self.value,
            "low": low,
            "high": high,
            "images": self.n,
            "fitted": self.fitted,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say what the temperature means."""
        if not self.fitted:
            return (
                f"The {self.n} validation images can't tell how sure the network may be (all of "
                "them are right, or none says more than another); its probabilities are left as "
                "they are."
            )
        low, high = self.interval
        verdict = "too sure" if low > 1 else "too unsure" if high < 1 else "about as sure as right"
        return (
            f"On {self.n} validation images the network was {verdict}: dividing its logits by "
            f"{self.value:.2f} ({low:.2f} to {high:.2f}) fits them best."
        )


def fit_temperature(targets: Array, probabilities: Array) -> Temperature:
    """Fit the temperature on validation images; test images must not be among them.

    Where every image is right, ever lower temperatures fit ever better, to a network that is sure
    of everything: none is fitted then.

    Parameters
    ----------
    targets
        As of `scoring.evaluate`.
    probabilities
        Shape (n, k).

    References
    ----------
    C. Guo et al., "On calibration of modern neural networks", ICML (2017), section 4.2.
    """
    truth, p = np.asarray(targets), np.asarray(probabilities, float)
    multilabel = truth.ndim == 2
    yes = marks(truth, p.shape[1])
    logits = _logits(p, multilabel)

    def loss(log_temperature: float) -> float:
        scaled = logits / exp(log_temperature)
        if multilabel:
            return -float(np.where(yes, log_expit(scaled), log_expit(-scaled)).sum())
        return -float(log_softmax(scaled, axis=1)[yes].sum())

    unfitted = Temperature(1.0, Interval(float("nan"), float("nan")), len(truth), False)
    if (yes == called(p, multilabel)).all():
        return unfitted
    best = minimize_scalar(loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-6})
    if not _RANGE[0] + 1e-3 < best.x < _RANGE[1] - 1e-3:
        return unfitted
    highest = best.fun + float(chi2.ppf(LEVEL, 1)) / 2
    ends = [
        end if loss(end) <= highest else brentq(lambda t: loss(t) - highest, *sorted((best.x, end)))
        for end in _RANGE
    ]
    interval = Interval(exp(ends[0]), exp(ends[1]))
    return Temperature(exp(best.x), interval, len(truth), True)


def _logits(probabilities: Array, multilabel: bool) -> Array:
    if multilabel:
        binary: Array = logit(np.clip(probabilities, CERTAIN, 1 - CERTAIN))
        return binary
    tiny = float(np.finfo(np.float32).tiny)
    several: Array = np.log(np.clip(probabilities, tiny, 1))
    return several
