"""How a head, or a whole network, learns from a data set."""

from firstread.learning.advise import BUDGET_S, Advice, HeldOut, advise
from firstread.learning.augment import AUGMENTATIONS, Augmentation, augmentation
from firstread.learning.bench import fold_of, sampled
from firstread.learning.cache import FeatureCache
from firstread.learning.candidates import Candidate
from firstread.learning.curve import LearningCurve, learning_curve
from firstread.learning.executor import HERE, Executor
from firstread.learning.features import Features, extract
from firstread.learning.finetune import Epoch
from firstread.learning.lr_range import RangeTest
from firstread.learning.material import Material
from firstread.learning.plan import ALL, TUTORIAL_NOTES, Plan, propose, settled
from firstread.learning.precision import choose_device, choose_precision
from firstread.learning.probe import Trial
from firstread.learning.strategies import learn, network_of, settle_precision

__all__ = [
    "ALL",
    "AUGMENTATIONS",
    "BUDGET_S",
    "HERE",
    "TUTORIAL_NOTES",
    "Advice",
    "Augmentation",
    "Candidate",
    "Epoch",
    "Executor",
    "FeatureCache",
    "Features",
    "HeldOut",
    "LearningCurve",
    "Material",
    "Plan",
    "RangeTest",
    "Trial",
    "advise",
    "augmentation",
    "choose_device",
    "choose_precision",
    "extract",
    "fold_of",
    "learn",
    "learning_curve",
    "network_of",
    "propose",
    "sampled",
    "settle_precision",
    "settled",
]
