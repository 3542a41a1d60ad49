"""Everything that firstread raises on purpose.

::

    FirstreadError
    ├── UsageError      something asked for that can't be done: an option, a name, a combination
    ├── ImageError      one image file that can't be read
    ├── DataError       a folder or table of images that can't be used; lists every problem
    ├── WeightsError    a checkpoint that is missing, damaged, or doesn't fit its network
    ├── RunError        a run folder that exists already, is unfinished, or is damaged
    ├── TrainingError   a training that can't go on
    ├── ExportError     a model that can't be exported, or whose export says something else
    ├── NetworkError    an archive, PACS or hub that can't be reached, or refuses
    └── InstallError    a library that is missing, or doesn't match another

Each message names the file or value, says what is wrong with it, and gives the way out. On the
command line every one of them ends the program with exit code 2 and no traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

SHOWN = 10

KILLS = (
    "kills the process that reads it; the file is damaged in a way that its decoder can't take, or "
    "needs more memory than there is"
)
"""What is wrong with an image that ended the process which read it, and not that of the user."""


class FirstreadError(Exception):
    """Root of the tree: catch this to catch all of firstread's own errors."""


class UsageError(FirstreadError):
    """Something was asked for that can't be done."""


class ImageError(FirstreadError):
    """One image file can't be read.

    Parameters
    ----------
    path
        The file, as the user named it.
    reason
        What is wrong with it, as the end of the sentence "FILE: ...".
    """

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        """Let another process raise it to this one."""
        return type(self), (self.path, self.reason)


class DataError(FirstreadError):
    """A folder or table of images can't be used; holds every problem found, not the first alone.

    Parameters
    ----------
    problems
        One sentence a problem.
    advice
        The way out, where one sentence serves all the problems.
    """

    def __init__(self, problems: Sequence[str], advice: str = "") -> None:
        self.problems = tuple(problems)
        self.advice = advice
        super().__init__("\n".join([*_shortened(self.problems), *([advice] if advice else [])]))

    def __reduce__(self) -> tuple[type[DataError], tuple[tuple[str, ...], str]]:
        """Let another process raise it to this one."""
        return type(self), (self.problems, self.advice)


class WeightsError(FirstreadError):
    """A checkpoint is missing, damaged, or doesn't fit its network."""


class RunError(FirstreadError):
    """A run folder exists already, is unfinished, or is damaged."""


class TrainingError(FirstreadError):
    """A training can't go on."""


class ExportError(FirstreadError):
    """A model can't be exported, or its export disagrees with it."""


class NetworkError(FirstreadError):
    """An archive, PACS or hub can't be reached, or refuses."""


class InstallError(FirstreadError):
    """A library is missing or doesn't match another."""


def unknown(kind: str, value: str, known: Iterable[str], owner: str = "") -> UsageError:
    """Build the error for a name that isn't known: it lists the close ones, then all of them.

    Parameters
    ----------
    kind
        What it would be the name of.
    value
        The name.
    known
        All names that there are.
    owner
        Whose they are; firstread's, if nobody else's.

    Examples
    --------
    >>> print(unknown("network", "resnet51", ["resnet50", "vgg16"]))
    'resnet51' is not a network that firstread knows. Close to it: resnet50. All: resnet50, vgg16.
    >>> print(unknown("class", "chest", ["abd", "chst"], "this model"))
    'chest' is not a class of this model. Close to it: chst. All: abd, chst.
    """
    names = list(known)
    close = difflib.get_close_matches(value, names, n=3)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    whose = f"of {owner}" if owner else "that firstread knows"
    return UsageError(f"{value!r} is not a {kind} {whose}.{hint} All: {', '.join(names)}.")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing.

    Examples
    --------
    >>> first_line(AssertionError())
    'AssertionError'
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _shortened(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and a line that counts the rest."""
    rest = len(problems) - SHOWN
    return [*problems[:SHOWN], *([f"... and {rest} more like these"] if rest > 0 else [])]
