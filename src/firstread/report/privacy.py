"""Keeps the machine's folders out of the page: files go by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from firstread.report.records import Records


@dataclass(frozen=True)
class Names:
    """Writes files without their folders.

    Parameters
    ----------
    folders
        Whose paths are taken out of texts, the longest first.
    """

    folders: tuple[str, ...]

    @classmethod
    def of(cls, records: Records) -> Names:
        """Take the folders that a run's records name."""
        named = [str(records.plan.get("data", "")), str(records.plan.get("weights", ""))]
        files = [*records.cases["path"], *named]
        found = (finding["files"] for finding in records.audit or ())
        paths = [*files, *(file for some in found for file in some)]
        # Not by pathlib: a run may have been made on another system.
        parents = {path[: -len(last(path))].rstrip("/\\") for path in paths if path}
        kept = {folder for folder in {*parents, named[0]} if len(folder) > 1}
        return cls(tuple(sorted(kept, key=len, reverse=True)))

    def without(self, text: str) -> str:
        """Return a text in which files have their names only.

        Examples
        --------
        >>> Names(("/home/me/films/ill", "/home/me/films")).without("/home/me/films/ill/1.png: no")
        '1.png: no'
        """
        for folder in (folder for folder in self.folders if folder in text):
            start = rf"(?<![\w./\\-]){re.escape(folder)}"
            text = re.sub(rf"{start}[/\\]", "", text)
            if _absolute(folder):
                text = last(folder).join(re.split(start, text))
        return text

    def plan(self, plan: Mapping[str, object]) -> dict[str, object]:
        """Return a plan whose files have their names only."""
        paths = {name: last(str(plan[name])) for name in ("data", "weights") if name in plan}
        return {**plan, **paths}


def last(path: str) -> str:
    r"""Return the last part of a path of any system.

    Examples
    --------
    >>> last("/data/films/"), last("C:\\films\\a.png"), last("imagenet")
    ('films', 'a.png', 'imagenet')
    """
    return PureWindowsPath(path).name or PurePosixPath(path).name or path


def _absolute(folder: str) -> bool:
    return PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute()


def notes(cases: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Return what is known of each file: part and label, from path, label and part."""
    return {path: f"{split}, {label or 'no label'}" for path, label, split in cases}
