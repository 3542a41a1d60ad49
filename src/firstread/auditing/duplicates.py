"""Pictures that stand in the data more than once, and pictures that are likely of one patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from firstread.auditing.finding import Finding
from firstread.auditing.lookalikes import Pair, lookalikes
from firstread.auditing.survey import Survey
from firstread.datasets import Dataset
from firstread.progress import Step

Group = tuple[int, ...]
"""Rows of the data set that show one picture, in order."""

_UNSPLIT = "Not looked for: the images are not split into parts."

CUT = 0.015
"""From this share of a side on, a picture counts as cropped."""


@dataclass(frozen=True)
class _Place:
    """Where copies stand, and what follows from it."""

    suffix: str
    column: str
    where: str
    why: str
    advice: str


_LEAK = _Place(
    "-LEAK",
    "split",
    "in more than one part",
    "The network has seen in training what it is judged on: its accuracy is too high by as much "
    "as it can remember.",
    "Keep each picture in one part only: take the copies out of the part that is judged, or out "
    "of the training part, and train again.",
)
_CONTRADICTION = _Place(
    "-CONTRADICTION",
    "label",
    "under more than one class",
    "One of the labels must be wrong. The network is taught both, and can be right on one at most.",
    "Find out which label is right, and remove the other copy.",
)
_WITHIN = _Place(
    "",
    "split",
    "more than once",
    "A picture that stands there twice counts twice: the data are smaller than they look, and "
    "where the copies are in the part that is judged, one answer counts as two.",
    "Keep one of each.",
)

_UNPARTED = _Place(
    "",
    "split",
    "more than once",
    "When the images are split at random, one copy can go to the training part and the other to "
    "the part that is judged: the network is then judged on what it has seen.",
    "Keep one of each.",
)


def exact(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find pictures whose decoded pixels are equal, whatever the file format."""
    table = survey.table[survey.readable]
    equal = table.groupby("digest").indices.values()
    groups = [tuple(table.index[rows].tolist()) for rows in equal if len(rows) > 1]
    yield from _told(dataset, groups, "DUPLICATE", "the same pixel by pixel")


def near(dataset: Dataset, survey: Survey) -> Iterator[Finding | Step]:
    """Find one picture in two forms, and pictures that are likely of one patient, across parts.

    Forms are those that a picture takes on its way through hands and programs: resized,
    recompressed, brightened, cropped, mirrored, turned, marked.
    """
    table = survey.table[survey.readable]
    # Of equal pictures one is enough: `exact` tells of the others.
    chosen = table.drop_duplicates("digest").index.to_numpy(dtype=np.int64)
    sides = survey.table[["width", "height"]].min(axis=1).to_numpy(dtype=np.int64)
    pairs: list[Pair] = []
    for event in lookalikes(survey.thumbnails, sides, chosen):
        if isinstance(event, Step):
            yield event
        else:
            pairs.append(event)
    same = [pair for pair in pairs if pair.same]
    forms = Counter(_difference(pair, survey.table) for pair in same)
    listed = ", ".join(f"{count} {form}" for form, count in forms.most_common())
    alike = f"nearly the same, one picture in two forms or slices next to each other; {listed}"
    yield from _told(dataset, _joined(same, len(dataset)), "DUPLICATE-NEAR", alike)
    parts = dataset.cases["split"].to_numpy()
    if len(set(parts)) < 2:
        yield Finding("PATIENT-LIKELY", "not applicable", _UNSPLIT)
    likely = [p for p in pairs if not p.same and parts[p.first] != parts[p.second]]
    if likely:
        yield _likely(dataset, likely)


def _difference(pair: Pair, table: pd.DataFrame) -> str:
    """Say in a word how the two files of a pair differ."""
    view = pair.view
    if view.transposed or (view.upside_down and view.mirrored):
        return "turned"
    if view.upside_down or view.mirrored:
        return "mirrored"
    if max(*view.rows, *view.columns) > CUT:
        return "cropped"
    first, second = table.iloc[pair.first], table.iloc[pair.second]
    if (first["width"], first["height"]) != (second["width"], second["height"]):
        return "resized"
    return "changed in brightness, compression or marks"


def _joined(pairs: list[Pair], count: int) -> list[Group]:
    """Join pairs that share a picture into groups."""
    first = [pair.first for pair in pairs]
    second = [pair.second for pair in pairs]
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    members = pd.Series(range(count)).groupby(group).agg(tuple)
    return [rows for rows in members if len(rows) > 1]


def _told(dataset: Dataset, groups: Iterable[Group], code: str, alike: str) -> Iterator[Finding]:
    """Say of groups of copies where they stand: across parts, across classes, or within one.

    Parameters
    ----------
    dataset
        What the groups point into.
    groups
        One that is both across parts and across classes is told of twice.
    code
        Of the findings, before what is appended for the place.
    alike
        In which way the members of a group are alike.
    """
    cases = dataset.cases
    parted = cases["split"].nunique() > 1
    if not parted:
        yield Finding(code + _LEAK.suffix, "not applicable", _UNSPLIT)
    ordered = sorted(groups, key=lambda group: (-len(group), group))
    spread = {
        place: [rows for rows in ordered if cases[place.column].iloc[list(rows)].nunique() > 1]
        for place in (_LEAK, _CONTRADICTION)
    }
    across = {rows for found in spread.values() for rows in found}
    within = _WITHIN if parted else _UNPARTED
    spread[within] = [rows for rows in ordered if rows not in across]
    for place, found in spread.items():
        if found:
            yield _finding(cases, place, found, code, alike)


def _finding(
    cases: pd.DataFrame, place: _Place, groups: list[Group], code: str, alike: str
) -> Finding:
    paths, values = cases["path"].to_numpy(), cases[place.column].to_numpy()
    named = tuple(tuple(str(paths[row]) for row in rows) for rows in groups)
    files = sum(map(len, groups))
    spots = Counter(" and ".join(sorted({values[row] for row in rows})) for rows in groups)
    listed = ", ".join(f"{count} in {spot}" for spot, count in spots.items() if spot)
    stand = "picture stands" if len(groups) == 1 else "pictures stand"
    return Finding(
        code + place.suffix,
        "severe" if place.suffix else "warning",
        f"{len(groups):,} {stand} in the data {place.where}{f' ({listed})' if listed else ''}: "
        f"{files:,} files, {alike}.{_left(cases, groups) if place is _WITHIN else ''}",
        place.why,
        place.advice,
        tuple(path for group in named for path in group),
        named,
        (("pictures", len(groups)), ("files", files)),
    )


def _left(cases: pd.DataFrame, groups: list[Group]) -> str:
    """Say how many different pictures the parts that are judged really hold."""
    splits = cases["split"].to_numpy()
    spare = Counter({"val": 0, "test": 0})
    for rows in groups:
        spare[splits[rows[0]]] += len(rows) - 1
    totals = cases["split"].value_counts()
    return "".join(
        f" {split}/ holds {totals[split] - spare[split]:,} different pictures, "
        f"not {totals[split]:,}."
        for split in ("val", "test")
        if spare[split]
    )


def _likely(dataset: Dataset, pairs: list[Pair]) -> Finding:
    paths = dataset.cases["path"].to_numpy()
    ranked = sorted(pairs, key=lambda pair: -pair.agreement)
    named = tuple((str(paths[p.first]), str(paths[p.second])) for p in ranked)
    noun = "pair of pictures" if len(named) == 1 else "pairs of pictures"
    return Finding(
        "PATIENT-LIKELY",
        "warning",
        f"{len(named):,} {noun} across parts so alike that each is likely of one patient.",
        "A network recognises patients it has seen; measured on them it looks better than it "
        "will be on new patients. Likeness is no proof: look at the pairs.",
        "If they are of one patient, put all images of each patient into one part; a `patient` "
        "column in a table does so by itself.",
        tuple(path for pair in named for path in pair),
        named,
        (("pairs", len(named)),),
    )
