"""The frames of a DICOM object: how many there are, what is known of each, and their samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, RLELossless

from firstread.errors import ImageError
from firstread.images.codecs import codec, codestream, plugin
from firstread.images.decoding import DecodingError, decode
from firstread.images.headers import NO_SYNTAX, Header, integer, text
from firstread.images.raster import MAX_SIDE, MIN_SIDE, REMOVE
from firstread.images.windows import Samples

MAX_FRAMES = 4096
"""Of one file; the longest clinical ones are CT volumes of some 2,000 slices."""

_CELLS = (1, 8, 16, 32)
_FLOATS = {"FloatPixelData": 4, "DoubleFloatPixelData": 8}
"""Bytes of a sample."""


@dataclass(frozen=True)
class Layout:
    """How the frames of a file lie, checked against the file's own length.

    Parameters
    ----------
    rows, columns
        Of a frame.
    channels
        Samples a pixel: 1 or 3.
    count
        Frames.
    samples
        How a sample lies in its cell; None for floating point.
    photometric
        Photometric interpretation (PS3.3 C.7.6.3.1.2).
    """

    rows: int
    columns: int
    channels: int
    count: int
    samples: Samples | None
    photometric: str


def layout(path: Path, header: Header) -> Layout:
    """Read how the frames lie, and refuse what can't be, before any memory is taken for it.

    Raises
    ------
    ImageError
        If there are no pixels, they are of a size, depth or number that firstread doesn't take,
        or the file is shorter than they need.
    """
    dataset = header.dataset
    if not header.keyword:
        raise ImageError(path, f"holds no pixel data{_object(dataset)}; {REMOVE}")
    rows, columns = (integer(dataset, keyword, 0) or 0 for keyword in ("Rows", "Columns"))
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (rows, columns)):
        limits = f"firstread takes {MIN_SIDE} to {MAX_SIDE:,} px a side"
        raise ImageError(path, f"is {columns} x {rows} px; {limits}; {REMOVE}")
    channels = integer(dataset, "SamplesPerPixel", 1) or 1
    if channels not in (1, 3):
        raise ImageError(path, f"has {channels} samples a pixel, where 1 or 3 are read; {REMOVE}")
    count = integer(dataset, "NumberOfFrames", 1) or 1
    if not 1 <= count <= MAX_FRAMES:
        limit = f"firstread takes 1 to {MAX_FRAMES:,}; save the frames you mean as another file"
        raise ImageError(path, f"has {count:,} frames; {limit}")
    found = Layout(
        rows,
        columns,
        channels,
        count,
        _samples(path, header),
        text(dataset, "PhotometricInterpretation"),
    )
    if not header.syntax.is_encapsulated:
        _check_length(path, header, found)
    return found


def _samples(path: Path, header: Header) -> Samples | None:
    dataset = header.dataset
    if header.keyword != "PixelData":
        return None
    allocated = integer(dataset, "BitsAllocated", 0) or 0
    stored = integer(dataset, "BitsStored", allocated) or 0
    high = integer(dataset, "HighBit", stored - 1)
    signed = integer(dataset, "PixelRepresentation", 0)
    if allocated not in _CELLS or high is None or not 0 < stored <= high + 1 <= allocated:
        bits = f"{stored} of {allocated} bits up to bit {high}"
        raise ImageError(path, f"says that its samples are {bits}, which can't be; {REMOVE}")
    return Samples(allocated, stored, high, signed == 1)


def _frame_bytes(header: Header, found: Layout) -> float:
    samples = found.samples
    bits = samples.allocated if samples is not None else 8 * _FLOATS[header.keyword]
    share = 2 / 3 if found.photometric == "YBR_FULL_422" else 1.0
    return found.rows * found.columns * found.channels * bits / 8 * share


def _check_length(path: Path, header: Header, found: Layout) -> None:
    """Compare what uncompressed pixels need with what there is (PS3.5 8.1.1)."""
    needed = int(-(-_frame_bytes(header, found) * found.count // 1))
    left = max(0, header.size - header.start)
    if header.length is None:
        raise ImageError(path, f"gives no length for uncompressed pixel data; {REMOVE}")
    if header.length > left + 1:
        lengths = f"says that {header.length:,} bytes of pixel data follow, and {left:,} do"
        raise ImageError(path, f"is cut short or damaged: it {lengths}; {REMOVE}")
    if header.length < needed:
        lengths = f"needs {needed:,} bytes and has {header.length:,}"
        frames = f"{found.count} frames of " if found.count > 1 else ""
        size = f"{frames}{found.columns} x {found.rows} px"
        raise ImageError(path, f"is cut short or damaged: {size} {lengths}; {REMOVE}")


def _object(dataset: Dataset) -> str:
    """Name a kind of object that the standard knows; in a damaged file this may be anything."""
    kind = dataset.get("SOPClassUID")
    known = isinstance(kind, UID) and kind.type == "SOP Class"
    return f" (it is a {kind.name} object)" if known else ""


def described(dataset: Dataset, number: int) -> Iterator[Dataset]:
    """Yield the places where attributes of a frame may stand, the most special first.

    Enhanced objects keep them in functional groups, for each frame and shared by all (PS3.3
    C.7.6.16); the others at the top.

    Parameters
    ----------
    dataset
        The header.
    number
        The frame, from 1.
    """
    each, shared = (
        dataset.get(keyword) or []
        for keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
    )
    groups = [*each[number - 1 : number], *shared[:1]]
    for keyword in _MACROS:
        for group in groups:
            yield from (group.get(keyword) or [])[:1]
    yield dataset


# Functional group macros that firstread reads (PS3.3 C.7.6.16.2).
_MACROS = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
)


def holder(dataset: Dataset, number: int, keyword: str) -> Dataset:
    """Return where an attribute of a frame stands; the header itself where it stands nowhere."""
    for place in described(dataset, number):
        if place.get(keyword) not in (None, ""):
            return place
    return dataset


def cells(
    path: Path, header: Header, found: Layout, number: int
) -> npt.NDArray[np.unsignedinteger]:
    """Return the cells of one gray frame, unsigned, shape (rows, columns), as they lie.

    Uncompressed ones are a view of the file's bytes; nothing is taken out of them yet.
    """
    assert found.samples is not None
    allocated = found.samples.allocated
    if header.syntax.is_encapsulated or allocated == 1 or _swapped_bytes(header, allocated):
        decoded, _ = decoded_frame(path, header, found, number, raw=True)
        return decoded.view(f"u{decoded.dtype.itemsize}")
    size = int(_frame_bytes(header, found))
    start = header.start + (number - 1) * size
    data = header.data
    if data is None:
        header.source.seek(start)
        data, start = header.source.read(size), 0
    dtype = np.dtype(f"{'<' if header.syntax.is_little_endian else '>'}u{allocated // 8}")
    flat = np.frombuffer(data, dtype, found.rows * found.columns, start)
    return flat.reshape(found.rows, found.columns)


def _swapped_bytes(header: Header, allocated: int) -> bool:
    """Whether 8-bit cells lie in big-endian words (PS3.5 7.3)."""
    return allocated == 8 and not header.syntax.is_little_endian and header.vr == "OW"


def decoded_frame(
    path: Path, header: Header, found: Layout, number: int, *, raw: bool
) -> tuple[npt.NDArray[Any], str]:
    """Decode one frame with pydicom; return it with its photometric interpretation.

    Parameters
    ----------
    path, header, found
        The file and how its frames lie.
    number
        The frame, from 1.
    raw
        Leave colours as they are stored; otherwise YBR_FULL and YBR_FULL_422 become RGB.

    Returns
    -------
    array, photometric
        Shape (rows, columns) or (rows, columns, 3).
    """
    syntax = header.syntax
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ImageError(path, f"{NO_SYNTAX} ({syntax.name}); {REMOVE}") from None
    options = _options(header, found)
    if not syntax.is_encapsulated:
        header.source.seek(header.start)
        options["number_of_frames"] = found.count
        array, properties = decoder.as_array(header.source, index=number - 1, raw=raw, **options)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        return array, str(properties["photometric_interpretation"])
    bits = found.samples.stored if found.samples is not None else 0
    chosen = plugin(syntax, bits)
    if chosen is None:
        wanted = f"which needs another package: pip install {codec(syntax, bits).package}"
        raise ImageError(path, f"is compressed as {syntax.name}, {wanted}")
    frame = _encoded(path, header, found, number)
    options |= {"raw": raw, "decoding_plugin": chosen, "transfer_syntax_uid": str(syntax)}
    try:
        return decode(frame, options, found.rows * found.columns / 1e6)
    except DecodingError as error:
        reason = f"is damaged: frame {number} of {found.count} {error}"
        raise ImageError(path, f"{reason}; {REMOVE}") from None


def _options(header: Header, found: Layout) -> dict[str, Any]:
    """Return what pydicom's decoders need to know, as JSON can carry it."""
    options: dict[str, Any] = {
        "rows": found.rows,
        "columns": found.columns,
        "samples_per_pixel": found.channels,
        "photometric_interpretation": found.photometric,
        "pixel_keyword": header.keyword,
        "pixel_vr": header.vr,
    }
    if found.channels > 1:
        options["planar_configuration"] = integer(header.dataset, "PlanarConfiguration", 0)
    if found.samples is None:
        return options | {"bits_allocated": 8 * _FLOATS[header.keyword]}
    if header.syntax == RLELossless or not header.syntax.is_encapsulated:
        options["correct_unused_bits"] = False  # They are taken away with the highest bit in mind.
    return options | {
        "bits_allocated": found.samples.allocated,
        "bits_stored": found.samples.stored,
        "pixel_representation": int(found.samples.signed),
    }


def _encoded(path: Path, header: Header, found: Layout, number: int) -> bytes:
    """Return a compressed frame; refuse one that claims another size than its header."""
    dataset = header.dataset
    offsets = [dataset.get(f"ExtendedOffsetTable{part}") for part in ("", "Lengths")]
    header.source.seek(header.start)
    try:
        data = get_frame(
            header.source,
            number - 1,
            number_of_frames=found.count,
            extended_offsets=(offsets[0], offsets[1]) if all(offsets) else None,
        )
    except Exception:
        reason = f"is cut short or damaged: it has no frame {number} of {found.count}"
        raise ImageError(path, f"{reason}; {REMOVE}") from None
    if header.syntax == RLELossless:
        return data
    claimed = codestream(data, header.syntax)
    if claimed is None:
        raise ImageError(path, f"is damaged: frame {number} has no {header.syntax.name}; {REMOVE}")
    said = (found.rows, found.columns, found.channels)
    if (claimed.rows, claimed.columns, claimed.samples) != said:
        sizes = (
            f"frame {number} is {claimed.columns} x {claimed.rows} px of {claimed.samples} "
            f"samples, and its header says {found.columns} x {found.rows} of {found.channels}"
        )
        raise ImageError(path, f"is damaged: {sizes}; {REMOVE}")
    if claimed.excess:
        reason = f"frame {number} has {claimed.excess}, more than firstread decodes"
        raise ImageError(path, f"is damaged or forged: {reason}; {REMOVE}")
    return data
