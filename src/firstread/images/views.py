"""How the header of a DICOM image wants it seen: modality step, windows, padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from firstread.errors import ImageError
from firstread.images import windows
from firstread.images.display import FIRST, FULL, PERCENTILE, Display
from firstread.images.frames import holder
from firstread.images.headers import integer, numbers, text
from firstread.images.windows import VOI, Modality, Pipeline, Range, Rescale, Samples, Table, Window

PERCENTILES = (0.01, 0.99)

Occurring = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
"""Values, each once, and how often each occurs."""

_LONGEST_NAME = 64
"""Characters of a LO (PS3.5 6.2)."""

_FUNCTIONS = (windows.LINEAR, windows.LINEAR_EXACT, windows.SIGMOID)


def pipeline(
    path: Path,
    dataset: Dataset,
    number: int,
    samples: Samples | None,
    display: Display,
    present: Callable[[], Occurring],
) -> Pipeline:
    """Return how a frame's stored values become gray.

    Parameters
    ----------
    path
        The file, for messages.
    dataset, number
        Its header, and the frame from 1.
    samples
        How samples lie; None for floating point.
    display
        Which window to choose.
    present
        Gives the stored values in the frame; called only where the window depends on them.

    Raises
    ------
    ImageError
        If there is no such window.
    """
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
        listed = views(path, dataset, number, samples, modality)
        first = next((view for _, view in listed), None)
        return first or (spread(0, 1) if deep else whole())

    def middling() -> VOI:
        return spread(*PERCENTILES)

    def named() -> VOI:
        listed = views(path, dataset, number, samples, modality)
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
        return table(tables[0], dataset, signed)
    place = holder(dataset, number, "RescaleSlope")
    slope, intercept = numbers(place, "RescaleSlope"), numbers(place, "RescaleIntercept")
    if not slope or not intercept or slope[0] == 0:
        return Rescale()
    return Rescale(slope[0], intercept[0])


def table(item: Dataset, dataset: Dataset, signed: bool, colour: str = "") -> Table:
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


def views(
    path: Path, dataset: Dataset, number: int, samples: Samples | None, modality: Modality
) -> Iterator[tuple[str, VOI]]:
    """Yield the views of a frame with their names: VOI LUTs, then windows (PS3.3 C.11.2)."""
    low = modality.look_up(np.array(samples.limits if samples else (0, 0), np.float64)).min()
    for item in dataset.get("VOILUTSequence") or []:
        yield text(item, "LUTExplanation"), table(item, dataset, bool(low < 0))
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
    # Longer than the standard lets them be, they are something else in a damaged file.
    stated = [name for name, _ in views if 0 < len(name) <= _LONGEST_NAME and name.isprintable()]
    names = ", ".join(stated + sorted(customary)) or "none"
    ways = "first, full, percentile, or centre and width as 40,400"
    raise ImageError(path, f"has no window named {wanted!r}; it has: {names}; or choose {ways}")
