"""The audit's findings as the page shows them: with a title and with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstread.report.privacy import Names
from firstread.report.records import Record
from firstread.report.thumbnails import Album, Thumbnail

SHOWN = ("severe", "warning", "note")
"""Severities with an entry of their own, the worst first."""

PICTURES = 24
"""For all findings together; the others are for mistakes and for cases near the threshold."""
_A_FINDING = 6
_GROUPS = 4
_COPIES, _EXAMPLES = 4, 3
"""Pictures of a group."""

TITLES = {
    "UNREADABLE": "Files that can't be read",
    "NOT-IMAGES": "Files beside the images",
    "BLANK": "Blank images",
    "ASPECT-EXTREME": "Images of extreme shape",
    "SIZE-SMALL": "Tiny images",
    "FORMAT-MIXED": "Mixed file formats",
    "DEPTH-MIXED": "Mixed bit depths",
    "MODE-MIXED": "Gray and colour mixed",
    "SIZE-MIXED": "Mixed image sizes",
    "NAME-CONTRADICTS": "File names that contradict the label",
    "DUPLICATE": "The same picture more than once",
    "DUPLICATE-LEAK": "The same picture in training and in what is judged",
    "DUPLICATE-CONTRADICTION": "The same picture under two classes",
    "DUPLICATE-NEAR": "Nearly the same picture more than once",
    "DUPLICATE-NEAR-LEAK": "Nearly the same picture in training and in what is judged",
    "DUPLICATE-NEAR-CONTRADICTION": "Nearly the same picture under two classes",
    "PATIENT-LIKELY": "Likely the same patient in training and in what is judged",
    "PATIENT-LEAK": "The same patient in training and in what is judged",
    "PATIENT-MISSING": "Images without a patient",
    "PATIENT-NAME-LEAK": "File names suggest the same patient in several parts",
    "PATIENT-NAMES": "File names suggest several images a patient",
    "PATIENT-COUNT": "Several images a patient",
    "COUNTS": "How many images there are",
    "CLASS-BALANCE": "Classes of unequal size",
    "CLASS-SMALL": "Small classes",
    "VALIDATION-SIZE": "Few images to judge on",
    "SPLIT-MIX": "Parts with different mixes of classes",
    "LAYOUT": "Folders and labels",
    "SHORTCUT-NAME": "File names tell the classes apart",
    "SHORTCUT-FILESIZE": "File sizes tell the classes apart",
    "SHORTCUT-STORAGE": "The way of storing tells the classes apart",
    "SHORTCUT-SIZE": "Image size tells the classes apart",
    "SHORTCUT-CHANNELS": "Channels or colour tell the classes apart",
    "SHORTCUT-BORDER": "The images' borders tell the classes apart",
    "SHORTCUT-MARKER": "Burned-in text or markers tell the classes apart",
    "SHORTCUT-METADATA": "Columns of the table tell the classes apart",
    "SHORTCUT-THUMBNAIL": "A blurred thumbnail tells the classes apart",
    "SHORTCUT-HISTOGRAM": "The mix of grays tells the classes apart",
    "BASELINE-PIXELS": "How far raw pixels get",
    "LABEL-ERROR": "Labels that may be wrong",
}
"""By the finding's code; one that isn't here is titled by its code."""


@dataclass(frozen=True)
class Shown:
    """A finding on the page.

    Parameters
    ----------
    code, severity, title, message, why, advice
        In words.
    groups
        Pictures; those of a group stand together where they are `joined`, as copies do.
    between
        What stands between the members of a group: `=` where they are copies, else nothing.
    joined
        Whether the finding is about groups.
    more
        How many files are not shown.
    """

    code: str
    severity: str
    title: str
    message: str
    why: str
    advice: str
    groups: tuple[tuple[Thumbnail, ...], ...]
    between: str
    joined: bool
    more: int


def shown(findings: Sequence[Record], album: Album, names: Names) -> tuple[Shown, ...]:
    """Dress the findings that found something, the worst first."""
    found = [f for severity in SHOWN for f in findings if f["severity"] == severity]
    chosen = _dealt(
        [_units(f) if f["severity"] != "note" else [] for f in found],
        [f["severity"] == "severe" for f in found],
    )
    return tuple(
        _dressed(finding, units, album, names) for finding, units in zip(found, chosen, strict=True)
    )


def title(finding: Record) -> str:
    """Return what a finding is called."""
    code = str(finding["code"])
    return TITLES.get(code, code.replace("-", " ").capitalize())


def _between(code: str) -> str:
    if code.startswith("DUPLICATE"):
        return "≈" if "NEAR" in code else "="
    return ""


def _units(finding: Record) -> list[list[str]]:
    """Return the files that are shown together or not at all: half a pair of copies is no proof."""
    groups = [list(group) for group in finding["groups"][:_GROUPS]]
    if not groups:
        files = list(finding["files"][:_A_FINDING])
        return [files[start : start + _EXAMPLES] for start in range(0, len(files), _EXAMPLES)]
    most = _COPIES if _between(str(finding["code"])) else _EXAMPLES
    return [group[:most] for group in groups]


def _dealt(units: Sequence[Sequence[list[str]]], severe: Sequence[bool]) -> list[list[list[str]]]:
    """Deal the pictures round, so that each finding gets some before one gets many.

    Severe ones are a round ahead: they show what they found beside what it isn't.
    """
    turns = [(turn, place) for place, wanted in enumerate(units) for turn in range(len(wanted))]
    turns.sort(key=lambda one: (max(0, one[0] - severe[one[1]]), one[1], one[0]))
    dealt: list[list[list[str]]] = [[] for _ in units]
    left = PICTURES
    for turn, place in turns:
        unit = units[place][turn]
        if len(unit) <= left:
            dealt[place].append(unit)
            left -= len(unit)
    return dealt


def _dressed(finding: Record, units: Sequence[Sequence[str]], album: Album, names: Names) -> Shown:
    made = [[album.thumbnail(path) for path in paths] for paths in units]
    groups = tuple(tuple(picture for picture in unit if picture) for unit in made)
    texts = {name: names.without(str(finding[name])) for name in ("message", "why", "advice")}
    return Shown(
        str(finding["code"]),
        str(finding["severity"]),
        title(finding),
        **texts,
        groups=groups,
        between=_between(str(finding["code"])),
        joined=bool(finding["groups"]),
        more=len(finding["files"]) - sum(map(len, groups)) if groups else 0,
    )
