"""Figures with their intervals: what a trained classifier has shown."""

from firstread.evidence.intervals import Interval, proportion
from firstread.evidence.metrics import Metrics, score

__all__ = ["Interval", "Metrics", "proportion", "score"]
