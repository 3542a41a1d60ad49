"""The printed page reads files as firstread does, or says that it doesn't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pydicom.data import get_testdata_file

from firstread.images import Display, read
from firstread.outlets.export import standalone

NAMES = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb.dcm",
    "JPEG2000.dcm",
    "693_J2KI.dcm",
    "MR_small_padded.dcm",
    "ExplVR_BigEnd.dcm",
]


def shown(path: Path, window: str, spacing: float | None = None) -> np.ndarray:
    return np.atleast_3d(standalone.read_dicom(path, window, spacing))


@pytest.mark.parametrize("window", ["first", "full", "percentile", "40,400"])
@pytest.mark.parametrize("name", NAMES)
def test_pydicoms_own_files(name: str, window: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    ours = np.atleast_3d(read(path, Display(window)).pixels)
    theirs = shown(path, window)
    assert theirs.dtype == ours.dtype
    assert np.abs(theirs.astype(int) - ours.astype(int)).max() <= 1


def test_inversion_padding_and_millimetres(write_dicom: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4096, (60, 50)).astype(np.uint16)
    pixels[:5] = 7
    path = write_dicom(
        pixels,
        BitsStored=12,
        HighBit=11,
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=7,
        PixelSpacing=[0.5, 0.7],
        RescaleSlope="2",
        RescaleIntercept="-1000",
    )
    for window in ("first", "40,2000"):
        ours = np.atleast_3d(read(path, Display(window, 1.0)).pixels)
        theirs = shown(path, window, 1.0)
        assert theirs.shape == ours.shape == (30, 35, 1)
        assert np.abs(theirs.astype(int) - ours.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", "png"),
        ("RGB", "jpg"),
        ("P", "png"),
        ("RGBA", "png"),
        ("LA", "png"),
        ("1", "png"),
        ("I;16", "png"),
        ("F", "tif"),
        ("CMYK", "tif"),
    ],
)
def test_pictures_of_every_mode(tmp_path: Path, mode: str, suffix: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / f"film.{suffix}"
    if mode == "I;16":
        picture = PIL.Image.fromarray(rng.integers(200, 4000, (40, 30)).astype(np.uint16))
    elif mode == "F":
        picture = PIL.Image.fromarray(rng.normal(size=(40, 30)).astype(np.float32))
    else:
        picture = PIL.Image.fromarray(rng.integers(0, 256, (40, 30, 4)).astype(np.uint8), "RGBA")
        picture = (
            picture.convert("RGB").convert(mode)
            if mode in ("P", "1", "CMYK")
            else (picture.convert(mode))
        )
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    picture.save(path, **({"exif": exif} if suffix == "jpg" else {}))
    ours = np.atleast_3d(read(path).pixels)
    theirs = np.atleast_3d(standalone.read_picture(path))
    assert theirs.dtype == ours.dtype
    # Equal channels or one: the graph makes the same of both.
    np.testing.assert_array_equal(theirs - ours, np.zeros_like(theirs))


def test_what_the_page_can_not_read_it_refuses(write_dicom: Callable[..., Path]) -> None:
    films = np.zeros((3, 20, 20), np.uint8)
    with pytest.raises(ValueError, match="this page reads one frame"):
        shown(write_dicom(films), "first")
    sigmoid = {"WindowCenter": "40", "WindowWidth": "400", "VOILUTFunction": "SIGMOID"}
    with pytest.raises(ValueError, match="this page knows linear windows"):
        shown(write_dicom(films[0], **sigmoid), "first")
    with pytest.raises(ValueError, match="this page doesn't know the window lung"):
        shown(write_dicom(films[0]), "lung")
