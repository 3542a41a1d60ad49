"""Shortcuts: how well the classes can be told apart without the anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firstread.auditing.cases import SEVERAL, Cases, known_cases
from firstread.auditing.finding import Finding, Severity
from firstread.auditing.kinds import KINDS, Kind
from firstread.auditing.rules import Rule, best, encoded
from firstread.auditing.separation import (
    MOST_CASES,
    Separation,
    cross_validated,
    judged,
    p_values,
    sampled,
)
from firstread.auditing.traces import Trace
from firstread.auditing.traits import Trait
from firstread.datasets import Dataset

LEVEL = 0.05
"""A p-value above it is no finding."""
NEARLY_ALL = 0.85
"""Strength (see `Separation`) from which the classes count as told apart."""
CLEARLY = 0.1
"""Skill that the lower end of the interval must reach for a warning."""
FEWEST_PATIENTS = 5
"""Patients that each class needs; below, nothing can be said."""
_SHOWN = 6


@dataclass(frozen=True)
class _Tried:
    """What came of one kind."""

    kind: Kind
    separation: Separation
    firm: float
    p: float
    of: int

    @property
    def severity(self) -> Severity:
        if self.p > LEVEL or self.separation.least_skill <= 0:
            return "passed"
        strength: Severity = "note"
        if self.separation.least_skill > CLEARLY:
            strength = "warning"
        if self.firm >= NEARLY_ALL:
            strength = "severe"
        order: tuple[Severity, ...] = ("note", "warning", "severe")
        return min(strength, self.kind.worst, key=order.index)

    @property
    def figures(self) -> tuple[tuple[str, float | str], ...]:
        return (
            ("balanced_accuracy", self.separation.accuracy),
            ("low", self.separation.low),
            ("high", self.separation.high),
            ("chance", self.separation.chance),
            ("p_corrected", self.p),
            ("tried", self.of),
            ("images", self.separation.images),
        )

    def sentence(self) -> str:
        title = self.kind.title[0].upper() + self.kind.title[1:]
        told = "alone tell the classes apart in part"
        if self.separation.skill >= NEARLY_ALL:
            told = "alone tell the classes apart"
        if self.severity == "passed":
            told = "don't tell the classes apart"
        low, high = 100 * self.separation.low, 100 * self.separation.high
        return (
            f"{title} {told} ({100 * self.separation.accuracy:.0f} % balanced accuracy, 95 % "
            f"interval {low:.0f} % to {high:.0f} %; guessing gets "
            f"{100 * self.separation.chance:.0f} %; p = {self.p:.3f}, corrected for the "
            f"{self.of} kinds of shortcut tried)."
        )


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
    reason = SEVERAL
    if not dataset.multilabel:
        cases = known_cases(dataset, traces)
        reason = _too_small(dataset.classes, cases)
    if reason:
        return [Finding(kind.code, "not applicable", f"{reason}.") for kind in KINDS]
    targets, groups = cases.targets, cases.groups
    looks = {kind.code: kind.look(cases.traces, cases.table) for kind in KINDS}
    columns = {code: encoded(look) for code, look in looks.items()}
    varied = {code: table for code, table in columns.items() if table.shape[1]}
    chances = p_values(varied, targets, groups, seed)
    places = sampled(targets, groups, MOST_CASES, seed)
    findings = []
    for kind in KINDS:
        look = looks[kind.code]
        if kind.code not in varied:
            findings.append(_nothing(kind, look))
            continue
        separation = _separated(kind, varied[kind.code], cases, places, seed)
        firm = separation.strength
        if kind.firm and firm >= NEARLY_ALL:
            table = encoded(kind.firm(cases.traces, cases.table))
            varies = table.shape[1] > 0
            firm = _separated(kind, table, cases, places, seed).strength if varies else 0.0
        tried = _Tried(kind, separation, firm, chances[kind.code], len(varied))
        findings.append(_finding(tried, look, cases, dataset.classes))
    return findings


def _too_small(classes: Sequence[str], cases: Cases) -> str:
    """Say why nothing can be tried, if so."""
    patients = cases.patients()
    if len(patients) < 2:
        return "There is one class only"
    for number, count in patients.items():
        if count < FEWEST_PATIENTS:
            return (
                f"Class `{classes[number]}` has {count} images, or patients; shortcuts are looked "
                f"for from {FEWEST_PATIENTS} a class"
            )
    return ""


def _nothing(kind: Kind, look: tuple[Trait, ...]) -> Finding:
    if not look:
        return Finding(kind.code, "not applicable", f"There are no {kind.title} to look at.")
    return Finding(kind.code, "passed", f"All images are alike in this: {kind.title}.")


def _separated(
    kind: Kind,
    table: npt.NDArray[np.float32],
    cases: Cases,
    places: npt.NDArray[np.int64],
    seed: int,
) -> Separation:
    targets, groups = cases.targets[places], cases.groups[places]
    answers = cross_validated(kind.model, table[places], targets, groups, seed)
    return judged(targets, answers.argmax(axis=1), groups)


def _finding(
    tried: _Tried, look: tuple[Trait, ...], cases: Cases, classes: Sequence[str]
) -> Finding:
    kind, severity = tried.kind, tried.severity
    if severity == "passed":
        return Finding(kind.code, severity, tried.sentence(), figures=tried.figures)
    rule = best(look, cases.targets) if kind.model == "tree" else None
    said = f"{rule.sentence(classes, cases.targets)} " if rule else ""
    groups = _examples(rule, cases) if rule else ()
    return Finding(
        kind.code,
        severity,
        f"{said}{tried.sentence()}",
        kind.why,
        kind.advice,
        tuple(path for group in groups for path in group),
        groups,
        tried.figures,
    )


def _examples(rule: Rule, cases: Cases) -> tuple[tuple[str, ...], ...]:
    """Return a few images of the class under the rule, and a few of the others outside it."""
    own = cases.targets == rule.target
    paths = cases.table["path"].to_numpy()
    return tuple(
        tuple(map(str, paths[np.flatnonzero(some)[:_SHOWN]]))
        for some in (own & rule.under, ~own & ~rule.under)
    )
