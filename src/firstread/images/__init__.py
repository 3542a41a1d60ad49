"""Image files to pixels. The only room that opens image files."""

from firstread.images.directory import listed_in
from firstread.images.display import Display
from firstread.images.facts import Facts, facts, keyword
from firstread.images.image import Image, Interpolation, Preprocessing
from firstread.images.kinds import is_directory, is_image, kind_of
from firstread.images.parts import chosen, located, part_of
from firstread.images.raster import MAX_SIDE, MIN_SIDE, SUFFIXES
from firstread.images.reading import read

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "SUFFIXES",
    "Display",
    "Facts",
    "Image",
    "Interpolation",
    "Preprocessing",
    "chosen",
    "facts",
    "is_directory",
    "is_image",
    "keyword",
    "kind_of",
    "listed_in",
    "located",
    "part_of",
    "read",
]
