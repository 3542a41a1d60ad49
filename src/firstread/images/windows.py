"""Stored values to gray, in the order of the standard.

PS3.4 N.2 draws the sequence: modality LUT or rescale, VOI LUT or window, presentation LUT. All of
it depends on one stored value at a time, so for up to 16 bits it is done once for every value that
the bits can hold, and an image is then one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"

# Customary windows for CT: centre and width in Hounsfield units.
CT_WINDOWS = {
    "lung": (-600.0, 1500.0),
    "mediastinum": (50.0, 350.0),
    "abdomen": (50.0, 400.0),
    "liver": (30.0, 150.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "subdural": (75.0, 215.0),
}


@dataclass(frozen=True)
class Window:
    """A centre and a width, and the function that they belong to (PS3.3 C.11.2.1.2).

    Parameters
    ----------
    center, width
        In the units that come out of the modality step.
    function
        `LINEAR`, `LINEAR_EXACT` or `SIGMOID`.
    """

    center: float
    width: float
    function: str = LINEAR

    def __call__(self, values: Values) -> Values:
        """Return gray from 0 to 1, in the shape of the values."""
        if self.function == SIGMOID:  # C.11.2.1.3.1
            # Beyond 700 the exponential overflows and the result has long been 0 or 1.
            power = np.clip(-4 * (values - self.center) / self.width, -700, 700)
            gray: Values = 1 / (1 + np.exp(power))
            return gray
        if self.function == LINEAR_EXACT or self.width < 1:  # C.11.2.1.3.2
            return np.clip((values - self.center) / self.width + 0.5, 0, 1)
        if self.width == 1:  # LINEAR with nothing between black and white.
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)


@dataclass(frozen=True)
class Range:
    """Straight from the least to the greatest value; a single value becomes black."""

    low: float
    high: float

    def __call__(self, values: Values) -> Values:
        """Return gray from 0 to 1, in the shape of the values."""
        span = self.high - self.low
        return np.clip((values - self.low) / (span if span > 0 else 1.0), 0, 1)


@dataclass(frozen=True)
class Table:
    """A look-up table: the modality LUT or a VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1).

    Parameters
    ----------
    first
        The value that maps to the first entry; smaller ones do too, and those beyond the last
        entry map to the last.
    entries
        The table, as int64 bytes, so that the record can be hashed.
    bits
        Bits of an entry.
    """

    first: int
    entries: bytes
    bits: int

    def look_up(self, values: Values) -> Values:
        """Return the entries for some values."""
        table = np.frombuffer(self.entries, np.int64).astype(np.float64)
        place = np.clip(np.floor(values) - self.first, 0, len(table) - 1)
        found: Values = table[place.astype(np.int64)]
        return found

    def __call__(self, values: Values) -> Values:
        """Return gray from 0 to 1, as a VOI LUT gives it."""
        gray: Values = np.clip(self.look_up(values) / (2**self.bits - 1), 0, 1)
        return gray


@dataclass(frozen=True)
class Rescale:
    """Slope and intercept of the modality step (PS3.3 C.11.1.1.2)."""

    slope: float = 1.0
    intercept: float = 0.0

    def look_up(self, values: Values) -> Values:
        """Return the values in the units of the image, Hounsfield units for CT."""
        return values * self.slope + self.intercept


Modality = Table | Rescale
VOI = Window | Range | Table


@dataclass(frozen=True)
class Samples:
    """How a sample lies in its cell (PS3.5 8.1.1).

    Parameters
    ----------
    allocated
        Bits of the cell.
    stored
        Bits of the sample.
    high
        Place of the sample's highest bit.
    signed
        Whether it is in two's complement.
    """

    allocated: int
    stored: int
    high: int
    signed: bool

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest value."""
        if self.signed:
            return -(2 ** (self.stored - 1)), 2 ** (self.stored - 1) - 1
        return 0, 2**self.stored - 1

    def values(self, cells: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the samples in some cells, without what else lies there (overlays of old)."""
        moved = cells.astype(np.int64) >> (self.high + 1 - self.stored)
        samples: npt.NDArray[np.int64] = moved & (2**self.stored - 1)
        if self.signed:
            samples = np.where(samples >> (self.stored - 1), samples - 2**self.stored, samples)
        return samples


@dataclass(frozen=True)
class Pipeline:
    """Everything that turns a stored value into gray.

    Parameters
    ----------
    modality
        To the units of the image.
    voi
        Values of interest to gray.
    inverted
        Whether small values are white: the presentation LUT shape INVERSE or, where no shape is
        stated, MONOCHROME1. The inversion comes after the VOI step (PS3.3 C.7.6.3.1.2).
    padding
        The least and greatest stored value that stand for "no pixel" (PS3.3 C.7.5.1.1.2); they
        become black whatever else is done.
    """

    modality: Modality
    voi: VOI
    inverted: bool = False
    padding: tuple[int, int] | None = None

    def gray(self, stored: npt.NDArray[np.integer] | npt.NDArray[np.floating]) -> Values:
        """Return gray from 0 to 1 for stored values, in their shape."""
        gray = self.voi(self.modality.look_up(stored.astype(np.float64)))
        if self.inverted:
            gray = 1 - gray
        if self.padding is not None:
            low, high = self.padding
            gray[(stored >= low) & (stored <= high)] = 0
        return gray


@lru_cache(maxsize=32)
def table(pipeline: Pipeline, samples: Samples) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return the gray of every cell: uint8 for up to 8 stored bits, otherwise uint16.

    Slices of a series share one table, which is why the last few are kept.
    """
    cells = np.arange(2**samples.allocated, dtype=np.uint32)
    table_ = quantised(pipeline.gray(samples.values(cells)), deep=samples.stored > 8)
    table_.flags.writeable = False
    return table_


def quantised(gray: Values, deep: bool) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return gray from 0 to 1 as integers over the whole range of 16 bits, or of 8."""
    if deep:
        return np.rint(gray * 65535).astype(np.uint16)
    return np.rint(gray * 255).astype(np.uint8)
