"""Folders and tables of labelled images, as one frozen value."""

from firstread.datasets.dataset import BETWEEN, SPLITS, Dataset, labels_of
from firstread.datasets.folders import examine, images_in, load
from firstread.datasets.pixels import PIXEL_BUDGET, PixelStore, decode, stack, stream
from firstread.datasets.splits import with_validation

__all__ = [
    "BETWEEN",
    "PIXEL_BUDGET",
    "SPLITS",
    "Dataset",
    "PixelStore",
    "decode",
    "examine",
    "images_in",
    "labels_of",
    "load",
    "stack",
    "stream",
    "with_validation",
]
