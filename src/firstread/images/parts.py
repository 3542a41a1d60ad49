"""One file may hold many images: frames of a DICOM object, slices of a volume.

The n-th image in `FILE` is named `FILE#frame=n` (DICOM) or `FILE#slice=n` (NIfTI), counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from firstread.errors import UsageError

_NAMED = re.compile(r"(?P<file>.+)#(?:frame|slice)=(?P<number>\d{1,9})")
_ADVICE = (
    "write each, middle, even:N, numbers from 1 as 3 or 3,7, or places along the volume as 50%"
)
_NUMBER, _PLACE = r"[1-9]\d{0,8}", r"(?:100|\d{1,2}(?:\.\d+)?)%"
_CHOICE = re.compile(
    rf"each|middle|even:[1-9]\d{{0,5}}|{_NUMBER}(?: ?, ?{_NUMBER})*|{_PLACE}(?: ?, ?{_PLACE})*"
)

EACH = "each"


def located(path: Path) -> tuple[Path, int | None]:
    """Return the file that a path means, and the number of the image in it, from 1.

    Examples
    --------
    >>> located(Path("echo.dcm#frame=12"))[1]
    12
    >>> located(Path("film.png"))[1] is None
    True
    """
    named = _NAMED.fullmatch(str(path))
    if named is None or path.exists():
        return path, None
    return Path(named["file"]), int(named["number"])


def part_of(path: Path, word: str, number: int) -> Path:
    """Return the path of one image in a file.

    Parameters
    ----------
    path
        The file.
    word
        `frame` or `slice`.
    number
        From 1.
    """
    return path.with_name(f"{path.name}#{word}={number}")


def check_choice(choice: str) -> None:
    """Refuse a choice that `chosen` can't understand, whatever there is to choose from.

    Raises
    ------
    UsageError
        Saying what can be written.
    """
    if _CHOICE.fullmatch(choice) is None:
        raise UsageError(f"{choice!r} chooses no frames or slices; {_ADVICE}")


def chosen(choice: str, count: int) -> list[int]:
    """Return which images of several are meant: numbers from 1, in order.

    Parameters
    ----------
    choice
        `each`; `middle`; `even:N`, which are N spread evenly, each in the middle of its share;
        numbers from 1 (`3` or `3,7`); or places from 0 % to 100 % (`50%` or `25%,75%`).
    count
        How many there are.

    Raises
    ------
    UsageError
        If the choice can't be understood, or there are not so many.

    Examples
    --------
    >>> chosen("even:3", 30)
    [6, 16, 26]
    >>> chosen("0%,100%", 30)
    [1, 30]
    """
    check_choice(choice)
    if choice == EACH:
        return list(range(1, count + 1))
    if choice == "middle":
        return [(count + 1) // 2]
    if choice.startswith("even:"):
        return _even(int(choice[5:]), count)
    words = [word.strip() for word in choice.split(",")]
    if choice.endswith("%"):
        return _distinct([1 + round(float(word[:-1]) / 100 * (count - 1)) for word in words])
    numbers = [int(word) for word in words]
    if max(numbers) > count:
        raise UsageError(f"{choice!r}: there are only {count}; {_ADVICE}")
    return _distinct(numbers)


def _even(wanted: int, count: int) -> list[int]:
    if wanted >= count:
        return list(range(1, count + 1))
    return _distinct([int((k + 0.5) * count / wanted) + 1 for k in range(wanted)])


def _distinct(numbers: Sequence[int]) -> list[int]:
    return sorted(set(numbers))
