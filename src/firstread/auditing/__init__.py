"""What is wrong with a data set, before anything is trained on it."""

from firstread.auditing.finders import FINDERS, Finder, audit, auditing
from firstread.auditing.finding import Finding, Severity
from firstread.auditing.result import Audit
from firstread.auditing.survey import Glance, Survey, glance, surveying
from firstread.auditing.traces import Trace

__all__ = [
    "FINDERS",
    "Audit",
    "Finder",
    "Finding",
    "Glance",
    "Severity",
    "Survey",
    "Trace",
    "audit",
    "auditing",
    "glance",
    "surveying",
]
