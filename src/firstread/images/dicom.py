"""DICOM files to pixels, as the standard says that they are to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.datadict import tag_for_keyword
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import RLELossless

from firstread.errors import ImageError
from firstread.images import views, windows
from firstread.images.display import Display
from firstread.images.frames import Layout, cells, decoded_frame, layout
from firstread.images.headers import Header, opened
from firstread.images.image import Image, Pixels, gray_where_equal
from firstread.images.raster import REMOVE
from firstread.images.spacing import spacing
from firstread.images.windows import Pipeline, Samples

# All that decides how pixels are read; whatever names a patient is not even kept in memory.
_TAGS = [
    tag
    for name in (
        *("SOPClassUID", "Modality", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel"),
        *("PhotometricInterpretation", "PlanarConfiguration", "PixelRepresentation"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelPaddingValue", "PixelPaddingRangeLimit"),
        *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "PresentationLUTShape"),
        *("VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth"),
        *("WindowCenterWidthExplanation", "PixelPresentation", "PaletteColorLookupTableUID"),
        *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
        "SequenceOfUltrasoundRegions",
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
        *(
            f"{segmented}{colour}PaletteColorLookupTable{part}"
            for colour in ("Red", "Green", "Blue", "Alpha")
            for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
        ),
    )
    if (tag := tag_for_keyword(name)) is not None
]

GRAY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_UNREAD = ("YBR_PARTIAL_420", "YBR_PARTIAL_422", "XYB", "HSV", "ARGB", "CMYK")
"""The standard's other photometric interpretations, old and new (PS3.3 C.7.6.3.1.2)."""


def read(path: Path, display: Display, number: int | None = None) -> Image:
    """Read one frame of a DICOM file.

    Gray goes through modality LUT or rescale, VOI LUT or window, and inversion for MONOCHROME1
    (PS3.4 N.2); padding becomes black. Colour becomes RGB. Takes memory for the header, one
    frame and, of small files, the file.

    Parameters
    ----------
    path
        The file.
    display
        Which window to see it through.
    number
        The frame, from 1; may be left out where there is one.

    Raises
    ------
    ImageError
        If the file can't be read, has no such frame, or no such window. No message holds a value
        that names a patient.
    """
    with opened(path, _TAGS) as header:
        found = layout(path, header)
        frame = frame_number(path, found, number)
        if found.photometric in GRAY:
            pixels = gray(path, header, found, frame, display).shown()
        else:
            pixels = colour(path, header, found, frame)
        return Image(pixels, spacing(header.dataset, frame))


def frame_number(path: Path, found: Layout, number: int | None) -> int:
    """Return which frame is meant, from 1; refuse none of several, and one that isn't there."""
    if number is None and found.count > 1:
        example = f"{path.name}#frame={(found.count + 1) // 2}"
        raise ImageError(path, f"has {found.count} frames; name one of them, as {example}")
    number = number or 1
    if number > found.count:
        raise ImageError(path, f"has no frame {number}; it has {found.count}")
    return number


@dataclass(frozen=True)
class Gray:
    """A gray frame on its way from stored values to the screen.

    Parameters
    ----------
    lying
        Up to 16 bits: cells as they lie. Wider and floating point: the values themselves.
    samples
        How samples lie in the cells; None where `lying` holds the values.
    pipeline
        What is done to the values.
    """

    lying: npt.NDArray[Any]
    samples: Samples | None
    pipeline: Pipeline

    @property
    def stored(self) -> npt.NDArray[Any]:
        """The stored values, shape (rows, columns)."""
        return self.lying if self.samples is None else self.samples.values(self.lying)

    def shown(self) -> Pixels:
        """Return the pixels as displayed."""
        if self.samples is None:
            return windows.quantised(self.pipeline.gray(self.lying), deep=True)
        return windows.table(self.pipeline, self.samples).take(self.lying)


def gray(path: Path, header: Header, found: Layout, number: int, display: Display) -> Gray:
    """Read a gray frame, and find out what is to be done to its values."""
    if found.samples is None or found.samples.allocated > 16:
        return _wide(path, header, found, number, display)
    lying = cells(path, header, found, number)
    samples = in_cells(lying, found.samples, header)

    def present() -> views.Occurring:
        counts = np.bincount(lying.ravel(), minlength=1)
        occupied = np.flatnonzero(counts)
        return samples.values(occupied).astype(np.float64), counts[occupied]

    chosen = views.pipeline(path, header.dataset, number, samples, display, present)
    return Gray(lying, samples, chosen)


def in_cells(lying: npt.NDArray[np.integer], samples: Samples, header: Header) -> Samples:
    """Return how samples lie in the cells that hold them now: codecs put them at the low end."""
    allocated = 8 * lying.dtype.itemsize
    stored = min(samples.stored, allocated)
    moved = header.syntax.is_encapsulated and header.syntax != RLELossless
    high = stored - 1 if moved or samples.high >= allocated else samples.high
    return Samples(allocated, stored, high, samples.signed)


def _wide(path: Path, header: Header, found: Layout, number: int, display: Display) -> Gray:
    """Read cells that are too wide for a table of all values."""
    array, _ = decoded_frame(path, header, found, number, raw=True)
    samples = found.samples
    if samples is not None:
        samples = in_cells(array, samples, header)
        array = samples.values(array.view(f"u{array.dtype.itemsize}"))
    broken = np.count_nonzero(~np.isfinite(array))
    if broken:
        raise ImageError(path, f"holds {broken} values that are not numbers; {REMOVE}")

    def present() -> views.Occurring:
        values, counts = np.unique(array, return_counts=True)
        return values.astype(np.float64), counts

    chosen = views.pipeline(path, header.dataset, number, samples, display, present)
    return Gray(array, None, chosen)


def colour(path: Path, header: Header, found: Layout, number: int) -> Pixels:
    """Return RGB, or gray where all three channels are equal."""
    if found.photometric not in COLOUR or found.samples is None:
        known = ", ".join((*GRAY, *COLOUR))
        # In a damaged file there may be anything in its place.
        stated = found.photometric or "NONE"
        stated = stated if stated in ("NONE", *_UNREAD) else "something else"
        reason = f"has the photometric interpretation {stated!r}"
        raise ImageError(path, f"{reason}; firstread reads {known}; {REMOVE}")
    array, photometric = decoded_frame(path, header, found, number, raw=False)
    if photometric == "PALETTE COLOR":
        return gray_where_equal(_painted(array, header, found.samples))
    if array.ndim != 3:
        raise ImageError(path, f"is damaged: it has no three colours a pixel; {REMOVE}")
    depth = min(found.samples.stored, 8 * array.dtype.itemsize)
    if array.dtype == np.uint8 and depth == 8:
        return gray_where_equal(array)
    shade = np.clip(array.view(f"u{array.dtype.itemsize}") / (2**depth - 1), 0, 1)
    return gray_where_equal(windows.quantised(shade, deep=depth > 8))


_SEGMENTED = "SegmentedRedPaletteColorLookupTableData"


def _painted(array: npt.NDArray[Any], header: Header, samples: Samples) -> npt.NDArray[Any]:
    """Return the colours of a palette (PS3.3 C.7.9) for its numbers, shape (H, W, 3)."""
    dataset, lying = header.dataset, array.view(f"u{array.dtype.itemsize}")
    values = in_cells(lying, samples, header).values(lying)
    if _SEGMENTED in dataset:
        painted = apply_color_lut(values, dataset)[..., :3]
        return windows.quantised(painted / np.iinfo(painted.dtype).max, painted.dtype != np.uint8)
    tables = [
        views.table(dataset, dataset, samples.signed, name) for name in ("Red", "Green", "Blue")
    ]
    colours = [table(values.astype(np.float64)) for table in tables]
    return windows.quantised(np.stack(colours, axis=-1), deep=tables[0].bits > 8)
