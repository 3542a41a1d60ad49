from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from firstread.datasets import load, parts, per_volume, with_validation
from firstread.errors import UsageError
from firstread.images import read

Write = Callable[..., Path]
RNG = np.random.default_rng(0)


@pytest.fixture
def nifti(tmp_path: Path) -> Path:
    """Two classes of four volumes with 20 slices."""
    for label in ("a", "b"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for number in range(4):
            values = RNG.integers(0, 1000, (20, 24, 20)).astype(np.int16)
            image = nibabel.Nifti1Image(values, np.diag([1, 1, 3, 1]))
            nibabel.save(image, tmp_path / "d" / label / f"{number}.nii.gz")
    return tmp_path / "d"


def test_volumes_become_slices_that_stay_together(nifti: Path) -> None:
    cases = load(nifti, slices="even:4").cases
    assert len(cases) == 8 * 4
    assert cases["path"].iloc[0].endswith("0.nii.gz#slice=3")
    assert read(cases["path"].iloc[0]).shape == (24, 20)
    assert cases["volume"].nunique() == 8
    parted = with_validation(load(nifti), 0).cases
    assert len(parted) == 8 * 16
    assert (parted.groupby("volume")["split"].nunique() == 1).all()
    assert set(parted["split"]) == {"train", "val"}


def series(write_dicom: Write, count: int, name: str, uid: str) -> list[Path]:
    """Slices whose names are in no order, of which each pixel is its place."""
    places = np.random.default_rng(1).permutation(count)
    return [
        write_dicom(
            np.full((20, 20), place, np.uint8),
            f"{name}/{number:03d}",
            SeriesInstanceUID=uid,
            StudyInstanceUID=uid,
            PatientID=uid,
            ImagePositionPatient=[0, 0, 2.5 * int(place)],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        )
        for number, place in enumerate(places)
    ]


def test_series_are_sorted_by_position(write_dicom: Write) -> None:
    files = series(write_dicom, 9, "s", "1.2.3") + series(write_dicom, 5, "t", "1.2.4")
    everything = parts(files)
    assert everything["path"].tolist() == list(map(str, files))
    assert everything["volume"].nunique() == 2
    assert "1.2.3" not in everything.to_csv()
    few = parts(files, slices="0%,50%,100%")
    chosen = [int(read(path).pixels[0, 0]) for path in few["path"]]
    assert sorted(chosen[:3]) == [0, 4, 8]
    assert sorted(chosen[3:]) == [0, 2, 4]


def test_frames_and_single_images(write_dicom: Write, write_image: Write) -> None:
    cine = write_dicom(RNG.integers(0, 255, (30, 20, 20)).astype(np.uint8), "cine.dcm")
    film = write_image("film.png")
    single = write_dicom(np.zeros((20, 20), np.uint8), "single.dcm")
    frame = parts([film, cine, single], slices="1,15")
    assert frame["path"].tolist() == [
        str(film),
        f"{cine}#frame=1",
        f"{cine}#frame=15",
        str(single),
    ]
    assert frame["volume"].tolist()[1:3] == [str(cine)] * 2
    assert frame["volume"].isna().tolist() == [True, False, False, True]
    assert frame["file"].tolist() == [0, 1, 1, 2]
    with pytest.raises(UsageError, match="there are only 30"):
        parts([cine], slices="31")


def test_files_named_by_the_user_stay_whatever_is_chosen_of_a_series(write_dicom: Write) -> None:
    files = series(write_dicom, 9, "s", "1.2.3")
    some = parts(files, slices="middle", kept=files[:2])
    assert {*some["path"]} >= {*map(str, files[:2])}
    assert len(some) == 3
    assert len(parts(files[:2], slices="7", kept=files[:2])) == 2


def test_a_volume_that_claims_too_many_frames_is_named_when_read(write_dicom: Write) -> None:
    path = write_dicom(np.zeros((20, 20), np.uint8), NumberOfFrames=10_000)
    assert parts([path])["path"].tolist() == [str(path)]


SLICES = pd.DataFrame({"p_a": [0.2, 0.4, 0.9, 0.6], "p_b": [0.8, 0.6, 0.1, 0.4]})


def test_the_mean_of_log_odds() -> None:
    volumes = per_volume(SLICES, ["v", "v", "v", "w"])
    odds = np.mean([np.log(p / (1 - p)) for p in (0.2, 0.4, 0.9)])
    assert volumes["p_a"].iloc[0] == pytest.approx(1 / (1 + np.exp(-odds)))
    assert volumes["p_a"].iloc[1] == pytest.approx(0.6)
    assert volumes["images"].tolist() == [3, 1]
    assert volumes["label"].tolist() == ["a", "a"]
    np.testing.assert_allclose(volumes["p_a"] + volumes["p_b"], 1)


def test_the_top_slices() -> None:
    volumes = per_volume(SLICES, ["v"] * 4, "top:2", independent=True)
    assert volumes["p_a"].iloc[0] == pytest.approx((0.9 + 0.6) / 2)
    assert volumes["p_b"].iloc[0] == pytest.approx((0.8 + 0.6) / 2)
    assert "label" not in volumes
    exclusive = per_volume(SLICES, ["v"] * 4, "top:1")
    assert exclusive["p_a"].iloc[0] == pytest.approx(0.9 / 1.7)


def test_three_classes_and_certainty() -> None:
    frame = pd.DataFrame([[1.0, 0.0, 0.0], [0.2, 0.7, 0.1]], columns=["p_x", "p_y", "p_z"])
    volumes = per_volume(frame, ["v", "v"])
    assert np.isfinite(volumes[["p_x", "p_y", "p_z"]].to_numpy()).all()
    assert volumes[["p_x", "p_y", "p_z"]].sum(axis=1).iloc[0] == pytest.approx(1)
    assert volumes["label"].tolist() == ["x"]
    independent = per_volume(frame, ["v", "v"], independent=True)
    y = 1 / (1 + np.exp(-np.mean([np.log(1e-7 / (1 - 1e-7)), np.log(0.7 / 0.3)])))
    assert independent["p_y"].iloc[0] == pytest.approx(y)


def test_images_of_no_volume_stand_for_themselves() -> None:
    frame = SLICES.assign(path=["1.png", "2.png", "3.png", "4.png"])
    volumes = per_volume(frame, [None, None, "v", "v"])
    assert volumes["volume"].tolist() == ["1.png", "2.png", "v"]
    with pytest.raises(UsageError, match="write mean, or top:K"):
        per_volume(frame, [None] * 4, "max")


def test_an_empty_series() -> None:
    assert parts([]).to_dict("list") == {"path": [], "volume": [], "file": []}
