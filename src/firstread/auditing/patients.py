"""Patients with images in several parts: by the data's own column, and by the names of files.

A patient's identifier never stands in a message; a name is shown as its pattern alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from firstread.auditing.finding import Finding, Severity
from firstread.auditing.survey import Survey
from firstread.datasets import Dataset

FEW = 10
"""With fewer patients than this of a class in a held-out part, figures hang on single patients."""

MATCHING = 0.8
"""Share of the files that a pattern of names must fit."""

LARGEST = 0.25
"""A number that more than this share of the files begin with is a year or a site, no patient."""

_WORD = r"(?:patient|person|subject|subj|case|pat|pid|sub|pt|p)"
_SAID = re.compile(rf"(?:^|[^a-z])({_WORD}[-_ ]?\d+)(?![a-z0-9])", re.IGNORECASE)
_NUMBERED = re.compile(r"^((?:[a-z]+[-_ ]?)?\d+)[-_ .]\S.*$", re.IGNORECASE)
_NO_PATIENT = re.compile(
    r"^(?:slice|frame|view|page|fold|series|image|img|aug)[-_ ]?\d+$", re.IGNORECASE
)

_WHY = (
    "A network recognises patients it has seen (a clip, a body shape): measured on them it looks "
    "better than it will be on new patients."
)
_ADVICE = (
    "Put all images of each patient into one part; with a `patient` column in a table, firstread "
    "splits so by itself."
)


def across(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find patients, as the data name them, with images in more than one part."""
    cases = dataset.cases
    groups = _in_several(cases, cases["patient"])
    patients = cases["patient"].nunique()
    if groups:
        yield _leak(
            "PATIENT-LEAK",
            "severe",
            groups,
            cases,
            f"{len(groups):,} of {patients:,} patients have images in more than one part",
            "",
        )
    missing = cases[cases["patient"].isna()]
    if not missing.empty:
        yield Finding(
            "PATIENT-MISSING",
            "warning",
            f"{len(missing):,} of {len(cases):,} images name no patient; each is taken for a "
            "patient of its own.",
            "Two of them may be of one patient and stand in different parts, unseen.",
            "Fill in the patient column.",
            tuple(missing["path"]),
            figures=(("images", len(missing)),),
        )


def by_name(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find likely patients, by a pattern in the names of files or folders."""
    cases = dataset.cases
    if cases["patient"].notna().any():
        reason = "Not looked for: the data name patients themselves."
        for code in ("PATIENT-NAME-LEAK", "PATIENT-NAMES"):
            yield Finding(code, "not applicable", reason)
        return
    parted = cases["split"].nunique() > 1
    other = "PATIENT-NAMES" if parted else "PATIENT-NAME-LEAK"
    state = "split" if parted else "not split"
    yield Finding(other, "not applicable", f"Not looked for: the images are {state} into parts.")
    likely = _read_off(dataset)
    if likely is None:
        return
    example = _pattern(cases["path"][likely.first_valid_index()])
    if parted:
        groups = _in_several(cases, likely)
        if groups:
            yield _leak(
                "PATIENT-NAME-LEAK",
                "warning",
                groups,
                cases,
                f"{len(groups):,} of likely {likely.nunique():,} patients have images in more "
                "than one part",
                f" Read off names such as {example!r}.",
            )
        return
    sizes = likely.value_counts()
    yield Finding(
        "PATIENT-NAMES",
        "warning",
        f"By names such as {example!r} the {likely.notna().sum():,} images are likely of "
        f"{len(sizes):,} patients; split at random, patients would stand in more than one part.",
        _WHY,
        _ADVICE,
        figures=(("patients", len(sizes)), ("images", int(sizes.sum()))),
    )


def counted(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Count patients by class and part."""
    named = dataset.cases.dropna(subset=["patient"])
    total = named["patient"].nunique()
    if total == len(named):
        return
    counts = named.groupby(["split", "label"])["patient"].nunique().reset_index()
    held_out = counts[counts["split"].isin(["val", "test"])]
    short = bool((held_out["patient"] < FEW).any())
    figures = tuple(
        (f"{split} {label}".strip(), int(count))
        for split, label, count in counts.itertuples(index=False)
    )
    listed = ", ".join(f"{name} {count:,}" for name, count in figures)
    yield Finding(
        "PATIENT-COUNT",
        "warning" if short else "note",
        f"{len(named):,} images are of {total:,} patients ({listed}).",
        "Images of one patient resemble each other: what counts for an interval is nearer to the "
        "number of patients than to that of images"
        + (f", and with fewer than {FEW} it hangs on single patients." if short else "."),
        "Judge by patient, with intervals clustered by patient; split by patient.",
        figures=figures,
    )


def _in_several(cases: pd.DataFrame, patient: pd.Series) -> list[list[int]]:
    """Return the rows of each patient who has images in more than one part."""
    rows = cases.assign(patient=patient).dropna(subset=["patient"])
    parts = rows.groupby("patient")["split"].nunique()
    found = rows[rows["patient"].isin(parts[parts > 1].index)]
    return [group.index.tolist() for _, group in found.groupby("patient")]


def _leak(
    code: str,
    severity: Severity,
    groups: list[list[int]],
    cases: pd.DataFrame,
    said: str,
    remark: str,
) -> Finding:
    named = tuple(tuple(cases["path"].iloc[rows]) for rows in groups)
    spots = Counter(" and ".join(sorted(set(cases["split"].iloc[rows]))) for rows in groups)
    listed = ", ".join(f"{count} in {spot}" for spot, count in spots.items())
    files = sum(map(len, groups))
    return Finding(
        code,
        severity,
        f"{said} ({listed}): {files:,} files.{remark}",
        _WHY,
        _ADVICE,
        tuple(path for group in named for path in group),
        named,
        (("patients", len(groups)), ("files", files)),
    )


def _read_off(dataset: Dataset) -> pd.Series | None:
    """Return the likely patient of each file, or None where names follow no such pattern."""
    paths = [path.absolute() for path in dataset.paths]
    folder = os.path.commonpath([path.parent for path in paths])
    below = [path.relative_to(folder).with_suffix("") for path in paths]
    said = pd.Series([_said(path) for path in below], dtype=object)
    if _is_pattern(said, least=2):
        return said
    numbered = pd.Series([_numbered(path.name) for path in below], dtype=object)
    largest = numbered.value_counts(normalize=True).max() if numbered.notna().any() else 1.0
    # Classes are numbered too, and sites, and years: few numbers, many files each.
    least = max(5, 2 * len(dataset.classes) + 1)
    return numbered if largest <= LARGEST and _is_pattern(numbered, least) else None


def _is_pattern(patient: pd.Series, least: int) -> bool:
    """Tell whether nearly all files have a patient, and some share one."""
    found = patient.dropna()
    repeated = found.nunique() < len(found)
    return len(found) >= MATCHING * len(patient) and repeated and found.nunique() >= least


def _said(path: Path) -> str | None:
    """Return what is called a patient in a path: `patient 12`, `p012`."""
    for part in path.parts:
        match = _SAID.search(part)
        if match:
            return match[1].casefold()
    return None


def _numbered(stem: str) -> str | None:
    """Return the number that a name with a second part begins with: `00013` of `00013_005`."""
    match = _NUMBERED.match(stem)
    if not match or _NO_PATIENT.match(match[1]):
        return None
    return match[1].casefold()


def _pattern(path: str) -> str:
    """Show a name with its digits hidden."""
    file = Path(path)
    shown = file if _SAID.search(file.stem) or _NUMBERED.match(file.stem) else file.parent
    return re.sub(r"\d", "#", shown.name)
