"""Shortcuts: how well the classes can be told apart without the anatomy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.audit import traits
from firstread.audit.finding import Finding, Severity
from firstread.audit.rules import Rule, best, encoded
from firstread.audit.separation import (
    MOST_CASES,
    Model,
    Separation,
    judged,
    p_values,
    predicted,
    sampled,
)
from firstread.audit.traces import Trace
from firstread.audit.traits import Trait
from firstread.datasets import Dataset

LEVEL = 0.05
"""A p-value above it is no finding."""
NEARLY_ALL = 0.85
"""Skill, or informedness of one class, from which the classes count as told apart."""
CLEARLY = 0.1
"""Skill that the lower end of the interval must reach for a warning."""
FEWEST_PATIENTS = 5
"""Patients that each class needs; below, nothing can be said."""
_SHOWN = 6

_SEES = (
    "A network can learn this instead of the anatomy: it then scores high on these data and "
    "fails on images from elsewhere."
)
_UNSEEN = (
    "A network doesn't see this itself, but it shows that the classes came by different ways, "
    "which may have left traces in the pixels."
)
_ANATOMY_TOO = (
    "The anatomy shows in this too, so that it is no fault in itself. It says how far one gets "
    "with almost nothing: a network that does no better adds nothing."
)


@dataclass(frozen=True)
class Kind:
    """One kind of shortcut.

    Parameters
    ----------
    code
        Of its finding.
    title
        What is looked at, as the start of a sentence.
    look
        Makes the traits of images, from their traces and their rows of the table.
    model
        What is fitted to them: a shallow tree, or a logistic regression.
    worst
        The severity it can have at most.
    why, advice
        As of `Finding`.
    """

    code: str
    title: str
    look: Callable[[Sequence[Trace], pd.DataFrame], tuple[Trait, ...]]
    model: Model
    worst: Severity
    why: str
    advice: str


KINDS = (
    Kind(
        "SHORTCUT-NAME",
        "file names",
        traits.name,
        "tree",
        "note",
        "A network doesn't see file names. But whoever reads the images does, and names given "
        "class by class may mean that the classes were collected by different ways.",
        "Nothing to do for the training; hide the names where people label or read the images.",
    ),
    Kind(
        "SHORTCUT-FILESIZE",
        "file sizes",
        traits.file_size,
        "tree",
        "note",
        "A network doesn't see file sizes. They follow from dimensions, compression and how much "
        "there is in a picture, so that the anatomy shows in them too.",
        "Look at the findings on dimensions and storage.",
    ),
    Kind(
        "SHORTCUT-STORAGE",
        "format, compression and headers of the files",
        traits.storage,
        "tree",
        "severe",
        "Lossy compression leaves marks in the pixels that a network can learn instead of the "
        "anatomy; different formats and headers show that the classes came by different ways.",
        "Export all images from their source again, in one way, without loss (PNG).",
    ),
    Kind(
        "SHORTCUT-SIZE",
        "dimensions in pixels",
        traits.dimensions,
        "tree",
        "severe",
        _SEES + " Squashing to a square leaves the shape of the pixels and the sharpness to see.",
        "Train again with --neutralise size, which pads to a square instead of squashing, and "
        "compare; better, collect both classes at the same dimensions.",
    ),
    Kind(
        "SHORTCUT-CHANNELS",
        "channels, bit depth and colour",
        traits.channels,
        "tree",
        "severe",
        _SEES,
        "Export all images from their source again, in one way; make them gray where colour "
        "means nothing.",
    ),
    Kind(
        "SHORTCUT-BORDER",
        "borders and corners",
        traits.border,
        "tree",
        "severe",
        _SEES + " Where the anatomy reaches the border, part of this is anatomy.",
        "Look at the borders of the images shown. Train again with --neutralise border, which "
        "cuts them off, and compare.",
    ),
    Kind(
        "SHORTCUT-MARKER",
        "burned-in text and markers",
        traits.burned_in,
        "tree",
        "severe",
        _SEES + " What was found are candidates: bones and metal can look like letters.",
        "Look at the images shown; export the images without text, or cut or blacken the places "
        "where it stands, in all classes alike. --neutralise border cuts off what stands at the "
        "border.",
    ),
    Kind(
        "SHORTCUT-METADATA",
        "further columns of the table",
        traits.metadata,
        "tree",
        "warning",
        _UNSEEN,
        "Where the column is a scanner, a hospital or a person's age, collect the classes alike in "
        "it, or judge the trained classifier within each of its values.",
    ),
    Kind(
        "SHORTCUT-THUMBNAIL",
        "pictures blurred to 7 x 7 px",
        traits.thumbnail,
        "logistic",
        "note",
        _ANATOMY_TOO,
        "Hold the network's figures against this one.",
    ),
    Kind(
        "SHORTCUT-HISTOGRAM",
        "gray-level histograms (how much of each gray, wherever it lies)",
        traits.histogram,
        "logistic",
        "note",
        _ANATOMY_TOO,
        "Hold the network's figures against this one; train again with --neutralise histogram, "
        "and compare.",
    ),
)
"""All that is tried."""


def shortcuts(dataset: Dataset, traces: Sequence[Trace], seed: int = 0) -> list[Finding]:
    """Try to tell the classes apart by each kind of shortcut.

    A small classifier is cross-validated on each, in five folds with the classes in proportion
    and each patient on one side. Of more than 3,000 images it sees a sample of whole patients;
    the counts in the rules are of all images.

    Parameters
    ----------
    dataset
        Labelled images; an image without a patient is taken for a patient of its own.
    traces
        Of its images; those without a trace are left out.
    seed
        Decides folds, samples and permutations.

    Returns
    -------
    findings
        One for each of `KINDS`, in their order.
    """
    known = {str(trace.path): trace for trace in traces}
    cases = dataset.cases[dataset.cases["path"].isin(list(known))].reset_index(drop=True)
    found = [known[path] for path in cases["path"]]
    numbers = {label: number for number, label in enumerate(dataset.classes)}
    targets = np.array([numbers[label] for label in cases["label"]], np.int64)
    groups = np.asarray(cases["patient"].fillna(cases["path"]), dtype=str)
    reason = _too_small(dataset.classes, targets, groups)
    if reason:
        return [Finding(kind.code, "not applicable", f"{reason}.") for kind in KINDS]
    looks = {kind.code: kind.look(found, cases) for kind in KINDS}
    columns = {code: encoded(look) for code, look in looks.items()}
    tried = [kind for kind in KINDS if columns[kind.code].shape[1]]
    places = sampled(targets, groups, MOST_CASES, seed)
    chances = p_values({kind.code: columns[kind.code] for kind in tried}, targets, groups, seed)
    findings = []
    for kind in KINDS:
        if kind not in tried:
            findings.append(_nothing(kind, looks[kind.code]))
            continue
        answers = predicted(
            kind.model, columns[kind.code][places], targets[places], groups[places], seed
        )
        separation = judged(targets[places], answers, groups[places])
        severity = _severity(kind, separation, chances[kind.code])
        told = kind.model == "tree" and severity != "passed"
        rule = best(looks[kind.code], targets) if told else None
        findings.append(
            _finding(
                kind,
                severity,
                separation,
                chances[kind.code],
                len(tried),
                rule,
                dataset.classes,
                cases,
                targets,
            )
        )
    return findings


def _too_small(
    classes: Sequence[str], targets: npt.NDArray[np.int64], groups: npt.NDArray[Any]
) -> str:
    """Say why nothing can be tried, if so."""
    if len(np.unique(targets)) < 2:
        return "There is one class only"
    for number, name in enumerate(classes):
        people = len(np.unique(groups[targets == number]))
        if 0 < people < FEWEST_PATIENTS:
            return (
                f"Class `{name}` has {people} patients or images of its own; shortcuts are looked "
                f"for from {FEWEST_PATIENTS} a class"
            )
    return ""


def _nothing(kind: Kind, look: tuple[Trait, ...]) -> Finding:
    if not look:
        return Finding(kind.code, "not applicable", f"There are no {kind.title} to look at.")
    return Finding(kind.code, "passed", f"All images are alike in this: {kind.title}.")


def _severity(kind: Kind, separation: Separation, p: float) -> Severity:
    if p > LEVEL or separation.least_skill <= 0:
        return "passed"
    strength: Severity = "note"
    if separation.least_skill > CLEARLY:
        strength = "warning"
    if max(separation.skill, *separation.informedness) >= NEARLY_ALL:
        strength = "severe"
    order: tuple[Severity, ...] = ("note", "warning", "severe")
    return min(strength, kind.worst, key=order.index)


def _finding(
    kind: Kind,
    severity: Severity,
    separation: Separation,
    p: float,
    tried: int,
    rule: Rule | None,
    classes: Sequence[str],
    cases: pd.DataFrame,
    targets: npt.NDArray[np.int64],
) -> Finding:
    measured = (
        f"{100 * separation.accuracy:.0f} % balanced accuracy, 95 % interval "
        f"{100 * separation.low:.0f} % to {100 * separation.high:.0f} %; guessing gets "
        f"{100 * separation.chance:.0f} %; p = {p:.3f}, corrected for the {tried} kinds of "
        "shortcut tried"
    )
    title = kind.title[0].upper() + kind.title[1:]
    figures: tuple[tuple[str, float | str], ...] = (
        ("balanced_accuracy", separation.accuracy),
        ("low", separation.low),
        ("high", separation.high),
        ("chance", separation.chance),
        ("p_corrected", p),
        ("tried", tried),
        ("images", separation.images),
    )
    if severity == "passed":
        return Finding(
            kind.code,
            severity,
            f"{title} don't tell the classes apart ({measured}).",
            figures=figures,
        )
    said = rule.sentence(classes, targets) + " " if rule else ""
    groups = _examples(rule, cases, targets) if rule else ()
    what = "the classes" if separation.skill >= NEARLY_ALL else "classes in part"
    return Finding(
        kind.code,
        severity,
        f"{said}{title} alone tell {what} apart ({measured}).",
        kind.why,
        kind.advice,
        tuple(path for group in groups for path in group),
        groups,
        figures,
    )


def _examples(
    rule: Rule, cases: pd.DataFrame, targets: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], ...]:
    """Return a few images of the class under the rule, and a few of the others outside it."""
    own = targets == rule.target
    paths = cases["path"].to_numpy()
    return tuple(
        tuple(map(str, paths[some][:_SHOWN])) for some in (own & rule.under, ~own & ~rule.under)
    )
