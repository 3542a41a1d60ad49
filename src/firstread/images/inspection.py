"""All that firstread reads from one file, for a person to check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from pydicom import Dataset

from firstread.errors import ImageError
from firstread.images import dicom, frames, nifti, raster, views
from firstread.images.display import Display
from firstread.images.frames import Layout
from firstread.images.headers import Header, opened, text
from firstread.images.image import Image
from firstread.images.kinds import kind_of
from firstread.images.parts import located
from firstread.images.reading import read
from firstread.images.spacing import spacing
from firstread.images.windows import VOI, Modality, Pipeline, Range, Rescale, Samples, Table, Window

IDENTIFIERS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
)
"""What names a patient, and firstread uses or could meet; masked unless asked for."""

MASKED = "(there, masked)"

_PLAIN = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "PatientSex",
    "PatientAge",
    "Manufacturer",
    "ManufacturerModelName",
)

Row = tuple[str, str]


@dataclass(frozen=True)
class Inspection:
    """What is in a file, before and after it is made an image.

    Parameters
    ----------
    rows
        What is known of it: names and values, in the order in which they matter.
    stored
        Its values as stored, shape (H, W) or (H, W, 3).
    image
        What a network gets to see.
    """

    rows: tuple[Row, ...] = field(repr=False)
    stored: npt.NDArray[Any]
    image: Image


def inspect(
    path: str | Path, display: Display | None = None, *, identifiers: bool = False
) -> Inspection:
    """Read a file as `read` does, and tell all that was read.

    Parameters
    ----------
    path
        An image file of any kind, or one image in it.
    display
        As of `read`.
    identifiers
        Show values that name a patient, instead of masking them.

    Raises
    ------
    ImageError
        As of `read`.
    """
    path, display = Path(path), display or Display()
    file, number = located(path)
    image = read(path, display)
    kind = kind_of(file)
    if kind == "dicom":
        with opened(file) as header:
            rows, stored = _of_dicom(file, header, number, display, identifiers)
    elif kind == "nifti":
        rows, stored = _of_nifti(file, number, display)
    else:
        rows, stored = _of_raster(file)
    return Inspection((*rows, *_result(image)), stored, image)


def _result(image: Image) -> Iterator[Row]:
    height, width = image.shape
    kind = "gray" if image.gray else "colour"
    yield "shown as", f"{width} x {height} px, {kind}, {image.pixels.dtype.itemsize * 8} bits"
    top = np.iinfo(image.pixels.dtype).max
    black, white = (float((image.pixels == end).mean()) for end in (0, top))
    yield "black and white", f"{black:.1%} of the pixels are black, {white:.1%} white"


def _of_dicom(
    path: Path, header: Header, number: int | None, display: Display, identifiers: bool
) -> tuple[list[Row], npt.NDArray[Any]]:
    dataset, found = header.dataset, frames.layout(path, header)
    frame = dicom.frame_number(path, found, number)
    rows = [
        ("kind", f"DICOM, {getattr(dataset.get('SOPClassUID'), 'name', 'of no stated class')}"),
        ("transfer syntax", header.syntax.name),
        *((_spaced(name), value) for name in _PLAIN if (value := text(dataset, name))),
        *_identifiers(dataset, identifiers),
        ("size", f"{found.columns} x {found.rows} px"),
        ("frame", f"{frame} of {found.count}"),
        ("spacing", _spacing(spacing(dataset, frame))),
        ("photometric interpretation", found.photometric or "none stated"),
        ("samples", _samples(found)),
    ]
    if found.photometric not in dicom.GRAY:
        return rows, dicom.colour(path, header, found, frame)
    gray = dicom.gray(path, header, found, frame, display)
    stored = gray.stored
    rows += [
        ("stored values", _ends(stored)),
        *_steps(path, dataset, frame, gray.pipeline, found.samples, stored),
    ]
    return rows, stored


def _identifiers(dataset: Dataset, shown: bool) -> Iterator[Row]:
    for name in IDENTIFIERS:
        value = text(dataset, name)
        if value:
            yield _spaced(name), value if shown else MASKED


def _steps(
    path: Path,
    dataset: Dataset,
    frame: int,
    pipeline: Pipeline,
    samples: Samples | None,
    stored: npt.NDArray[Any],
) -> Iterator[Row]:
    """Tell the steps of the pipeline in the order in which they are taken."""
    yield "1 modality", _modality(pipeline.modality)
    yield "  then values", _ends(pipeline.modality.look_up(stored.astype(np.float64)))
    try:
        listed = list(views.views(path, dataset, frame, samples, pipeline.modality))
    except ImageError as error:
        yield "  windows in the file", error.reason
        listed = []
    for place, (name, view) in enumerate(listed, start=1):
        yield f"  window {place} of the file", f"{_voi(view)}{f', named {name}' if name else ''}"
    yield "2 window", _voi(pipeline.voi)
    shape = text(dataset, "PresentationLUTShape") or "no presentation LUT shape"
    yield "3 inversion", f"{'yes' if pipeline.inverted else 'no'} ({shape})"
    if pipeline.padding is None:
        yield "4 padding", "none stated"
        return
    low, high = pipeline.padding
    share = float(((stored >= low) & (stored <= high)).mean())
    yield "4 padding", f"stored values {low} to {high} are black: {share:.1%} of the pixels"


def _of_nifti(
    path: Path, number: int | None, display: Display
) -> tuple[list[Row], npt.NDArray[Any]]:
    volume = nifti.volume(path)
    x, y, z = volume.stored.shape
    plane, pipeline = nifti.plane(path, volume, number, display)
    named = volume.calibrated
    rows = [
        ("kind", "NIfTI"),
        ("size", f"{x} x {y} px in {z} slices from the feet to the head"),
        ("slice", f"{number or 1} of {z}"),
        ("spacing", " x ".join(f"{side:.4g}" for side in volume.spacing) + " mm"),
        ("samples", volume.stored.dtype.name),
        ("stored values", _ends(plane)),
        ("1 rescale", _modality(volume.rescale)),
        ("  then values", f"{_ends(volume.ends)} in the whole volume"),
        ("  range in the file", _voi(Range(*named)) if named else "none"),
        ("2 window", _voi(pipeline.voi)),
    ]
    return rows, plane


def _of_raster(path: Path) -> tuple[list[Row], npt.NDArray[Any]]:
    with PIL.Image.open(path, formats=raster.FORMATS) as picture:
        rows = [
            ("kind", f"{picture.format} image"),
            ("size", f"{picture.width} x {picture.height} px"),
            ("samples", f"Pillow's mode {picture.mode}"),
        ]
        plain = picture.mode in ("1", "L", "RGB", "F") or picture.mode.startswith("I")
        stored = np.asarray(picture) if plain else np.asarray(picture.convert("RGB"))
    return [*rows, ("stored values", _ends(stored))], stored


def _spaced(keyword: str) -> str:
    """Return a keyword's words, as `patient sex`; abbreviations stay."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in keyword).split()
    joined: list[str] = []
    for word in words:
        if joined and len(word) == 1 and joined[-1].isupper():
            joined[-1] += word
        else:
            joined.append(word)
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in joined)


def _spacing(spacing: tuple[float, float] | None) -> str:
    if spacing is None:
        return "not stated"
    return f"{spacing[0]:.4g} mm between rows, {spacing[1]:.4g} mm between columns"


def _samples(found: Layout) -> str:
    colours = f"{found.channels} a pixel, " if found.channels > 1 else ""
    if found.samples is None:
        return f"{colours}floating point"
    samples = found.samples
    sign = "signed" if samples.signed else "unsigned"
    return f"{colours}{samples.stored} of {samples.allocated} bits up to bit {samples.high}, {sign}"


def _modality(modality: Modality) -> str:
    if isinstance(modality, Table):
        return f"look-up table of {modality.bits} bits from value {modality.first}"
    if modality == Rescale():
        return "none: values stay as stored"
    sign = "-" if modality.intercept < 0 else "+"
    return f"value x {modality.slope:g} {sign} {abs(modality.intercept):g}"


def _voi(voi: VOI) -> str:
    if isinstance(voi, Window):
        return f"centre {voi.center:g}, width {voi.width:g}, {voi.function}"
    if isinstance(voi, Table):
        return f"look-up table of {voi.bits} bits from value {voi.first}"
    return f"from {voi.low:g} to {voi.high:g}"


def _ends(values: Iterable[float] | npt.NDArray[Any]) -> str:
    array = np.asarray(values)
    return f"{array.min():g} to {array.max():g}"
