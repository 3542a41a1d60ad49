"""The one way to read an image: by what the file holds, whatever it is called."""

from __future__ import annotations

from pathlib import Path

from firstread.errors import ImageError
from firstread.images import dicom, nifti, raster
from firstread.images.display import Display
from firstread.images.image import Image
from firstread.images.kinds import kind_of
from firstread.images.parts import located

_READERS = {"dicom": dicom.read, "nifti": nifti.read}


def read(path: str | Path, display: Display | None = None) -> Image:
    """Read one image as it should be displayed.

    PNG, JPEG, TIFF and BMP as `raster.read` says; DICOM as `dicom.read` and NIfTI as `nifti.read`
    do. Of a file with several images, `FILE#frame=n` or `FILE#slice=n` is the n-th.

    Parameters
    ----------
    path
        A file of 16 to 8,000 pixels a side, or one image in it.
    display
        For DICOM and NIfTI: the window, and the millimetres a pixel.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, not an image, of several images, out of the size
        limits, holds values that are not numbers, or lacks the window or spacing asked for.

    Examples
    --------
    >>> import numpy, PIL.Image, tempfile
    >>> file = tempfile.mkdtemp() + "/film.png"
    >>> PIL.Image.fromarray(numpy.full((40, 30), 128, numpy.uint8)).save(file)
    >>> read(file).shape
    (40, 30)
    """
    path, display = Path(path), display or Display()
    file, number = located(path)
    reader = _READERS.get(kind_of(file) or "")
    if reader is None and number is not None and file.exists():
        raise ImageError(path, f"{file.name} holds one image; name it without #")
    try:
        image = reader(file, display, number) if reader else raster.read(file)
    except ImageError as error:
        raise ImageError(path, error.reason) from None
    return image if display.spacing is None else _resampled(path, image, display.spacing)


def _resampled(path: Path, image: Image, spacing: float) -> Image:
    if image.spacing is None:
        reason = "says nothing of its pixels' size in millimetres; leave --spacing out"
        raise ImageError(path, reason)
    sides = [side * mm / spacing for side, mm in zip(image.shape, image.spacing, strict=True)]
    if not all(1 <= side <= raster.MAX_SIDE for side in sides):
        size = " x ".join(f"{side:.0f}" for side in reversed(sides))
        reason = f"would be {size} px at {spacing} mm a pixel; choose another --spacing"
        raise ImageError(path, reason)
    return image.resampled(spacing)
