"""How many millimetres a pixel of a DICOM image is."""

from __future__ import annotations

from pydicom import Dataset

from firstread.images.frames import holder
from firstread.images.headers import integer, numbers

# PS3.3 C.8.5.5.1: a picture of tissue, and centimetres along both of its sides.
_PICTURE, _CENTIMETRES = 1, 3


def spacing(dataset: Dataset, number: int) -> tuple[float, float] | None:
    """Return millimetres between rows and between columns, where a frame's header says so.

    In the patient (PS3.3 10.7.1.3), else at the detector, else of the scanned film, else of the
    pictures of tissue in an ultrasound image.

    Parameters
    ----------
    dataset
        The header.
    number
        The frame, from 1.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = numbers(holder(dataset, number, keyword), keyword)
        if len(found) == 2 and min(found) > 0:
            return found[0], found[1]
    return _of_regions(dataset)


def _of_regions(dataset: Dataset) -> tuple[float, float] | None:
    """Return what an ultrasound image's regions say (PS3.3 C.8.5.5), where they agree.

    Curves and spectra beside the picture have other units, and no say. Regions that reach beyond
    the image are of one that was scaled or cut since, and say nothing of this one.
    """
    pictures = [
        region
        for region in dataset.get("SequenceOfUltrasoundRegions") or []
        if integer(region, "RegionSpatialFormat") == _PICTURE
        and integer(region, "PhysicalUnitsXDirection") == _CENTIMETRES
        and integer(region, "PhysicalUnitsYDirection") == _CENTIMETRES
    ]
    scales = {
        tuple(
            round(10 * abs(delta), 6) for name in "YX" for delta in numbers(region, _DELTA + name)
        )
        for region in pictures
    }
    if len(scales) != 1 or not all(_inside(region, dataset) for region in pictures):
        return None
    (scale,) = scales
    return (scale[0], scale[1]) if len(scale) == 2 and min(scale) > 0 else None


_DELTA = "PhysicalDelta"


def _inside(region: Dataset, image: Dataset) -> bool:
    ends = (("RegionLocationMaxX1", "Columns"), ("RegionLocationMaxY1", "Rows"))
    return all(
        (integer(region, end, 0) or 0) <= (integer(image, side, 0) or 0) for end, side in ends
    )
