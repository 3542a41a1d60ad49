"""How a head, or a whole network, learns from a data set."""

from firstread.learning.augment import AUGMENTATIONS, Augmentation, augmentation
from firstread.learning.batches import Batches, FeatureBatches, ImageBatches
from firstread.learning.cache import FeatureCache
from firstread.learning.features import Features, extract
from firstread.learning.finetune import Epoch, finetune
from firstread.learning.plan import TUTORIAL_NOTES, Plan, propose
from firstread.learning.precision import choose_device, choose_precision
from firstread.learning.probe import probe

__all__ = [
    "AUGMENTATIONS",
    "TUTORIAL_NOTES",
    "Augmentation",
    "Batches",
    "Epoch",
    "FeatureBatches",
    "FeatureCache",
    "Features",
    "ImageBatches",
    "Plan",
    "augmentation",
    "choose_device",
    "choose_precision",
    "extract",
    "finetune",
    "probe",
    "propose",
]
