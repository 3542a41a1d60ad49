from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from firstread.errors import ImageError, UsageError
from firstread.images import Display, read

Write = Callable[..., Path]

RNG = np.random.default_rng(0)
HOUNSFIELD = RNG.integers(-1000, 2000, (80, 70)).astype(np.int16)
CT = {"RescaleSlope": 1, "RescaleIntercept": 0, "WindowCenter": 40, "WindowWidth": 400}


def linear(values: np.ndarray, center: float, width: float) -> np.ndarray:
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def shown(path: Path, window: str = "first") -> np.ndarray:
    return read(path, Display(window)).as_float()


def sequence(**elements: Any) -> list[Dataset]:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return [item]


def test_rescale_then_window(write_dicom: Write) -> None:
    stored = (HOUNSFIELD + 1024).astype(np.uint16)
    path = write_dicom(stored, **{**CT, "RescaleIntercept": -1024})
    np.testing.assert_allclose(shown(path), linear(HOUNSFIELD, 40, 400), atol=1e-5)


def test_the_same_pixels_in_every_uncompressed_syntax(write_dicom: Write, tmp_path: Path) -> None:
    expected = linear(HOUNSFIELD, 40, 400)
    for syntax in (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        np.testing.assert_allclose(
            shown(write_dicom(HOUNSFIELD, syntax=syntax, **CT)), expected, atol=1e-5
        )
    big = write_dicom(HOUNSFIELD.byteswap(), syntax=ExplicitVRBigEndian, **CT)
    np.testing.assert_allclose(shown(big), expected, atol=1e-5)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compression_changes_nothing(write_dicom: Write, syntax: str) -> None:
    path = write_dicom(HOUNSFIELD, syntax=syntax, **CT)
    np.testing.assert_allclose(shown(path), linear(HOUNSFIELD, 40, 400), atol=1e-5)


# A ramp with a square in it, losslessly coded by OpenJPH (imagecodecs 2026.3.6), which is not the
# library that decodes it here.
HT_RAMP = np.add.outer(np.arange(48) * 40, np.arange(56) * 25).astype(np.uint16)
HT_RAMP[10:20, 10:30] = 4000
HT_CODED = base64.b64decode(
    "/0//UQApQAAAAAA4AAAAMAAAAAAAAAAAAAAAOAAAADAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
    "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAs4AAf+TwAArAAP98/jy"
    "+mP1AoG0AMAAFVAABPAABOBySSoSAegAwZQA5AmiAMI0ANSePAOBdADAABaUAAFsQAAV4BbaRouopWbVDOf+GFuEg363"
    "ABLCMxWcLXmrGFDgLcyCLdzyALOEUDOXAE7g+pAfsxEwgBThw3m2AMAAF10AAF2sAAF0YAAYaPBiYEENnLg4GxyAhZQF"
    "DALg2IV4ZRCLg1j8AX6Vfr379k5iAJ7vCIA7kQEAOECwggZWwAXELhAAWA0AAD1hAK0oA8nHAkEAwAXYsmXLlo0t2wBx"
    "I5eSm0MNCEsKIDOfAADAAQ4cAgAGLMgrkG0AANXUwAJGR4EuAPgwHM0IG8ZAE5oAwAAXokAAF65AABdOsKK4rrEBXAkA"
    "IACBOUCyXBc3WiAipALwliVEKUSu2wkAAkC4ruu67lf4p6enHJWjpzikuWnBCSIhgMjwguADUAJv3AEAIDsKyqEdRwBz"
    "+gxd0USjHbIYAIxHBhN3BfeiQmh7wl43MQMiK5PJZDKZTCaTyWSyXPgBD2IQHv2IQHv2IQHssAGD5jAc+ZgAG94wXye+"
    "wQH4wAdCECmkYjfbAoib6Oh0+sQezopxo1iFBJ5BxB1/gAo5wogD+8zMUQBcYENQAm/VAcAAL0uAAF7hAAC3gBBCKJq4"
    "BQAAgLHgDYTFXMfQAlQIS1jUwIhiIXxDBkIIIYQQQggh/P45gcD/AU9PT09PT04x/KGF7U9+3P1PfiLU5g/iiYHacAJ0"
    "AqIRt+H8yn28xBl8vrU7uLc8Fm9BIaqJDF6+YpSWUGQfe8HE6TiO4ziO4ziO4ziO4ziO4ziO4zjO/2OXsgIQPfsIQPfs"
    "IQPfsIQPfsIQPfsIQPfsIQPZYAAMYC32YwHv2YwHssYwG/eYwG/eYwG+uAOKBgDAY8EBAIDM/2Ob4AAKI3XXSh1+Ufww"
    "wygOtAH/2Q=="
)


@pytest.mark.parametrize("syntax", [HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL])
def test_high_throughput_jpeg_2000(write_dicom: Write, syntax: str, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_dicom(HT_RAMP))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([HT_CODED])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "ht.dcm")
    np.testing.assert_allclose(shown(tmp_path / "ht.dcm", "full"), HT_RAMP / 65535, atol=1e-5)


def test_a_file_without_preamble(write_dicom: Write, tmp_path: Path) -> None:
    for syntax in (ImplicitVRLittleEndian, None):
        whole = pydicom.dcmread(write_dicom(HOUNSFIELD, **CT))
        bare = tmp_path / "IM0001"
        implicit = syntax is not None
        del whole.file_meta
        whole.preamble = None
        whole.save_as(bare, implicit_vr=implicit, little_endian=True)
        assert bare.read_bytes()[128:132] != b"DICM"
        np.testing.assert_allclose(shown(bare), linear(HOUNSFIELD, 40, 400), atol=1e-5)


def test_windows_by_order_name_numbers_and_range(write_dicom: Write) -> None:
    path = write_dicom(
        HOUNSFIELD,
        RescaleSlope=1,
        RescaleIntercept=0,
        WindowCenter=[40, -600],
        WindowWidth=[400, 1600],
        WindowCenterWidthExplanation=["WINDOW1", "Lunge"],
    )
    np.testing.assert_allclose(shown(path), linear(HOUNSFIELD, 40, 400), atol=1e-5)
    np.testing.assert_allclose(shown(path, "lunge"), linear(HOUNSFIELD, -600, 1600), atol=1e-5)
    np.testing.assert_allclose(shown(path, "50, 350"), linear(HOUNSFIELD, 50, 350), atol=1e-5)
    np.testing.assert_allclose(shown(path, "bone"), linear(HOUNSFIELD, 400, 1800), atol=1e-5)
    full = (HOUNSFIELD.astype(float) + 32768) / 65535
    np.testing.assert_allclose(shown(path, "full"), full, atol=1e-5)
    low, high = np.quantile(HOUNSFIELD, [0.01, 0.99], method="inverted_cdf")
    middle = np.clip((HOUNSFIELD - low) / (high - low), 0, 1)
    np.testing.assert_allclose(shown(path, "percentile"), middle, atol=1e-5)
    with pytest.raises(ImageError, match=r"no window named 'knee'; it has: WINDOW1, Lunge, abdo"):
        shown(path, "knee")


def test_without_a_window_many_bits_are_stretched_and_eight_are_not(write_dicom: Write) -> None:
    few = RNG.integers(50, 90, (20, 20)).astype(np.uint16)
    expected = (few - few.min()) / float(few.max() - few.min())
    np.testing.assert_allclose(shown(write_dicom(few)), expected, atol=1e-5)
    eight = few.astype(np.uint8)
    np.testing.assert_array_equal(read(write_dicom(eight)).pixels, eight)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_functions_of_the_file(write_dicom: Write, function: str) -> None:
    path = write_dicom(HOUNSFIELD, VOILUTFunction=function, **CT)
    exact = np.clip((HOUNSFIELD - 40.0) / 400 + 0.5, 0, 1)
    expected = {
        "LINEAR_EXACT": exact,
        "SIGMOID": 1 / (1 + np.exp(-4 * (HOUNSFIELD - 40.0) / 400)),
    }
    np.testing.assert_allclose(shown(path), expected[function], atol=1e-5)


def test_an_unknown_function_needs_a_window_of_the_users(write_dicom: Write) -> None:
    path = write_dicom(HOUNSFIELD, VOILUTFunction="CUBIC", **CT)
    with pytest.raises(ImageError, match="VOI LUT function"):
        shown(path)
    np.testing.assert_allclose(shown(path, "40,400"), linear(HOUNSFIELD, 40, 400), atol=1e-5)


def test_monochrome1_is_inverted_after_the_window_and_once(write_dicom: Write) -> None:
    expected = 1 - linear(HOUNSFIELD, 40, 400)
    for shape in ({}, {"PresentationLUTShape": "INVERSE"}):
        path = write_dicom(HOUNSFIELD, PhotometricInterpretation="MONOCHROME1", **CT, **shape)
        np.testing.assert_allclose(shown(path), expected, atol=1e-5)
    other = write_dicom(HOUNSFIELD, PresentationLUTShape="INVERSE", **CT)
    np.testing.assert_allclose(shown(other), expected, atol=1e-5)
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        plain = write_dicom(
            HOUNSFIELD,
            PresentationLUTShape="IDENTITY",
            PhotometricInterpretation=photometric,
            **CT,
        )
        np.testing.assert_allclose(shown(plain), 1 - expected, atol=1e-5)


def test_padding_is_black_and_doesnt_widen_the_range(write_dicom: Write) -> None:
    padded = RNG.integers(0, 100, (20, 20)).astype(np.int16)
    padded[:5], padded[0, 0], padded[0, 1] = -2000, -1900, -1950
    for elements in (
        {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1900},
        {"PixelPaddingValue": -1900, "PixelPaddingRangeLimit": -2000},
    ):
        path = write_dicom(padded, PhotometricInterpretation="MONOCHROME1", **elements)
        rest = padded[5:]
        expected = np.zeros((20, 20))
        expected[5:] = 1 - (rest - rest.min()) / float(rest.max() - rest.min())
        np.testing.assert_allclose(shown(path), expected, atol=1e-5)


def test_high_bit_and_overlays_in_unused_bits(write_dicom: Write) -> None:
    values = RNG.integers(-2048, 2048, (20, 20))
    cells = ((values & 0xFFF) << 2 | RNG.integers(0, 4, (20, 20)) | 0x8000).astype(np.uint16)
    path = write_dicom(cells, BitsStored=12, HighBit=13, PixelRepresentation=1)
    np.testing.assert_allclose(shown(path, "full"), (values + 2048) / 4095, atol=1e-5)


def test_modality_lut_then_voi_lut(write_dicom: Write) -> None:
    stored = RNG.integers(0, 16, (20, 20)).astype(np.uint8)
    first, second = RNG.permutation(16) * 10, RNG.integers(0, 4096, 200)
    path = write_dicom(
        stored,
        ModalityLUTSequence=sequence(
            LUTDescriptor=[16, 0, 16],
            LUTData=first.astype(np.uint16).tobytes(),
            ModalityLUTType="US",
        ),
        VOILUTSequence=sequence(
            LUTDescriptor=[200, 0, 12],
            LUTData=second.astype(np.uint16).tobytes(),
            LUTExplanation="Curve A",
        ),
    )
    expected = second[first[stored]] / 4095
    np.testing.assert_allclose(shown(path), expected, atol=1 / 255)
    np.testing.assert_allclose(shown(path, "curve a"), expected, atol=1 / 255)


def test_colour_spaces(write_dicom: Write) -> None:
    rgb = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_array_equal(read(write_dicom(rgb)).pixels, rgb)
    planes = np.ascontiguousarray(np.moveaxis(rgb, -1, 0)).reshape(20, 30, 3)
    np.testing.assert_array_equal(read(write_dicom(planes, PlanarConfiguration=1)).pixels, rgb)
    # PS3.3 C.7.6.3.1.2, the equations of YBR_FULL turned round.
    smooth = np.clip(rgb * 0.3 + 80, 0, 255)
    weights = np.array([[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    ybr = np.rint(smooth @ weights.T + [0, 128, 128]).astype(np.uint8)
    full = read(write_dicom(ybr, PhotometricInterpretation="YBR_FULL"))
    assert np.abs(full.pixels - smooth).max() < 2
    same = np.repeat(ybr[:, ::2], 2, axis=1)
    same[..., 0] = ybr[..., 0]
    halved = np.dstack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]])
    subsampled = halved.reshape(20, 20, 3).copy()
    path = write_dicom(subsampled, PhotometricInterpretation="YBR_FULL_422", Columns=30)
    reference = read(write_dicom(same, "same.dcm", PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_array_equal(read(path).pixels, reference.pixels)
    gray = read(write_dicom(np.dstack([rgb[..., 0]] * 3)))
    np.testing.assert_array_equal(gray.pixels, rgb[..., 0])


def test_sixteen_bits_of_colour_and_unknown_colour_spaces(write_dicom: Write) -> None:
    rgb = RNG.integers(0, 4096, (20, 30, 3)).astype(np.uint16)
    image = read(write_dicom(rgb, BitsStored=12, HighBit=11))
    np.testing.assert_allclose(image.as_float(), rgb / 4095, atol=1e-5)
    with pytest.raises(ImageError, match="photometric interpretation 'HSV'"):
        read(write_dicom(rgb.astype(np.uint8), PhotometricInterpretation="HSV"))


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes(write_dicom: Write, bits: int) -> None:
    numbers = RNG.integers(0, 20, (20, 20)).astype(np.uint8)
    tables = RNG.integers(0, 2**bits, (3, 10)).astype(f"u{bits // 8}")
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in zip(("Red", "Green", "Blue"), tables, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [10, 5, bits]
        elements[f"{name}PaletteColorLookupTableData"] = entries.tobytes()
    place = np.clip(numbers.astype(int) - 5, 0, 9)
    expected = np.moveaxis(tables[:, place], 0, -1)
    np.testing.assert_array_equal(read(write_dicom(numbers, **elements)).pixels, expected)


def test_frames_are_chosen_by_name_and_each_has_its_own_window(write_dicom: Write) -> None:
    frames = RNG.integers(0, 4000, (3, 20, 24)).astype(np.uint16)
    groups = []
    for center in (1000, 2000, 3000):
        (group,) = sequence(
            FrameVOILUTSequence=sequence(WindowCenter=center, WindowWidth=500),
            PixelValueTransformationSequence=sequence(
                RescaleSlope=1, RescaleIntercept=center, RescaleType="US"
            ),
        )
        groups.append(group)
    path = write_dicom(
        frames,
        PerFrameFunctionalGroupsSequence=groups,
        SharedFunctionalGroupsSequence=sequence(
            PixelMeasuresSequence=sequence(PixelSpacing=[0.5, 0.25])
        ),
    )
    for number, center in enumerate((1000, 2000, 3000), start=1):
        image = read(f"{path}#frame={number}")
        expected = linear(frames[number - 1] + center, center, 500)
        np.testing.assert_allclose(image.as_float(), expected, atol=1e-5)
        assert image.spacing == (0.5, 0.25)
    with pytest.raises(ImageError, match=r"has 3 frames; name one of them, as image.dcm#frame=2"):
        read(path)
    with pytest.raises(ImageError, match="has no frame 4; it has 3"):
        read(f"{path}#frame=4")


def test_floating_point_and_32_bits(write_dicom: Write, tmp_path: Path) -> None:
    wide = RNG.integers(0, 2**31, (20, 20)).astype(np.uint32)
    expected = (wide - wide.min()) / float(wide.max() - wide.min())
    np.testing.assert_allclose(shown(write_dicom(wide)), expected, atol=1e-5)
    dataset = pydicom.dcmread(write_dicom(wide))
    floats = RNG.normal(size=(20, 20)).astype(np.float32)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.FloatPixelData = floats.tobytes()
    dataset.save_as(tmp_path / "float.dcm")
    expected = (floats - floats.min()) / (floats.max() - floats.min())
    np.testing.assert_allclose(shown(tmp_path / "float.dcm"), expected, atol=1e-5)
    floats[0, :3] = np.nan
    dataset.FloatPixelData = floats.tobytes()
    dataset.save_as(tmp_path / "nan.dcm")
    with pytest.raises(ImageError, match="3 values that are not numbers"):
        read(tmp_path / "nan.dcm")


def test_spacing_is_kept_and_resampled(write_dicom: Write) -> None:
    flat = RNG.integers(0, 255, (100, 60)).astype(np.uint8)
    path = write_dicom(flat, PixelSpacing=[0.5, 1.5])
    assert read(path).spacing == (0.5, 1.5)
    image = read(path, Display(spacing=1.0))
    assert image.shape == (50, 90)
    assert image.spacing == (1.0, 1.0)
    assert read(write_dicom(flat, ImagerPixelSpacing=[0.2, 0.2])).spacing == (0.2, 0.2)
    with pytest.raises(ImageError, match="pixels' size in millimetres; leave --spacing out"):
        read(write_dicom(flat), Display(spacing=1.0))
    wide = write_dicom(flat, PixelSpacing=[0.5, 1.5])
    with pytest.raises(ImageError, match="would be 9000 x 5000 px"):
        read(wide, Display(spacing=0.01))


def truncated(path: Path, left_out: int) -> None:
    path.write_bytes(path.read_bytes()[:-left_out])


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 81}, "70 x 81 px needs 11,340 bytes and has 11,200"),
        ({"NumberOfFrames": 3}, "3 frames of 70 x 80 px needs 33,600 bytes"),
        ({"NumberOfFrames": 10_000}, "has 10,000 frames; firstread takes 1 to 4,096"),
        ({"Rows": 60_000, "Columns": 60_000}, "is 60000 x 60000 px"),
        ({"Rows": 0}, "is 70 x 0 px"),
        ({"BitsStored": 17}, "17 of 16 bits up to bit 15, which can't be"),
        ({"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}, "12 of 12 bits"),
        ({"HighBit": 16}, "16 of 16 bits up to bit 16"),
        ({"SamplesPerPixel": 4}, "4 samples a pixel"),
    ],
)
def test_headers_that_lie_are_refused_before_anything_is_decoded(
    write_dicom: Write, elements: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        read(write_dicom(HOUNSFIELD, **elements))


def test_damaged_files_are_named_with_the_reason(write_dicom: Write, tmp_path: Path) -> None:
    path = write_dicom(HOUNSFIELD)
    truncated(path, 100)
    with pytest.raises(ImageError, match="11,200 bytes of pixel data follow, and 11,100 do"):
        read(path)
    dataset = pydicom.dcmread(write_dicom(HOUNSFIELD))
    del dataset.PixelData
    dataset.save_as(tmp_path / "empty.dcm")
    with pytest.raises(ImageError, match=r"no pixel data \(it is a CT Image Storage object\)"):
        read(tmp_path / "empty.dcm")
    for unknown in (b"1.2.840.10008.1.2.9.99", b"1.2.3.4.5.6.7.8.9.10.1"):
        odd = write_dicom(HOUNSFIELD, syntax=JPEG2000Lossless)
        odd.write_bytes(odd.read_bytes().replace(JPEG2000Lossless.encode(), unknown))
        with pytest.raises(ImageError, match="no transfer syntax that firstread knows"):
            read(odd)
    deflated = write_dicom(HOUNSFIELD, syntax=DeflatedExplicitVRLittleEndian)
    truncated(deflated, 40)
    with pytest.raises(ImageError, match="cut short: its deflated data doesn't end"):
        read(deflated)
    squeezed = write_dicom(HOUNSFIELD, syntax=JPEG2000Lossless)
    squeezed.write_bytes(squeezed.read_bytes().replace(b"\xff\x4f\xff\x51", b"\0\0\0\0"))
    with pytest.raises(ImageError, match="frame 1 has no JPEG 2000"):
        read(squeezed)


def test_a_deflated_bomb_is_refused(write_dicom: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = np.zeros((4000, 4000), np.uint16)
    path = write_dicom(zeros, syntax=DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 100_000
    assert read(path).pixels.max() == 0
    monkeypatch.setattr("firstread.images.headers.MAX_INFLATED", 2**20)
    with pytest.raises(ImageError, match="inflates to more than 1 MiB"):
        read(path)


def test_a_codestream_of_another_size_is_not_decoded(write_dicom: Write) -> None:
    path = write_dicom(HOUNSFIELD, syntax=JPEG2000Lossless)
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\x4f\xff\x51") + 8
    data[place : place + 8] = (50_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(ImageError, match="frame 1 is 50000 x 50000 px of 1 samples"):
        read(path)


def test_a_missing_codec_is_named(write_dicom: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstread.images.frames.plugin", lambda *_: None)
    with pytest.raises(ImageError, match="pip install pylibjpeg pylibjpeg-openjpeg"):
        read(write_dicom(HOUNSFIELD, syntax=JPEG2000Lossless))


def test_a_frame_of_a_large_file_takes_no_more_memory_than_a_frame(
    write_dicom: Write, tmp_path: Path
) -> None:
    frames = np.zeros((40, 1024, 1024), np.uint16)
    frames[7, :, 500:] = 1000
    path = write_dicom(frames)
    assert path.stat().st_size > 80 * 2**20
    read(f"{path}#frame=1")
    tracemalloc.start()
    image = read(f"{path}#frame=8", Display("0,4000"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert image.as_float()[0, [499, 500]] == pytest.approx([0.5, 0.75], abs=1e-3)
    assert most < 16 * 2**20


def test_no_message_names_the_patient(write_dicom: Write) -> None:
    lying = write_dicom(HOUNSFIELD, NumberOfFrames=7, PatientBirthDate="19700101")
    with pytest.raises(ImageError) as caught:
        read(lying)
    for identifier in ("Doe", "Jane", "4711", "1970"):
        assert identifier not in str(caught.value)
    slipped = write_dicom(HOUNSFIELD, PhotometricInterpretation="Doe^Jane")
    with pytest.raises(ImageError, match="interpretation 'something else'"):
        read(slipped)
    dataset = pydicom.dcmread(write_dicom(HOUNSFIELD))
    del dataset.PixelData
    # An element whose length is damaged takes in those after it.
    dataset["SOPClassUID"]._value = UID("Doe^Jane 4711")
    dataset.save_as(slipped)
    with pytest.raises(ImageError, match="holds no pixel data; remove it"):
        read(slipped)
    names = ["BONE", "Doe^Jane" * 10]
    named = write_dicom(
        HOUNSFIELD, WindowCenter=[40, 50], WindowWidth=2 * [400], WindowCenterWidthExplanation=names
    )
    with pytest.raises(ImageError, match="has no window named 'heart'; it has: BONE, abdomen"):
        read(named, Display("heart"))


@pytest.mark.parametrize(
    ("window", "spacing"), [("", None), ("40,0", None), ("40,-3", None), ("first", 0.0)]
)
def test_impossible_displays(window: str, spacing: float | None) -> None:
    with pytest.raises(UsageError, match=r"--window|--spacing"):
        Display(window, spacing)
