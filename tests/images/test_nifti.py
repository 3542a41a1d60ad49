from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from firstread.errors import ImageError
from firstread.images import Display, nifti, read

RNG = np.random.default_rng(0)
VALUES = RNG.integers(-1000, 2000, (40, 30, 12)).astype(np.int16)
RAS = np.diag([0.5, 0.75, 3.0, 1.0])


def save(
    path: Path, values: np.ndarray, affine: np.ndarray = RAS, new: bool = False, **header: object
) -> Path:
    image = (nibabel.Nifti2Image if new else nibabel.Nifti1Image)(values, affine)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def as_radiologists_see_it(ras: np.ndarray, number: int) -> np.ndarray:
    """Rows from the front to the back, columns from the patient's right to the left."""
    return np.flipud(np.fliplr(ras[..., number - 1].T))


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
@pytest.mark.parametrize("new", [False, True])
def test_slices_from_feet_to_head(tmp_path: Path, suffix: str, new: bool) -> None:
    path = save(tmp_path / f"a.{suffix}", VALUES, new=new)
    low, high = float(VALUES.min()), float(VALUES.max())
    for number in (1, 7, 12):
        image = read(f"{path}#slice={number}")
        expected = (as_radiologists_see_it(VALUES, number) - low) / (high - low)
        np.testing.assert_allclose(image.as_float(), expected, atol=1e-5)
        assert image.spacing == (0.75, 0.5)
    assert nifti.slices(path) == 12


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_every_orientation_looks_the_same(
    tmp_path: Path, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    """A volume stored along other axes, with an affine that says so (NIfTI-1, method 3)."""
    stored = np.transpose(VALUES, axes)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for place, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        affine[axis, place] = flip * RAS[axis, axis]
        if flip < 0:
            stored = np.flip(stored, place)
            affine[axis, 3] += RAS[axis, axis] * (stored.shape[place] - 1)
    path = save(tmp_path / "a.nii.gz", np.ascontiguousarray(stored), affine)
    plain = save(tmp_path / "plain.nii.gz", VALUES)
    assert nifti.slices(path) == 12
    for number in (1, 5):
        image, expected = read(f"{path}#slice={number}"), read(f"{plain}#slice={number}")
        np.testing.assert_array_equal(image.pixels, expected.pixels)
        assert image.spacing == pytest.approx(expected.spacing)


def test_windows(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VALUES, cal_min=-100, cal_max=300)
    plane = as_radiologists_see_it(VALUES, 3).astype(float)

    def shown(window: str) -> np.ndarray:
        return read(f"{path}#slice=3", Display(window)).as_float()

    np.testing.assert_allclose(shown("first"), np.clip((plane + 100) / 400, 0, 1), atol=1e-5)
    np.testing.assert_allclose(shown("40,400"), np.clip((plane + 160) / 400, 0, 1), atol=1e-5)
    np.testing.assert_allclose(shown("brain"), np.clip((plane - 0) / 80, 0, 1), atol=1e-5)
    low, high = VALUES.min(), VALUES.max()
    np.testing.assert_allclose(shown("full"), (plane - low) / float(high - low), atol=1e-5)
    low, high = np.quantile(VALUES, [0.01, 0.99])
    expected = np.clip((plane - low) / (high - low), 0, 1)
    np.testing.assert_allclose(shown("percentile"), expected, atol=1e-5)
    with pytest.raises(ImageError, match="no window named 'knee'"):
        shown("knee")


def test_slope_and_intercept_and_floats(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES, RAS)
    image.header.set_slope_inter(2.0, -1024.0)
    nibabel.save(image, tmp_path / "a.nii")
    measured = nibabel.load(tmp_path / "a.nii").get_fdata()
    other = save(tmp_path / "b.nii", measured.astype(np.float32))
    for window in ("first", "40,400"):
        np.testing.assert_array_equal(
            read(f"{tmp_path / 'a.nii'}#slice=2", Display(window)).pixels,
            read(f"{other}#slice=2", Display(window)).pixels,
        )


def test_a_single_slice_needs_no_number(tmp_path: Path) -> None:
    assert read(save(tmp_path / "a.nii", VALUES[..., :1])).shape == (30, 40)
    assert read(save(tmp_path / "b.nii", VALUES[..., :1, None])).shape == (30, 40)
    volume = save(tmp_path / "c.nii", VALUES)
    with pytest.raises(ImageError, match=r"has 12 slices; name one of them, as c.nii#slice=6"):
        read(volume)
    with pytest.raises(ImageError, match="has no slice 13; it has 12"):
        read(f"{volume}#slice=13")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VALUES)
    first = read(f"{path}#slice=1")
    save(path, np.ascontiguousarray(VALUES[..., :5] // 2))
    assert not np.array_equal(read(f"{path}#slice=1").pixels, first.pixels)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((40, 30, 12, 4), np.int16), r"of 4 dimensions \(40 x 30 x 12 x 4\)"),
        (np.zeros((8, 30, 12), np.int16), "is 8 x 30 px in 12 slices"),
        (np.zeros((40, 30, 4), np.complex64), "holds complex64 values"),
        (np.full((40, 30, 4), 3e38, np.float32), "which nothing measures"),
    ],
)
def test_volumes_that_are_refused(tmp_path: Path, values: np.ndarray, reason: str) -> None:
    path = save(tmp_path / "a.nii.gz", values)
    with pytest.raises(ImageError, match=reason):
        read(f"{path}#slice=1")


def test_values_that_are_not_numbers_are_counted(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[0, 0, :3], values[1, 1, 0] = np.nan, np.inf
    with pytest.raises(ImageError, match="holds 4 values that are not numbers"):
        read(f"{save(tmp_path / 'a.nii', values)}#slice=1")


def test_damaged_files(tmp_path: Path) -> None:
    for suffix in ("nii", "nii.gz"):
        path = save(tmp_path / f"a.{suffix}", VALUES)
        path.write_bytes(path.read_bytes()[:-2000])
        with pytest.raises(ImageError, match="cut short"):
            read(f"{path}#slice=1")
    path.write_bytes(path.read_bytes()[:1000] + b"\xff" * 4000)
    with pytest.raises(ImageError, match=r"can't be unpacked|cut short"):
        read(f"{path}#slice=1")
    nibabel.save(nibabel.Nifti1Pair(VALUES, RAS), tmp_path / "pair.hdr")
    with pytest.raises(ImageError, match=r"one half of a \.hdr and \.img pair"):
        read(tmp_path / "pair.hdr")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """A header of a few hundred bytes that claims 2,000 slices of 8,000 x 8,000."""
    path = save(tmp_path / "a.nii", VALUES)
    data = bytearray(path.read_bytes())
    data[42:48] = np.array([8000, 8000, 2000], "<i2").tobytes()
    path.write_bytes(data)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(data)))
    for bomb in (path, tmp_path / "b.nii.gz"):
        with pytest.raises(ImageError, match="takes 244,141 MiB; firstread reads up to 512"):
            read(bomb)
