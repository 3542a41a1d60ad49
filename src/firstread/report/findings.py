"""The audit's findings as the page shows them: with a title and with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from firstread.report.privacy import Names
from firstread.report.records import Record
from firstread.report.thumbnails import Album, Thumbnail

SHOWN = ("severe", "warning", "note")
"""Severities with an entry of their own, the worst first."""

PICTURES = 22
"""For all findings together; the others are for mistakes and for cases near the threshold."""
_A_FINDING = 6
_GROUPS = 3
_A_GROUP = 4

TITLES = {
    "UNREADABLE": "Files that can't be read",
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
        Pictures that belong together, as copies of each other do; each picture a group of its
        own where none do.
    between
        What stands between the members of a group: `=` where they are copies, else nothing.
    joined
        Whether there are groups.
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


def shown(findings: Sequence[Record], album: Album, names: Names) -> Iterator[Shown]:
    """Dress the findings that found something, the worst first."""
    reserve = album.left - PICTURES
    for severity in SHOWN:
        for finding in findings:
            if finding["severity"] != severity:
                continue
            left = max(0, album.left - max(0, reserve))
            yield _dressed(finding, album, names, left if severity != "note" else 0)


def title(finding: Record) -> str:
    """Return what a finding is called."""
    code = str(finding["code"])
    return TITLES.get(code, code.replace("-", " ").capitalize())


def _between(code: str) -> str:
    if code.startswith("DUPLICATE"):
        return "≈" if "NEAR" in code else "="
    return ""


def _dressed(finding: Record, album: Album, names: Names, most: int) -> Shown:
    grouped = [list(group)[:_A_GROUP] for group in finding["groups"][:_GROUPS]]
    wanted = grouped or [[path] for path in finding["files"][:_A_FINDING]]
    groups: list[tuple[Thumbnail, ...]] = []
    for paths in wanted:
        # A group is shown whole or not at all: one half of a pair proves nothing.
        if len(paths) > most:
            break
        made = [album.thumbnail(path) for path in paths]
        groups.append(tuple(picture for picture in made if picture))
        most -= len(paths)
    texts = {name: names.without(str(finding[name])) for name in ("message", "why", "advice")}
    return Shown(
        str(finding["code"]),
        str(finding["severity"]),
        title(finding),
        **texts,
        groups=tuple(groups),
        between=_between(str(finding["code"])),
        joined=bool(grouped),
        more=len(finding["files"]) - sum(map(len, groups)) if groups else 0,
    )
