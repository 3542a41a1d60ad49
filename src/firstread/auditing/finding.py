"""The noun of this room: one thing found in a data set, or not found there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["severe", "warning", "note", "passed", "not applicable"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for in a data set.

    Parameters
    ----------
    code
        Stable, for programs: `DUPLICATE-LEAK`, `SHORTCUT-SIZE`, ...
    severity
        `severe`: figures measured on these data can't be believed; `warning`: they may mislead;
        `note`: good to know; `passed`: looked for and not found; `not applicable`: these data
        can't be looked at in this way, and `message` says why.
    message
        What was found, in one plain sentence with its numbers.
    why
        Why it matters, for a reader who hasn't met it before.
    advice
        What to do about it.
    files
        The files concerned, the worst first, as the data set names them; where the finding is
        about groups (copies of each other), the members of a group stand together.
    groups
        The same files as groups of several, where the finding is about groups.
    figures
        Its numbers, for the report and for programs.
    """

    code: str
    severity: Severity
    message: str
    why: str = ""
    advice: str = ""
    files: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    figures: tuple[tuple[str, float | str], ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the finding as plain values, for JSON."""
        record = asdict(self)
        return {
            **record,
            "files": list(self.files),
            "groups": [list(group) for group in self.groups],
            "figures": dict(self.figures),
        }
