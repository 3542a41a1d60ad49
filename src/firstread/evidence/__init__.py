"""Figures with their intervals: what a trained classifier has shown."""

from firstread.evidence.baselines import STEPS, Ladder, Rung, climb, majority
from firstread.evidence.calibration import reliability
from firstread.evidence.comparison import Comparison, compare
from firstread.evidence.crossvalidation import (
    CrossValidation,
    Fold,
    cross_validate,
    folds,
)
from firstread.evidence.estimate import FIGURES, Estimate
from firstread.evidence.intervals import Interval, proportion
from firstread.evidence.metrics import Metrics, score
from firstread.evidence.operating import OperatingPoint, Rule
from firstread.evidence.permutation import Control, permuted
from firstread.evidence.precision_recall import precision_recall_points
from firstread.evidence.ranking import roc_points
from firstread.evidence.scoring import Evaluation, evaluate
from firstread.evidence.shift import Shift, compare_images
from firstread.evidence.subgroups import Subgroups, subgroups
from firstread.evidence.temperature import Temperature, fit_temperature

__all__ = [
    "FIGURES",
    "STEPS",
    "Comparison",
    "Control",
    "CrossValidation",
    "Estimate",
    "Evaluation",
    "Fold",
    "Interval",
    "Ladder",
    "Metrics",
    "OperatingPoint",
    "Rule",
    "Rung",
    "Shift",
    "Subgroups",
    "Temperature",
    "climb",
    "compare",
    "compare_images",
    "cross_validate",
    "evaluate",
    "fit_temperature",
    "folds",
    "majority",
    "permuted",
    "precision_recall_points",
    "proportion",
    "reliability",
    "roc_points",
    "score",
    "subgroups",
]
