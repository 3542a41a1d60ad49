"""One figure of a classifier, with its interval and where the interval comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from typing import Any, NamedTuple

from firstread.evidence.intervals import Interval


class Kind(NamedTuple):
    """How a figure is written.

    Parameters
    ----------
    title
        For a person to read.
    percent
        Whether it is a share that is read in percent.
    meaning
        In half a sentence.
    """

    title: str
    percent: bool
    meaning: str


FIGURES: dict[str, Kind] = {
    "accuracy": Kind("accuracy", True, "share of images labelled right"),
    "balanced_accuracy": Kind("balanced accuracy", True, "mean of what is found of each class"),
    "sensitivity": Kind("sensitivity", True, "of the images of the class, the share found"),
    "specificity": Kind("specificity", True, "of the other images, the share left alone"),
    "ppv": Kind("positive predictive value", True, "of the images called so, the share that are"),
    "npv": Kind("negative predictive value", True, "of those not called so, the share that aren't"),
    "f1": Kind("F1", False, "harmonic mean of sensitivity and positive predictive value"),
    "auroc": Kind("AUROC", False, "how often an image of the class scores above another"),
    "auprc": Kind("AUPRC", False, "mean precision over the images of the class found in turn"),
    "brier": Kind("Brier score", False, "mean squared error of the probabilities; 0 is best"),
    "log_loss": Kind("log loss", False, "mean surprise at the truth in nats; 0 is best"),
    "ece": Kind("expected calibration error", True, "how far confidence is from being right"),
    "calibration_slope": Kind("calibration slope", False, "under 1: too sure; over 1: too unsure"),
    "calibration_intercept": Kind("calibration intercept", False, "over 0: called too seldom"),
}
"""Every figure that an evaluation can hold, in the order in which it is shown."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Parameters
    ----------
    figure
        One of `FIGURES`.
    class_name
        The class taken as the positive one; empty for a figure of all classes together.
    value
        Not a number where the data can't give it.
    low, high
        Ends of the interval.
    method
        What the interval is called.
    n
        Images that it rests on.
    """

    figure: str
    class_name: str
    value: float
    low: float
    high: float
    method: str
    n: int

    @classmethod
    def of(
        cls,
        figure: str,
        class_name: str,
        value: float,
        interval: Interval,
        method: str,
        n: int,
    ) -> Estimate:
        """Make an estimate from its parts; without a value there is no method."""
        low, high = map(float, interval)
        return cls(figure, class_name, float(value), low, high, "" if isnan(value) else method, n)

    @property
    def interval(self) -> Interval:
        """Its ends."""
        return Interval(self.low, self.high)

    @property
    def known(self) -> bool:
        """Whether the data could give it."""
        return not isnan(self.value)

    def text(self) -> str:
        """Write the figure for a person.

        Examples
        --------
        >>> print(Estimate("accuracy", "", 0.863, 0.799, 0.913, "exact", 156).text())
        86 % (80 % to 91 %)
        >>> print(Estimate("auroc", "ill", 0.9, 0.85, 0.9312, "DeLong", 156).text())
        0.900 (0.850 to 0.931)
        """
        if not self.known:
            return "not known"
        if FIGURES[self.figure].percent:
            value, low, high = (f"{100 * x:.0f} %" for x in (self.value, self.low, self.high))
        else:
            value, low, high = (f"{x:.3f}" for x in (self.value, self.low, self.high))
        return value if isnan(self.low) else f"{value} ({low} to {high})"

    def record(self) -> dict[str, Any]:
        """Return it as plain values for JSON, with None for what isn't known."""
        record = asdict(self)
        record["class"] = record.pop("class_name")
        for name in ("value", "low", "high"):
            record[name] = None if isnan(record[name]) else record[name]
        return {name: record[name] for name in COLUMNS}


COLUMNS = ("figure", "class", "value", "low", "high", "method", "n")
"""Of a table of estimates."""
