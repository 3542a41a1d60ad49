"""Pictures that stand in the data more than once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from firstread.auditing.finding import Finding
from firstread.auditing.survey import Survey
from firstread.datasets import Dataset

_ADVICE = {
    "LEAK": "Keep each picture in one part only: take the copies out of the part that is judged, "
    "or out of the training part, and train again.",
    "CONTRADICTION": "Find out which label is right, and remove the other copy.",
    "": "Keep one of each.",
}
_WHY = {
    "LEAK": "The network has seen in training what it is judged on: its accuracy is too high by "
    "as much as it can remember.",
    "CONTRADICTION": "One of the labels must be wrong. The network is taught both, and can be "
    "right on one at most.",
    "": "A picture that stands there twice counts twice: the data are smaller than they look, "
    "and where the copies are in the part that is judged, one answer counts as two.",
}


@dataclass(frozen=True)
class Copies:
    """One picture that stands in the data more than once.

    Parameters
    ----------
    places
        Its rows in the data set, two or more, in order.
    """

    places: tuple[int, ...]


def exact(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find pictures whose decoded pixels are equal, whatever the file format."""
    table = survey.table[survey.readable]
    groups = table.groupby("digest").indices.values()
    copies = [Copies(tuple(table.index[group])) for group in groups if len(group) > 1]
    yield from told(dataset, copies, "DUPLICATE", "the same pixels")


def told(dataset: Dataset, copies: Iterable[Copies], code: str, alike: str) -> Iterator[Finding]:
    """Say of groups of copies where they stand: across parts, across classes, or within one.

    Parameters
    ----------
    dataset
        What the copies' places point into.
    copies
        Groups of rows.
    code
        Of the findings: alone for copies within a class and part, with `-LEAK` across parts and
        `-CONTRADICTION` across classes; a group may be both.
    alike
        What the members share, as the end of "... pictures with ...".
    """
    cases = dataset.cases
    kinds: dict[str, list[tuple[int, ...]]] = {"LEAK": [], "CONTRADICTION": [], "": []}
    for group in sorted((copy.places for copy in copies), key=lambda g: (-len(g), g)):
        members = cases.iloc[list(group)]
        across = [
            kind
            for kind, column in (("LEAK", "split"), ("CONTRADICTION", "label"))
            if members[column].nunique() > 1
        ]
        for kind in across or [""]:
            kinds[kind].append(group)
    for kind, groups in kinds.items():
        if groups:
            yield _finding(cases, kind, groups, code, alike)


def _finding(
    cases: pd.DataFrame, kind: str, groups: list[tuple[int, ...]], code: str, alike: str
) -> Finding:
    paths = cases["path"].to_numpy()
    named = tuple(tuple(str(paths[place]) for place in group) for group in groups)
    images = sum(map(len, groups))
    where = {
        "LEAK": f"in more than one part ({_across(cases, groups, 'split')})",
        "CONTRADICTION": f"under more than one class ({_across(cases, groups, 'label')})",
        "": f"more than once ({_within(cases, groups)})",
    }[kind]
    count = f"{len(groups)} picture stands" if len(groups) == 1 else f"{len(groups)} pictures stand"
    return Finding(
        f"{code}-{kind}" if kind else code,
        "severe" if kind else "warning",
        f"{count} in the data {where}: {images} files with {alike}.",
        _WHY[kind],
        _ADVICE[kind],
        tuple(path for group in named for path in group),
        named,
        (("pictures", len(groups)), ("files", images)),
    )


def _across(cases: pd.DataFrame, groups: list[tuple[int, ...]], column: str) -> str:
    pairs = pd.Series(
        [" and ".join(sorted(set(cases[column].iloc[list(group)]))) for group in groups]
    ).value_counts()
    return ", ".join(f"{count} in {pair}" for pair, count in pairs.items())


def _within(cases: pd.DataFrame, groups: list[tuple[int, ...]]) -> str:
    first = pd.Series([cases["split"].iloc[group[0]] or "the data" for group in groups])
    return ", ".join(f"{count} in {split}" for split, count in first.value_counts().items())
