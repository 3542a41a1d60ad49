"""DICOM files to pixels, as the standard says that they are to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import RLELossless

from firstread.errors import ImageError
from firstread.images import windows
from firstread.images.display import FIRST, FULL, PERCENTILE, Display
from firstread.images.frames import Layout, cells, decoded_frame, holder, layout, spacing
from firstread.images.headers import Header, integer, numbers, opened, text
from firstread.images.image import Image, Pixels, gray_where_equal
from firstread.images.raster import REMOVE
from firstread.images.windows import VOI, Modality, Pipeline, Range, Rescale, Samples, Table, Window

PERCENTILES = (0.01, 0.99)

Occurring = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
"""Values, each once, and how often each occurs."""

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_FUNCTIONS = (windows.LINEAR, windows.LINEAR_EXACT, windows.SIGMOID)


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
    with opened(path) as header:
        found = layout(path, header)
        frame = _number(path, found, number)
        if found.photometric in _GRAY:
            pixels: Pixels = _gray(path, header, found, frame, display)
        else:
            pixels = _colour(path, header, found, frame)
        return Image(pixels, spacing(header.dataset, frame))


def _number(path: Path, found: Layout, number: int | None) -> int:
    if number is None and found.count > 1:
        example = f"{path.name}#frame={(found.count + 1) // 2}"
        raise ImageError(path, f"has {found.count} frames; name one of them, as {example}")
    number = number or 1
    if number > found.count:
        raise ImageError(path, f"has no frame {number}; it has {found.count}")
    return number


def _gray(path: Path, header: Header, found: Layout, number: int, display: Display) -> Pixels:
    if found.samples is None or found.samples.allocated > 16:
        return _gray_directly(path, header, found, number, display)
    lying = cells(path, header, found, number)
    samples = in_cells(lying, found.samples, header)

    def present() -> Occurring:
        counts = np.bincount(lying.ravel(), minlength=1)
        occupied = np.flatnonzero(counts)
        return samples.values(occupied).astype(np.float64), counts[occupied]

    pipeline = _pipeline(path, header.dataset, number, samples, display, present)
    return windows.table(pipeline, samples).take(lying)


def in_cells(lying: npt.NDArray[np.integer], samples: Samples, header: Header) -> Samples:
    """Return how samples lie in the cells that hold them now: codecs put them at the low end."""
    allocated = 8 * lying.dtype.itemsize
    stored = min(samples.stored, allocated)
    moved = header.syntax.is_encapsulated and header.syntax != RLELossless
    high = stored - 1 if moved or samples.high >= allocated else samples.high
    return Samples(allocated, stored, high, samples.signed)


def _gray_directly(
    path: Path, header: Header, found: Layout, number: int, display: Display
) -> Pixels:
    """Compute every pixel, where the cells are too wide for a table of all values."""
    array, _ = decoded_frame(path, header, found, number, raw=True)
    samples = found.samples
    if samples is not None:
        samples = in_cells(array, samples, header)
        array = samples.values(array.view(f"u{array.dtype.itemsize}"))
    if not np.isfinite(array).all():
        broken = np.count_nonzero(~np.isfinite(array))
        raise ImageError(path, f"holds {broken} values that are not numbers; {REMOVE}")

    def present() -> Occurring:
        values, counts = np.unique(array, return_counts=True)
        return values.astype(np.float64), counts

    pipeline = _pipeline(path, header.dataset, number, samples, display, present)
    return windows.quantised(pipeline.gray(array), deep=True)


def _pipeline(
    path: Path,
    dataset: Dataset,
    number: int,
    samples: Samples | None,
    display: Display,
    present: Callable[[], Occurring],
) -> Pipeline:
    modality = _modality(dataset, number, samples)
    padding = _padding(dataset, samples)
    # The shape is the last word where there is one, for dcmtk and dcm4che too (PS3.3 C.8.11.3.1.2).
    shape = text(dataset, "PresentationLUTShape")
    inverted = (shape or text(dataset, "PhotometricInterpretation")) in ("INVERSE", "MONOCHROME1")

    def spread(low: float, high: float) -> Range:
        """Return the range between two quantiles of the values in the image, less padding."""
        values, counts = present()
        if padding is not None:
            inside = (values < padding[0]) | (values > padding[1])
            values, counts = values[inside], counts[inside]
        return quantiles(modality.look_up(values.astype(np.float64)), counts, low, high)

    def whole() -> Range:
        if samples is None:
            return spread(0, 1)
        if isinstance(modality, Table):
            return Range(0, 2**modality.bits - 1)
        ends = modality.look_up(np.array(samples.limits, np.float64))
        return Range(ends.min(), ends.max())

    def own() -> VOI:
        deep = samples is None or samples.stored > 8
        listed = _views(path, dataset, number, samples, modality)
        first = next((view for _, view in listed), None)
        return first or (spread(0, 1) if deep else whole())

    def middling() -> VOI:
        return spread(*PERCENTILES)

    def named() -> VOI:
        listed = _views(path, dataset, number, samples, modality)
        return _named(path, dataset, display.window, listed)

    choices: dict[str, Callable[[], VOI]] = {FIRST: own, FULL: whole, PERCENTILE: middling}
    if display.typed is not None:
        voi: VOI = Window(*display.typed, _function(dataset, number) or windows.LINEAR)
    else:
        voi = choices.get(display.window, named)()
    return Pipeline(modality, voi, inverted, padding)


def quantiles(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], low: float, high: float
) -> Range:
    """Return the range between two quantiles of values that occur so many times each.

    Parameters
    ----------
    values, counts
        Each value once, in any order, and how often it occurs; shape (n,).
    low, high
        From 0 to 1.
    """
    if len(values) == 0:
        return Range(0, 1)
    order = np.argsort(values)
    reached = np.cumsum(counts[order])
    places = np.searchsorted(reached, [max(1, low * reached[-1]), high * reached[-1]])
    ends = values[order][places]
    return Range(float(ends[0]), float(ends[1]))


def _modality(dataset: Dataset, number: int, samples: Samples | None) -> Modality:
    """Return the modality LUT or the rescale of a frame (PS3.3 C.11.1)."""
    tables = dataset.get("ModalityLUTSequence") or []
    if tables:
        signed = samples is not None and samples.signed
        return _table(tables[0], dataset, signed)
    place = holder(dataset, number, "RescaleSlope")
    slope, intercept = numbers(place, "RescaleSlope"), numbers(place, "RescaleIntercept")
    if not slope or not intercept or slope[0] == 0:
        return Rescale()
    return Rescale(slope[0], intercept[0])


def _table(item: Dataset, dataset: Dataset, signed: bool, colour: str = "") -> Table:
    """Read a look-up table (PS3.3 C.11.1.1.1, and C.7.6.3.1.5 for a palette's colour)."""
    prefix = f"{colour}PaletteColorLookupTable" if colour else "LUT"
    count, first, bits = (int(value) for value in item[f"{prefix}Descriptor"].value)
    count = count or 2**16
    data = item[f"{prefix}Data"].value
    if isinstance(data, bytes):
        # Entries of 8 bits may lie in cells of 16; the length tells (C.7.6.3.1.6).
        wide = "<u2" if dataset.original_encoding[1] else ">u2"
        entries = np.frombuffer(data, wide if len(data) >= 2 * count else np.uint8)[:count]
    else:
        entries = np.atleast_1d(np.array(data, np.int64))[:count]
    if len(entries) < count or not 1 <= bits <= 16:
        raise ValueError("a look-up table is shorter than its descriptor says")
    if signed and first >= 2**15:
        first -= 2**16
    return Table(first, entries.astype(np.int64).tobytes(), bits)


def _padding(dataset: Dataset, samples: Samples | None) -> tuple[int, int] | None:
    """Return the stored values that stand for "no pixel" (PS3.3 C.7.5.1.1.2)."""
    value = integer(dataset, "PixelPaddingValue")
    if value is None or samples is None:
        return None
    limit = integer(dataset, "PixelPaddingRangeLimit", value)
    assert limit is not None
    # Some writers give the bits of a negative number as if they were unsigned.
    folded = [
        each - 2**samples.allocated
        if samples.signed and each >= 2 ** (samples.allocated - 1)
        else each
        for each in (value, limit)
    ]
    return min(folded), max(folded)


def _views(
    path: Path, dataset: Dataset, number: int, samples: Samples | None, modality: Modality
) -> Iterator[tuple[str, VOI]]:
    """Yield the views of a frame with their names: VOI LUTs, then windows (PS3.3 C.11.2)."""
    low = modality.look_up(np.array(samples.limits if samples else (0, 0), np.float64)).min()
    for item in dataset.get("VOILUTSequence") or []:
        yield text(item, "LUTExplanation"), _table(item, dataset, bool(low < 0))
    place = holder(dataset, number, "WindowCenter")
    centers, widths = numbers(place, "WindowCenter"), numbers(place, "WindowWidth")
    names = place.get("WindowCenterWidthExplanation") or []
    names = [names] if isinstance(names, str) else list(names)
    function = _function(dataset, number)
    for center, width, name in zip_longest(centers, widths, names):
        if center is None or width is None or width <= 0:
            continue
        if function is None:
            stated = "states a VOI LUT function that the standard doesn't know"
            raise ImageError(path, f"{stated}; give the window yourself, as --window 40,400")
        yield str(name or "").strip(), Window(center, width, function)


def _function(dataset: Dataset, number: int) -> str | None:
    """Return the VOI LUT function, LINEAR where none is stated, None where it is unknown."""
    stated = text(holder(dataset, number, "VOILUTFunction"), "VOILUTFunction").upper()
    if not stated:
        return windows.LINEAR
    return stated if stated in _FUNCTIONS else None


def _named(path: Path, dataset: Dataset, wanted: str, listed: Iterable[tuple[str, VOI]]) -> VOI:
    """Find a window by its name in the file, or among the customary ones for CT."""
    views = list(listed)
    key = wanted.strip().casefold()
    for name, view in views:
        if name.casefold() == key:
            return view
    customary = windows.CT_WINDOWS if text(dataset, "Modality") == "CT" else {}
    if key in customary:
        return Window(*customary[key])
    names = ", ".join([name for name, _ in views if name] + sorted(customary)) or "none"
    ways = "first, full, percentile, or centre and width as 40,400"
    raise ImageError(path, f"has no window named {wanted!r}; it has: {names}; or choose {ways}")


def _colour(path: Path, header: Header, found: Layout, number: int) -> Pixels:
    """Return RGB, or gray where all three channels are equal."""
    array, photometric = decoded_frame(path, header, found, number, raw=False)
    if photometric == "PALETTE COLOR" and found.samples is not None:
        return gray_where_equal(_painted(array, header, found.samples))
    if photometric != "RGB" or found.samples is None or array.ndim != 3:
        known = ", ".join((*_GRAY, "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"))
        reason = f"has the photometric interpretation {photometric[:16] or 'none'!r}"
        raise ImageError(path, f"{reason}; firstread reads {known}; {REMOVE}")
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
    tables = [_table(dataset, dataset, samples.signed, name) for name in ("Red", "Green", "Blue")]
    colours = [table(values.astype(np.float64)) for table in tables]
    return windows.quantised(np.stack(colours, axis=-1), deep=tables[0].bits > 8)
