"""Whether the names of files and folders say what the labels say."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

from firstread.auditing.finding import Finding
from firstread.auditing.survey import Survey
from firstread.datasets import Dataset

_Words = tuple[str, ...]


def contradicted(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    """Find files whose name, or a folder on the way to them, names another class.

    A class counts as named where its words stand in a row in the name, whole: `abd` is named by
    `abd12.png` and `ABD_007.png`, not by `abdomen.png`. A name that also names its own class
    contradicts nothing.
    """
    known = {name: _words(name) for name in dataset.classes}
    # 0 and 1, A and B stand in file names for many other reasons; grade_1 and grade_2 have the
    # same words.
    rows = list(known.values())
    known = {
        name: row for name, row in known.items() if len("".join(row)) > 1 and rows.count(row) == 1
    }
    # A table may name some files from its own folder, and others from the root.
    files = [path.absolute() for path in dataset.paths]
    folder = os.path.commonpath([file.parent for file in files])
    found: list[tuple[str, str, str]] = []
    cases = zip(dataset.cases["path"], files, dataset.cases["label"], strict=True)
    for path, file, label in cases:
        below = file.relative_to(folder)
        for part in (below.stem, *reversed(below.parent.parts)):
            named = _named(_words(part), known)
            if label in named:
                break
            if named:
                found.append((path, label, named[0]))
                break
    if not found:
        return
    pairs = Counter((label, other) for _, label, other in found)
    listed = ", ".join(
        f"{count} labelled {label!r} and named {other!r}" for (label, other), count in pairs.items()
    )
    yield Finding(
        "NAME-CONTRADICTS",
        "warning",
        f"{len(found)} of {len(dataset)} images are named after another class than they are "
        f"labelled as: {listed}.",
        "Either the name or the label is wrong; a wrong label teaches the network the opposite, "
        "and in the validation part it makes a right answer count as a mistake.",
        "Look at them. Move those with a wrong label to their class; rename the others, so that "
        "nobody moves them back.",
        tuple(path for path, _, _ in found),
        figures=(("images", len(found)),),
    )


def _words(name: str) -> _Words:
    """Split a name into its words of letters, in small letters."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return tuple(re.findall(r"[^\W\d_]+", spaced.casefold()))


def _named(words: _Words, known: dict[str, _Words]) -> list[str]:
    """Return the classes whose words stand in a row among these, the longest name first."""
    hits = [name for name, row in known.items() if _holds(words, row)]
    # Of `normal` and `not normal`, a file `not_normal_3.png` names the second alone.
    clear = [
        name
        for name in hits
        if not any(
            len(known[other]) > len(known[name]) and _holds(known[other], known[name])
            for other in hits
        )
    ]
    return sorted(clear, key=lambda name: (-len(known[name]), name))


def _holds(words: _Words, row: _Words) -> bool:
    return any(words[k : k + len(row)] == row for k in range(len(words) - len(row) + 1))
