"""Whether there are enough images, in each class and part, to show anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, norm

from firstread.auditing.finding import Finding
from firstread.auditing.survey import Survey
from firstread.datasets import SPLITS, Dataset

LEVEL = 0.95
FEW = 20
"""Fewer images to train on than this leave a class to chance."""

SKEWED = 3.0
"""Images of the largest class over images of the smallest, from which balance is worth a word."""

VERY_SKEWED = 10.0

MARGIN = 0.05
"""Half the width of an interval that is worth having."""

TYPICAL = 0.9
"""An accuracy to work an example with."""

SHARE_SET_ASIDE = 0.2
"""What firstread sets aside to validate on where nobody has done so."""

_NAMES = {"train": "training", "val": "validation", "test": "test"}


def counted(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Count images by class and part."""
    cases = dataset.cases
    counts = {
        split: part["label"].value_counts().reindex(list(dataset.classes), fill_value=0)
        for split, part in cases.groupby("split")
    }
    parts = [split for split in ("", *SPLITS) if split in counts]
    listed = "; ".join(
        f"{split + ': ' if split else ''}{_listed(counts[split])}" for split in parts
    )
    yield Finding(
        "COUNTS",
        "note",
        f"{len(dataset):,} images in {len(dataset.classes)} classes: {listed}.",
        "What a network can learn, and what can be shown of it, depends on the smallest of these.",
        "Check them against what you expect: a missing folder shows here.",
        figures=tuple(
            (f"{split} {label}".strip(), int(count))
            for split in parts
            for label, count in counts[split].items()
        ),
    )


def balance(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Compare the sizes of the classes in what is trained on."""
    counts = _training(dataset)
    if len(counts) < 2 or counts.min() == 0:
        return
    ratio = counts.max() / counts.min()
    figures = tuple((str(name), int(count)) for name, count in counts.items())
    if ratio < SKEWED:
        return
    majority = counts.max() / counts.sum()
    yield Finding(
        "CLASS-BALANCE",
        "warning" if ratio >= VERY_SKEWED or majority > 0.9 else "note",
        f"The classes are of different size: {_listed(counts)} images to train on; always "
        f"answering {counts.idxmax()!r} is right {100 * majority:.0f} % of the time.",
        "A network that ignores the small class looks good by its accuracy.",
        "Judge it by sensitivity and specificity, or balanced accuracy; collect more of the "
        "small class, or weigh it up in the training.",
        figures=figures,
    )


def few(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find classes with few images to train on."""
    counts = _training(dataset)
    low = counts[counts < FEW]
    if low.empty:
        return
    yield Finding(
        "CLASS-SMALL",
        "warning",
        f"{_listed(low)}: fewer than {FEW} images to train on.",
        "What so few images have in common is as likely chance (one scanner, one side marker) as "
        "the disease; another draw of as many would give another network.",
        "Collect more. Until then repeat the training with other splits, and report the spread.",
        figures=tuple((str(name), int(count)) for name, count in low.items()),
    )


def judged(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Say what the held-out images can and cannot show."""
    needed = images_needed(TYPICAL, MARGIN)
    for split in ("val", "test"):
        counts = _held_out(dataset, split)
        total = int(counts.sum())
        if total == 0:
            continue
        low = all_right(total)
        smallest = int(counts.min())
        enough = total >= needed
        chosen = (dataset.cases["split"] == split).any()
        subject = f"in {split}/" if chosen else "would be set aside to validate on"
        half = norm.ppf(0.5 + LEVEL / 2) * np.sqrt(TYPICAL * (1 - TYPICAL) / total)
        at, margin = f"at {100 * TYPICAL:.0f} % accuracy", f"{100 * MARGIN:.0f} points either way"
        shown = (
            f"{at}, the interval is about {100 * half:.1f} points either way"
            if enough
            else f"{at}, an interval of {margin} needs about {_round(needed)}"
        )
        yield Finding(
            f"{'VALIDATION' if split == 'val' else 'TEST'}-SIZE",
            "note" if enough else "warning",
            f"{total:,} images {subject} ({_listed(counts)}): all right would mean "
            f"{100 * low:.0f} % to 100 %; {shown}.",
            "The figures of a training are measured on these images alone. Two networks whose "
            f"{_NAMES[split]} accuracies differ by less than the interval can't be told apart, "
            "and the one that looks best of several does so partly by luck.",
            "Report the interval with every figure, and don't choose between networks by less. "
            "More held-out images narrow it; cross-validation holds out every image once."
            if not enough
            else "Report the interval with every figure.",
            figures=(
                ("images", total),
                ("smallest class", smallest),
                ("all right, from", round(low, 4)),
                ("needed", needed),
            ),
        )


def mix(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Compare the mix of classes between the parts."""
    counts = dataset.counts()
    counts = counts.loc[(counts > 0).any(axis=1), counts.sum() > 0]
    if min(counts.shape) < 2:
        return
    result = chi2_contingency(counts.to_numpy())
    # Cramer's V: from 0 (the same mix in all parts) to 1 (each part has classes of its own).
    effect = float(np.sqrt(result.statistic / counts.to_numpy().sum() / (min(counts.shape) - 1)))
    if result.pvalue > 0.001 or effect < 0.1:
        return
    shares = "; ".join(
        f"{split}: {', '.join(f'{name} {100 * share:.0f} %' for name, share in column.items())}"
        for split, column in (counts / counts.sum()).items()
    )
    yield Finding(
        "SPLIT-MIX",
        "warning",
        f"The parts hold the classes in different shares: {shares} (p = {result.pvalue:.2g}).",
        "Accuracy and predictive values depend on how frequent each class is; measured on "
        "another mix they don't carry over.",
        "Split again, keeping the shares (stratified), unless the mix of the test part is what "
        "the network will meet in use.",
        figures=(("Cramer's V", round(effect, 3)), ("p", float(result.pvalue))),
    )


def all_right(count: int) -> float:
    """Return the low end of the exact 95 % interval where all of `count` images are right.

    The binomial's tail has one term there, so the interval of Clopper and Pearson (Biometrika 26,
    1934) has a closed form: the proportion at which `count` of `count` has a chance of 2.5 %.

    Examples
    --------
    >>> round(all_right(10), 3)
    0.692
    """
    return float(((1 - LEVEL) / 2) ** (1 / count))


def images_needed(accuracy: float, margin: float) -> int:
    """Return how many images make a 95 % interval of an accuracy as narrow as wanted.

    Parameters
    ----------
    accuracy
        In (0, 1).
    margin
        Half the interval's width, in (0, 1). The normal interval's formula, n = z² p (1 - p) / m².

    Examples
    --------
    >>> images_needed(0.9, 0.05)
    139
    """
    z = norm.ppf(0.5 + LEVEL / 2)
    return int(np.ceil(z**2 * accuracy * (1 - accuracy) / margin**2))


def _training(dataset: Dataset) -> pd.Series:
    """Count the images to train on by class."""
    cases = dataset.cases[dataset.cases["split"].isin(["train", ""])]
    return cases["label"].value_counts().reindex(list(dataset.classes), fill_value=0)


def _held_out(dataset: Dataset, split: str) -> pd.Series:
    """Count the images of a part by class; of those that will be set aside where none are."""
    cases = dataset.cases
    if split == "val" and not (cases["split"] == "val").any():
        return (SHARE_SET_ASIDE * _training(dataset)).round().astype(int)
    part = cases[cases["split"] == split]
    return part["label"].value_counts().reindex(list(dataset.classes), fill_value=0)


def _round(count: int) -> int:
    """Round to two figures: a rule of thumb is no more exact than that."""
    digits = max(len(str(count)) - 2, 0)
    return round(count, -digits)


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
