"""The noun that an audit ends in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from firstread.auditing.finding import Finding


@dataclass(frozen=True)
class Audit:
    """What was found in a data set.

    Parameters
    ----------
    data
        The folder or table, as the user named it.
    images
        How many images were looked at.
    findings
        The worst first; those that passed or don't apply last.
    """

    data: str
    images: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def severe(self) -> tuple[Finding, ...]:
        """The findings with which measured figures can't be believed."""
        return tuple(found for found in self.findings if found.severity == "severe")

    def frame(self) -> pd.DataFrame:
        """Return one row a finding: code, severity, message, files (how many), why, advice."""
        rows = [
            (f.code, f.severity, f.message, len(f.files), f.why, f.advice) for f in self.findings
        ]
        columns = ["code", "severity", "message", "files", "why", "advice"]
        return pd.DataFrame(rows, columns=columns)

    def records(self) -> list[dict[str, Any]]:
        """Return the findings as plain values, for JSON."""
        return [finding.record() for finding in self.findings]
