"""Pixels against dcmtk's rendering, for every file that pydicom ships for its tests.

Equal is: within one gray level at 8 bits. Where the two differ by more, the reason stands here, and
the test checks that the difference is what the reason says.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest

from firstread.errors import ImageError
from firstread.images import Display, dicom, frames, read
from firstread.images.headers import opened

TOOLS = ("dcm2pnm", "dcmj2pnm", "dcml2pnm")

SHIPPED = Path(pydicom.__file__).parent / "data"
MORE = find_spec("data_store")  # The larger ones are in a package of their own, pydicom-data.
ROOTS = [SHIPPED, *([Path(str(MORE.origin)).parent / "data"] if MORE else [])]
NO_DICOM = {".py", ".pyc", ".txt", ".md", ".gz", ".json", ".dump", ".icc"}
FILES = {
    f"{path.parent.name}/{path.name}" if path.parent.parent.name == "98892001" else path.name: path
    for root in ROOTS
    for path in sorted(root.rglob("*"))
    # TINY_ALPHA holds fifty objects of 700 bytes without pixels.
    if path.is_file() and path.suffix not in NO_DICOM and "TINY_ALPHA" not in path.parts
}

# ITU-T T.81 leaves the inverse cosine transform (A.3.3: any that meets T.83) and the interpolation
# of halved chroma to the decoder, so two decoders may differ by a few levels in a few pixels.
LOSSY_JPEG = {
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "examples_ybr_color.dcm",
    "color3d_jpeg_baseline.dcm",
    "JPGExtended.dcm",
}
# Debian's dcmtk has no JPEG 2000: these are held against the same pixels uncompressed, as dcmtk
# renders them. (Of 693 only the reversible one has such a twin.)
TWINS = {
    "693_J2KR.dcm": "693_UNCR.dcm",
    "MR2_J2KI.dcm": "MR2_UNCI.dcm",
    "MR2_J2KR.dcm": "MR2_UNCR.dcm",
    "RG1_J2KI.dcm": "RG1_UNCI.dcm",
    "RG1_J2KR.dcm": "RG1_UNCR.dcm",
    "RG3_J2KI.dcm": "RG3_UNCI.dcm",
    "RG3_J2KR.dcm": "RG3_UNCR.dcm",
    "US1_J2KI.dcm": "US1_UNCI.dcm",
    "US1_J2KR.dcm": "US1_UNCR.dcm",
    "JPEG2000.dcm": "JPEG2000_UNC.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
    "emri_small_jpeg_2k_lossless.dcm": "emri_small.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "emri_small.dcm",  # Only its last item is cut off.
    "SC_rgb_gdcm_KY.dcm": "SC_rgb_gdcm2k_uncompressed.dcm",
    # dcmtk refuses 32 bits of colour, which PS3.3 C.7.6.3.1.2 doesn't forbid; the same picture.
    "SC_rgb_32bit.dcm": "SC_rgb_16bit.dcm",
    "SC_rgb_32bit_2frame.dcm": "SC_rgb_16bit_2frame.dcm",
    "SC_rgb_expb_32bit.dcm": "SC_rgb_16bit.dcm",
    "SC_rgb_expb_32bit_2frame.dcm": "SC_rgb_16bit_2frame.dcm",
    # dcmtk 3.6 swaps the bytes of 16-bit words only, where each 32-bit cell is big-endian
    # (PS3.5 7.3); the little-endian twin holds the same doses.
    "rtdose_expb.dcm": "rtdose.dcm",
    "rtdose_expb_1frame.dcm": "rtdose_1frame.dcm",
}
# Rendered by dcmtk in spite of what is wrong with them; firstread doesn't guess.
REFUSED = {
    "MR_truncated.dcm": "cut short",  # dcmtk fills up with zeros.
    "badVR.dcm": "breaks the DICOM standard",  # 1A frames: no integer string of PS3.5 6.2.
    "JPEG-lossy.dcm": "can't be decoded",  # Its scan ends at 0, where T.81 B.2.3 wants 63.
}
# JPEG 2000 without an uncompressed twin, or palettes that dcmtk refuses: held against pydicom.
ONLY_PYDICOM = {
    "693_J2KI.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "examples_jpeg2k.dcm",
    "explicit_VR-UN.dcm",
    "gdcm-US-ALOKA-16.dcm",
    "gdcm-US-ALOKA-16_big.dcm",
}
# These have tests of their own below.
APART = {"SC_ybr_full_uncompressed.dcm", "eCT_Supplemental.dcm", *ONLY_PYDICOM}


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the files are smaller than what firstread takes for a picture."""
    monkeypatch.setattr(frames, "MIN_SIDE", 1)


@pytest.fixture
def dcmtk() -> None:
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install dcmtk")


def view(dataset: pydicom.Dataset) -> list[str]:
    """The options that ask dcmtk for the view that firstread shows by default."""
    gray = str(dataset.get("PhotometricInterpretation", "")).startswith("MONOCHROME")
    if dataset.get("VOILUTSequence"):
        return ["+Wl", "1"]
    if not gray:
        return []
    if dataset.get("WindowCenter") is not None:
        return ["+Wi", "1"]
    # Of 1 bit dcmtk makes black and middle gray, if not told that 1 is the greatest value.
    bits = dataset.get("BitsStored") or 0
    return ["+Wm"] if bits > 8 or bits == 1 else []


def rendered(path: Path, frame: int, options: list[str], out: Path) -> np.ndarray | None:
    """What dcmtk makes of a frame, without overlays and scaling, 0 to 255; None where it can't."""
    out.unlink(missing_ok=True)
    for tool in TOOLS:
        command = [tool, "-O", "-S", "+F", str(frame), *options, str(path), str(out)]
        subprocess.run(command, capture_output=True, timeout=60, check=False)
        if out.exists() and out.stat().st_size:
            return np.asarray(PIL.Image.open(out)).astype(float)
    return None


def levels(path: Path, frame: int) -> np.ndarray:
    return np.rint(read(f"{path}#frame={frame}").as_float() * 255)


def difference(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    if ours.ndim < theirs.ndim:  # Colour with three equal channels is gray to firstread.
        ours = np.dstack([ours] * 3)
    return np.abs(ours - theirs)


def frames_to_compare(dataset: pydicom.Dataset) -> list[int]:
    count = str(dataset.get("NumberOfFrames") or 1)
    return sorted({1, int(count)}) if count.isdigit() else [1]


@pytest.mark.parametrize("name", [name for name in FILES if name not in APART])
def test_equal_to_dcmtk(dcmtk: None, tmp_path: Path, name: str) -> None:
    path = FILES[name]
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    if name in REFUSED:
        with pytest.raises(ImageError, match=REFUSED[name]):
            read(f"{path}#frame=1")
        return
    twin = FILES.get(TWINS.get(name, name))
    if twin is None:
        pytest.skip("its uncompressed twin is in pydicom-data, which is not installed")
    options = view(pydicom.dcmread(twin, force=True, stop_before_pixels=True))
    for frame in frames_to_compare(dataset):
        theirs = rendered(twin, frame, options, tmp_path / "out.ppm")
        if theirs is None:
            with pytest.raises(ImageError):
                read(f"{path}#frame={frame}")
            return
        apart = difference(levels(path, frame), theirs)
        if name in LOSSY_JPEG:
            assert apart.max() <= 6
            assert (apart > 1).mean() < 0.05
        else:
            assert apart.max() <= 1


def test_the_equations_of_ybr_full_where_dcmtk_rounds_otherwise(
    dcmtk: None, tmp_path: Path
) -> None:
    """dcmtk is up to two levels from PS3.3 C.7.6.3.1.2, firstread within half of one."""
    path = FILES.get("SC_ybr_full_uncompressed.dcm")
    if path is None:
        pytest.skip("pydicom-data is not installed")
    raw = pydicom.dcmread(path).PixelData[: 100 * 100 * 3]
    y, b, r = np.moveaxis(np.frombuffer(raw, np.uint8).reshape(100, 100, 3), -1, 0).astype(float)
    b, r = b - 128, r - 128
    green = (y - 0.299 * (y + 1.402 * r) - 0.114 * (y + 1.772 * b)) / 0.587
    exact = np.dstack([y + 1.402 * r, green, y + 1.772 * b]).clip(0, 255)
    theirs = rendered(path, 1, [], tmp_path / "out.ppm")
    assert theirs is not None
    assert difference(levels(path, 1), exact).max() < 0.51
    assert 1 < difference(exact, theirs).max() < 2


def test_the_window_of_an_enhanced_frame_which_dcmtk_doesnt_look_for(
    dcmtk: None, tmp_path: Path
) -> None:
    """dcmtk looks for windows at the top alone; PS3.3 C.7.6.16.2.10 puts them in the frame."""
    path = FILES.get("eCT_Supplemental.dcm")
    if path is None:
        pytest.skip("pydicom-data is not installed")
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    voi = dataset.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    options = ["+Ww", str(voi.WindowCenter), str(voi.WindowWidth)]
    for frame in (1, 2):
        theirs = rendered(path, frame, options, tmp_path / "out.ppm")
        assert theirs is not None
        assert difference(levels(path, frame), theirs).max() <= 1


@pytest.mark.parametrize("name", sorted(ONLY_PYDICOM))
def test_stored_values_equal_pydicom_s(name: str) -> None:
    path = FILES.get(name)
    if path is None:
        pytest.skip("pydicom-data is not installed")
    dataset = pydicom.dcmread(path)
    expected: Any = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        # Both have segmented tables (PS3.3 C.7.9.2).
        expected = pydicom.pixels.apply_color_lut(expected, dataset)
        np.testing.assert_array_equal(read(path).pixels, expected)
        return
    if expected.ndim == 3:
        np.testing.assert_array_equal(read(path).pixels, expected)
        return
    with opened(path) as header:
        found = frames.layout(path, header)
        cells = frames.cells(path, header, found, 1)
        samples = dicom.in_cells(cells, found.samples, header)
        np.testing.assert_array_equal(samples.values(cells), expected)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["", "IDENTITY", "INVERSE"])
@pytest.mark.parametrize("function", ["", "LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_and_inversion_as_dcmtk_renders_them(
    dcmtk: None, tmp_path: Path, write_dicom: Any, photometric: str, shape: str, function: str
) -> None:
    values = np.random.default_rng(0).integers(-1000, 1000, (40, 40)).astype(np.int16)
    elements = {"PresentationLUTShape": shape} if shape else {}
    elements |= {"VOILUTFunction": function} if function else {}
    path = write_dicom(
        values,
        PhotometricInterpretation=photometric,
        RescaleSlope="2",
        RescaleIntercept="-300",
        WindowCenter="100",
        WindowWidth="1200",
        **elements,
    )
    options = ["+Wi", "1", *(["+Wfs"] if function == "SIGMOID" else [])]
    theirs = rendered(path, 1, options, tmp_path / "out.ppm")
    assert theirs is not None
    assert difference(levels(path, 1), theirs).max() <= 1


@pytest.mark.parametrize("window", ["40,400", "percentile"])
def test_windows_of_the_user(dcmtk: None, tmp_path: Path, window: str) -> None:
    path = FILES["CT_small.dcm"]
    options = {"40,400": ["+Ww", "40", "400"], "percentile": ["+Wm"]}[window]
    theirs = rendered(path, 1, options, tmp_path / "out.ppm")
    assert theirs is not None
    ours = np.rint(read(path, Display(window)).as_float() * 255)
    if window == "40,400":
        assert difference(ours, theirs).max() <= 1
    else:  # The middle 98 % of the pixels get all of the gray.
        assert ours.std() > theirs.std()
