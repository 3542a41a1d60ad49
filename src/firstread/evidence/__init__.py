"""Figures with their intervals: what a trained classifier has shown."""

from firstread.evidence.estimate import FIGURES, Estimate
from firstread.evidence.intervals import Interval, proportion
from firstread.evidence.metrics import Metrics, score
from firstread.evidence.scoring import Evaluation, evaluate

__all__ = [
    "FIGURES",
    "Estimate",
    "Evaluation",
    "Interval",
    "Metrics",
    "evaluate",
    "proportion",
    "score",
]
