from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from firstread.datasets.films import REGIONS, radiograph, radiographs, write_hello_world
from firstread.errors import UsageError

Image = npt.NDArray[np.uint8]


def film(region: str, seed: int, side: int = 128) -> Image:
    return radiograph(region, np.random.default_rng(seed), (side, side))


@cache
def mean_film(region: str) -> npt.NDArray[np.float64]:
    return np.asarray(np.mean([film(region, seed) for seed in range(8)], axis=0))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hello_world(tmp_path_factory.mktemp("films") / "hello_world")


@pytest.mark.parametrize("region", REGIONS)
def test_the_seed_decides_every_pixel(region: str) -> None:
    assert np.array_equal(film(region, 3), film(region, 3))
    assert not np.array_equal(film(region, 3), film(region, 4))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("shape", [(256, 256), (300, 250), (64, 97)])
def test_has_the_shape_asked_for(region: str, shape: tuple[int, int]) -> None:
    image = radiograph(region, np.random.default_rng(0), shape)
    assert image.shape == shape
    assert image.dtype == np.uint8


@pytest.mark.parametrize("region", REGIONS)
def test_uses_the_range_of_grey(region: str) -> None:
    for seed in range(6):
        low, high = np.percentile(film(region, seed), [2, 98])
        assert high - low > 120


def test_lungs_are_darker_than_what_lies_between_them() -> None:
    chest = mean_film("chst")
    right, left = chest[45:70, 28:44].mean(), chest[45:70, 84:100].mean()
    assert max(right, left) < chest[45:70, 56:72].mean() - 60


def test_belly_under_the_diaphragm_is_brighter_than_the_lungs() -> None:
    chest = mean_film("chst")
    assert chest[115:125, 28:100].mean() > chest[45:70, 28:44].mean() + 60


def test_lumbar_spine_is_brighter_than_the_flanks() -> None:
    belly = mean_film("abd")
    assert belly[30:60, 60:68].mean() > belly[30:60, 24:48].mean() + 20
    assert belly[30:60, 60:68].mean() > belly[30:60, 80:104].mean() + 20


def test_unknown_region_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'skull'.*abd, chst"):
        film("skull", 0)


def test_writes_the_folders_of_the_tutorial(written: Path) -> None:
    counts = {
        str(folder.relative_to(written)): len(list(folder.glob("*.png")))
        for folder in written.rglob("*")
        if folder.is_dir() and any(folder.glob("*.png"))
    }
    assert counts == {"train/abd": 32, "train/chst": 33, "val/abd": 5, "val/chst": 5, "test": 2}
    assert {p.name for p in (written / "test").iterdir()} == {"abd_test.png", "chest_test.png"}


def test_written_images_are_gray_and_all_different(written: Path) -> None:
    seen = set()
    for path in written.rglob("*.png"):
        with PIL.Image.open(path) as image:
            assert image.mode == "L"
            assert len(image.getcolors(256) or []) > 100
            seen.add(image.tobytes())
    assert len(seen) == 77


def test_file_names_dont_tell_the_class(written: Path) -> None:
    for split in ("train", "val"):
        abd, chst = ({p.name for p in (written / split / r).iterdir()} for r in REGIONS)
        assert abd <= chst


def test_any_image_can_be_made_again_by_itself(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the two of test/, which come last, are drawn; they don't depend on those before."""
    drawn = iter(range(77))

    def only_the_last(region: str, rng: np.random.Generator, shape: tuple[int, int]) -> Image:
        return radiograph(region, rng, shape) if next(drawn) >= 75 else np.zeros(shape, np.uint8)

    monkeypatch.setattr(radiographs, "radiograph", only_the_last)
    again = write_hello_world(tmp_path)
    for name in ("abd_test.png", "chest_test.png"):
        assert (again / "test" / name).read_bytes() == (written / "test" / name).read_bytes()


def test_size_doesnt_tell_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def blank(region: str, rng: np.random.Generator, shape: tuple[int, int]) -> Image:
        shapes[region].append(shape)
        return np.zeros(shape, np.uint8)

    monkeypatch.setattr(radiographs, "radiograph", blank)
    for seed in range(10):
        write_hello_world(tmp_path, seed)
    abd, chst = (np.array(shapes[region]) for region in REGIONS)
    for sizes in (abd, chst):
        assert (sizes[:, 1] <= sizes[:, 0]).all()
        assert sizes.min() >= 180
        assert sizes.max() <= 320
    # Some 390 of each, with a spread of about 21 px: the means lie within 5 px of one another.
    assert np.abs(abd.mean(axis=0) - chst.mean(axis=0)).max() < 5
    assert np.abs(abd.std(axis=0) - chst.std(axis=0)).max() < 4
