"""Folders and tables of labelled images, as one frozen value."""

from firstread.datasets.dataset import BETWEEN, SPLITS, Dataset, labels_of
from firstread.datasets.files import images_in
from firstread.datasets.folders import examine, load
from firstread.datasets.pixels import PIXEL_BUDGET, PixelStore, decode, fitted, stack, stream
from firstread.datasets.splits import with_validation
from firstread.datasets.volumes import SLICES, parts, per_volume

__all__ = [
    "BETWEEN",
    "PIXEL_BUDGET",
    "SLICES",
    "SPLITS",
    "Dataset",
    "PixelStore",
    "decode",
    "examine",
    "fitted",
    "images_in",
    "labels_of",
    "load",
    "parts",
    "per_volume",
    "stack",
    "stream",
    "with_validation",
]
