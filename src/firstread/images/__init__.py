"""Image files to pixels. The only room that opens image files."""

from firstread.images.directory import listed_in
from firstread.images.display import Display
from firstread.images.endings import besides
from firstread.images.facts import Facts, facts, keyword
from firstread.images.file_format import FileFormat, file_format
from firstread.images.image import Image, Interpolation, Preprocessing
from firstread.images.kinds import holds_image, is_directory, is_image, kind_of
from firstread.images.neutralise import NEUTRALISERS, neutralised, neutralisers, prepared
from firstread.images.nifti import forget_volumes
from firstread.images.parts import check_choice, chosen, located, part_of
from firstread.images.placement import laid_back, scaled
from firstread.images.raster import MAX_SIDE, MIN_SIDE, SUFFIXES
from firstread.images.reading import read
from firstread.images.statistics import Statistics, statistics
from firstread.images.unfolding import unfolds_to

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "NEUTRALISERS",
    "SUFFIXES",
    "Display",
    "Facts",
    "FileFormat",
    "Image",
    "Interpolation",
    "Preprocessing",
    "Statistics",
    "besides",
    "check_choice",
    "chosen",
    "facts",
    "file_format",
    "forget_volumes",
    "holds_image",
    "is_directory",
    "is_image",
    "keyword",
    "kind_of",
    "laid_back",
    "listed_in",
    "located",
    "neutralised",
    "neutralisers",
    "part_of",
    "prepared",
    "read",
    "scaled",
    "statistics",
    "unfolds_to",
]
