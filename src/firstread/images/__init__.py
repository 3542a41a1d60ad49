"""Image files to pixels. The only room that opens image files."""

from firstread.images.header import Header, header
from firstread.images.image import Image, Interpolation, Preprocessing
from firstread.images.neutralise import NEUTRALISERS, neutralised, neutralisers, prepared
from firstread.images.raster import MAX_SIDE, MIN_SIDE, SUFFIXES, read

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "NEUTRALISERS",
    "SUFFIXES",
    "Header",
    "Image",
    "Interpolation",
    "Preprocessing",
    "header",
    "neutralised",
    "neutralisers",
    "prepared",
    "read",
]
