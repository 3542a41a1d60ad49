"""Images to check an export on: the run's own where they are, and others made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from firstread.datasets.films import REGIONS, radiograph
from firstread.errors import ImageError
from firstread.images import Display, Image, located, read
from firstread.report.records import Records

IMAGES, SYNTHETIC_DICOM = 100, 10
_SHAPES = ((180, 150), (64, 64), (300, 90), (90, 260), (256, 256))


@dataclass(frozen=True)
class Sample:
    """One image to check on.

    Parameters
    ----------
    path
        The file.
    image
        As displayed, at its own size.
    kind
        `own`, `made`, or `made DICOM`.
    """

    path: Path
    image: Image
    kind: str

    @property
    def deep(self) -> bool:
        """Whether the image has 16 bits."""
        return self.image.pixels.dtype == np.uint16


def there(records: Records, part: str, most: int, seed: int = 0) -> list[Path]:
    """Return images of a part that are where they were, at most so many, in a fixed order.

    Parameters
    ----------
    records
        Of the run.
    part
        `train`, `val` or `test`; all of them where it is empty.
    most
        How many.
    seed
        Of which are taken.
    """
    cases = records.cases
    held = cases if not part else cases[cases["split"] == part]
    paths = held["path"].tolist()
    order = np.random.default_rng(seed).permutation(len(paths))
    found = (Path(paths[place]) for place in order)
    return [path for path, _ in zip(filter(_exists, found), range(most), strict=False)]


def opened(paths: Sequence[Path], display: Display, kind: str = "own") -> list[Sample]:
    """Read images; those that can't be read as the run reads them are passed over."""
    found = []
    for path in paths:
        try:
            found.append(Sample(path, read(path, display), kind))
        except ImageError:
            continue
    return found


def samples(records: Records, display: Display, folder: Path) -> tuple[list[Sample], bool, int]:
    """Gather images for a check: the run's own, filled up, and some DICOM files in any case.

    Parameters
    ----------
    records
        Of the run.
    display
        The window and spacing that the model sees images through.
    folder
        For the images that are made.

    Returns
    -------
    samples, deep, other
        Images of one depth; whether that is 16 bits, the more frequent one among the run's own;
        and how many of its images have the other.
    """
    own = opened(there(records, "", IMAGES), display)
    deep = 2 * sum(sample.deep for sample in own) > len(own)
    fitting = [sample for sample in own if sample.deep == deep]
    made = opened(_dicom(folder, deep), display, "made DICOM")
    missing = max(0, IMAGES - len(made) - len(fitting))
    # Pixels in millimetres are known of DICOM files alone.
    more = _pictures(folder, missing, deep) if display.spacing is None else []
    kept = [*fitting[: IMAGES - len(made)], *made, *opened(more, display, "made")]
    return kept, deep, len(own) - len(fitting)


def _exists(path: Path) -> bool:
    return located(path)[0].exists()


def _pictures(folder: Path, count: int, deep: bool) -> list[Path]:
    paths = []
    for number in range(count):
        film = _film(number)
        path = folder / f"{number:03d}.png"
        if deep:
            fine = film.astype(np.uint16) * 257 + np.arange(film.shape[1], dtype=np.uint16) % 256
            PIL.Image.fromarray(fine).save(path)
        elif number % 2:
            colours = np.stack([film, film[::-1], 255 - film], axis=-1)
            PIL.Image.fromarray(colours).save(path)
        else:
            PIL.Image.fromarray(film).save(path)
        paths.append(path)
    return paths


def _dicom(folder: Path, deep: bool) -> list[Path]:
    """Write CT-like slices, some with small values white."""
    paths = []
    for number in range(SYNTHETIC_DICOM):
        film = _film(1000 + number)
        stored = film.astype(np.uint16) * 16 if deep else film
        path = folder / f"{number:03d}.dcm"
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID, dataset.Modality = CTImageStorage, "CT"
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.Rows, dataset.Columns = stored.shape
        dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
        dataset.PhotometricInterpretation = "MONOCHROME1" if number % 2 else "MONOCHROME2"
        dataset.BitsAllocated = 16 if deep else 8
        dataset.BitsStored = 12 if deep else 8
        dataset.HighBit = dataset.BitsStored - 1
        dataset.RescaleSlope, dataset.RescaleIntercept = ("1", "-1024") if deep else ("1", "0")
        dataset.WindowCenter, dataset.WindowWidth = ("40", "2000") if deep else ("120", "200")
        dataset.PixelSpacing = [1.0, 1.0]
        data = stored.tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OW" if deep else "OB"
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        paths.append(path)
    return paths


def _film(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    return radiograph(REGIONS[number % 2], rng, _SHAPES[number % len(_SHAPES)])
