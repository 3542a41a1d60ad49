"""How images to judge differ from those that were trained on, said before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

Array = npt.NDArray[Any]

NUMBERS: dict[str, tuple[str, str, float]] = {
    "width": ("width", "px", 1),
    "height": ("height", "px", 1),
    "aspect": ("width by height", "", 1),
    "mean": ("mean gray level", "%", 100),
    "contrast": ("contrast (standard deviation of gray levels)", "%", 100),
    "dark": ("share of nearly black pixels", "%", 100),
    "bright": ("share of nearly white pixels", "%", 100),
}
"""Columns of numbers that are compared: what they are, their unit and its factor."""

WORDS = {"format": "file format", "channels": "channels", "bits": "bits a channel"}
"""Columns of words that are compared."""

_FAR = 0.3
"""Distance from which a difference is called clear: of 0 to 1, 1 where nothing is in common."""
_SURPRISE = 0.01


@dataclass(frozen=True)
class Difference:
    """One thing looked at, in the training images and in those to judge.

    Parameters
    ----------
    what
        For a person to read.
    training, here
        What it is in each.
    distance
        From 0 to 1: the largest distance between the cumulative shares (Kolmogorov-Smirnov), or
        of kinds, the share that would have to change kind.
    p_value
        Of so large a distance by chance.
    clear
        Whether it is large and, allowing for the number of things looked at, no chance.
    """

    what: str
    training: str
    here: str
    distance: float
    p_value: float
    clear: bool

    def sentence(self) -> str:
        """Say the difference."""
        return f"{self.what}: {self.here} here, {self.training} in training"


@dataclass(frozen=True)
class Shift:
    """Everything looked at, the largest distance first.

    Parameters
    ----------
    differences
        One a thing.
    training, here
        How many images there are of each.
    """

    differences: tuple[Difference, ...]
    training: int
    here: int

    @property
    def clear(self) -> tuple[Difference, ...]:
        """Those that are clear."""
        return tuple(difference for difference in self.differences if difference.clear)

    def frame(self) -> pd.DataFrame:
        """Return one row a thing: what, training, here, distance, p_value, clear."""
        columns = ["what", "training", "here", "distance", "p_value", "clear"]
        rows = [[getattr(d, name) for name in columns] for d in self.differences]
        return pd.DataFrame(rows, columns=columns)

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "training_images": self.training,
            "images": self.here,
            "differences": self.frame().to_dict("records"),
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say how far these images are like the training ones."""
        tried = f"{len(self.differences)} things looked at"
        if not self.clear:
            return (
                f"None of {tried} differs clearly from the {self.training} training images (with "
                f"{self.here} images; that doesn't show that they are alike)."
            )
        listed = "; ".join(difference.sentence() for difference in self.clear)
        return (
            f"{len(self.clear)} of {tried} differ clearly from the {self.training} training "
            f"images. {listed}. What follows holds for images like these."
        )


def compare_images(
    training: pd.DataFrame,
    here: pd.DataFrame,
    shares: tuple[Mapping[str, int], Mapping[str, int]] | None = None,
) -> Shift:
    """Look for differences between training images and images to judge.

    Parameters
    ----------
    training, here
        One row an image, with the columns of `images.Statistics`.
    shares
        How many images are of each class, in training and here.
    """
    frames = [frame.assign(aspect=frame["width"] / frame["height"]) for frame in (training, here)]
    found: list[tuple[str, str, str, float, float]] = []
    for column, (what, unit, factor) in NUMBERS.items():
        first, second = (frame[column].to_numpy(float) * factor for frame in frames)
        test = ks_2samp(first, second)
        texts = (_spread(first, unit), _spread(second, unit))
        found.append((what, *texts, float(test.statistic), float(test.pvalue)))
    for column, what in WORDS.items():
        counts = [frame[column].astype(str).value_counts() for frame in frames]
        found.append((what, *_kinds(*counts)))
    if shares is not None:
        found.append(("classes", *_kinds(*(pd.Series(dict(s), dtype=float) for s in shares))))
    return Shift(
        tuple(
            Difference(*one, clear=one[3] >= _FAR and one[4] < _SURPRISE / len(found))
            for one in sorted(found, key=lambda one: -one[3])
        ),
        len(training),
        len(here),
    )


def _kinds(training: pd.Series, here: pd.Series) -> tuple[str, str, float, float]:
    """Return the shares of kinds as words, their distance, and p."""
    names = sorted({*training.index, *here.index})
    table = np.array([s.reindex(names, fill_value=0).to_numpy(float) for s in (training, here)])
    shares = table / table.sum(axis=1, keepdims=True)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    held = table[:, table.sum(axis=0) > 0]
    p_value = float(chi2_contingency(held).pvalue) if held.shape[1] > 1 else 1.0
    texts = [
        ", ".join(
            f"{name} {100 * share:.0f} %" for name, share in zip(names, row, strict=True) if share
        )
        for row in shares
    ]
    return texts[0], texts[1], distance, p_value


def _spread(values: Array, unit: str) -> str:
    """Return the median and the range in words."""
    low, middle, high = (
        f"{x:.3g}" if x < 1000 else f"{x:.0f}" for x in np.percentile(values, [0, 50, 100])
    )
    end = f" {unit}" if unit else ""
    if low == high:
        return f"{low}{end}"
    return f"{middle} ({low} to {high}){end}"
