"""How figures are called and written on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


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


# The names are those of evidence's table, which this room can't see; a test holds the two together.
FIGURES: dict[str, Kind] = {
    "accuracy": Kind("accuracy", True, "share of images named right"),
    "balanced_accuracy": Kind("balanced accuracy", True, "mean of what is found of each class"),
    "sensitivity": Kind("sensitivity", True, "of the images of a class, the share found"),
    "specificity": Kind("specificity", True, "of the other images, the share left alone"),
    "ppv": Kind("positive predictive value", True, "of those called so, the share that are"),
    "npv": Kind("negative predictive value", True, "of those not called so, the share that aren't"),
    "f1": Kind("F1", False, "harmonic mean of sensitivity and positive predictive value"),
    "auroc": Kind("AUROC", False, "how often an image of a class scores above another"),
    "auprc": Kind("AUPRC", False, "mean precision over the images of a class found in turn"),
    "brier": Kind("Brier score", False, "squared error of the probabilities; 0 is best"),
    "log_loss": Kind("log loss", False, "mean surprise at the truth, in nats; 0 is best"),
    "ece": Kind("calibration error", True, "how far confidence is from being right; 0 is best"),
    "calibration_slope": Kind("calibration slope", False, "under 1: too sure; over 1: too unsure"),
    "calibration_intercept": Kind("calibration intercept", False, "over 0: called too seldom"),
}
"""Every figure that a record can hold."""

SPLITS = {"train": "training", "val": "validation", "test": "test"}
"""What the parts of the data are called in a sentence."""

UNKNOWN = "not known"


def percent(share: float) -> str:
    """Write a share.

    Examples
    --------
    >>> percent(0.9985), percent(1.0), percent(0.99951), percent(0.004)
    ('99.9 %', '100 %', '99.9 %', '0.4 %')
    """
    # What isn't all or nothing is never rounded to it, arithmetic's last digits apart.
    hundred = round(100 * share, 9)
    if 0 < hundred < 1 or 99 < hundred < 100:
        return f"{min(99.9, max(0.1, hundred)):.1f} %"
    return f"{hundred:.0f} %"


def value_text(estimate: Mapping[str, Any]) -> str:
    """Write the value of a figure's record.

    Examples
    --------
    >>> value_text({"figure": "auroc", "value": 0.9})
    '0.900'
    """
    value = estimate["value"]
    if value is None:
        return UNKNOWN
    return percent(value) if FIGURES[estimate["figure"]].percent else f"{value:.3f}"


def interval_text(estimate: Mapping[str, Any]) -> str:
    """Write the interval of a figure's record; empty where there is none.

    Examples
    --------
    >>> interval_text({"figure": "accuracy", "value": 1.0, "low": 0.69, "high": 1.0})
    '69 % to 100 %'
    """
    low, high = estimate.get("low"), estimate.get("high")
    if estimate["value"] is None or low is None or high is None:
        return ""
    if FIGURES[estimate["figure"]].percent:
        return f"{percent(low)} to {percent(high)}"
    return f"{low:.3f} to {high:.3f}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["hand", "chest", "head"])
    'hand, chest and head'
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def counted(number: int, noun: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
