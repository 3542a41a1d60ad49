"""The noun that an audit ends in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import pandas as pd

from firstread.auditing.finding import Finding, Severity
from firstread.auditing.traces import Trace


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
    traces
        What can be read of each image file apart from its anatomy; what simple rivals of a
        network are fitted to.
    """

    data: str
    images: int
    findings: tuple[Finding, ...] = field(repr=False)
    traces: tuple[Trace, ...] = field(default=(), repr=False)

    @property
    def severe(self) -> tuple[Finding, ...]:
        """The findings with which measured figures can't be believed."""
        return tuple(found for found in self.findings if found.severity == "severe")

    def updated(self, finding: Finding) -> Audit:
        """Return the audit with a finding in the place of those of the same code."""
        others = [found for found in self.findings if found.code != finding.code]
        return replace(self, findings=ordered([*others, finding]))

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


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the worst first; equally bad ones in the order given."""
    order = {severity: place for place, severity in enumerate(get_args(Severity))}
    return tuple(sorted(findings, key=lambda finding: order[finding.severity]))
