"""Image files to pixels. The only room that opens image files."""

from firstread.images.image import Image, Interpolation, Preprocessing
from firstread.images.raster import MAX_SIDE, MIN_SIDE, SUFFIXES, read
from firstread.images.statistics import Statistics, statistics

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "SUFFIXES",
    "Image",
    "Interpolation",
    "Preprocessing",
    "Statistics",
    "read",
    "statistics",
]
