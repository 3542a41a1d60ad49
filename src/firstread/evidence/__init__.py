"""Figures with their intervals: what a trained classifier has shown."""

from firstread.evidence.baselines import STEPS, Ladder, Rung, climb, majority
from firstread.evidence.comparison import Comparison, compare
from firstread.evidence.estimate import FIGURES, Estimate
from firstread.evidence.intervals import Interval, proportion
from firstread.evidence.metrics import Metrics, score
from firstread.evidence.scoring import Evaluation, evaluate
from firstread.evidence.temperature import Temperature, fit_temperature

__all__ = [
    "FIGURES",
    "STEPS",
    "Comparison",
    "Estimate",
    "Evaluation",
    "Interval",
    "Ladder",
    "Metrics",
    "Rung",
    "Temperature",
    "climb",
    "compare",
    "evaluate",
    "fit_temperature",
    "majority",
    "proportion",
    "score",
]
