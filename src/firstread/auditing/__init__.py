"""What is wrong with a data set, before anything is trained on it."""

from firstread.auditing.finding import Finding, Severity

__all__ = ["Finding", "Severity"]
