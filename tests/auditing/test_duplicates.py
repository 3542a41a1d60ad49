from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from firstread import audit
from firstread.auditing import Finding, surveying
from firstread.auditing.duplicates import exact, near
from firstread.datasets import load

Film = Callable[..., np.ndarray]
Save = Callable[..., Path]


@pytest.fixture
def parted(film: Film, save: Save) -> Path:
    """Films of two classes in two parts, all different."""
    for split, start in (("train", 0), ("val", 20)):
        for region in ("abd", "chst"):
            for number in range(start, start + 6):
                path = save(f"{split}/{region}/{number}.png", film(number, region))
    return path.parents[2]


def found(data: Path) -> dict[str, Finding]:
    dataset = load(data)
    *_, survey = surveying(dataset.paths)
    events = [*exact(dataset, survey), *near(dataset, survey)]
    return {event.code: event for event in events if isinstance(event, Finding)}


def names(finding: Finding) -> set[tuple[str, ...]]:
    return {tuple(sorted("/".join(Path(f).parts[-3:]) for f in group)) for group in finding.groups}


def test_films_of_different_patients_are_no_copies(parted: Path) -> None:
    assert not found(parted)


def test_a_copy_is_told_by_where_it_stands(parted: Path, save: Save, film: Film) -> None:
    save("train/abd/a.bmp", film(0, "abd"))
    save("val/abd/b.png", film(1, "abd"))
    save("train/abd/c.png", film(2, "chst"))
    told = found(parted)
    assert {code: finding.severity for code, finding in told.items()} == {
        "DUPLICATE": "warning",
        "DUPLICATE-LEAK": "severe",
        "DUPLICATE-CONTRADICTION": "severe",
    }
    assert names(told["DUPLICATE"]) == {("train/abd/0.png", "train/abd/a.bmp")}
    assert names(told["DUPLICATE-LEAK"]) == {("train/abd/1.png", "val/abd/b.png")}
    assert names(told["DUPLICATE-CONTRADICTION"]) == {("train/abd/c.png", "train/chst/2.png")}
    assert "(1 in train and val): 2 files" in told["DUPLICATE-LEAK"].message


def test_a_copy_across_parts_and_classes_is_both(parted: Path, save: Save, film: Film) -> None:
    save("val/chst/x.png", film(3, "abd"))
    told = found(parted)
    assert set(told) == {"DUPLICATE-LEAK", "DUPLICATE-CONTRADICTION"}
    assert names(told["DUPLICATE-LEAK"]) == names(told["DUPLICATE-CONTRADICTION"])


def test_several_copies_of_one_picture_are_one_group(parted: Path, save: Save, film: Film) -> None:
    save("train/abd/a.png", film(0, "abd")[:, ::-1])
    save("train/abd/b.png", film(0, "abd")[::-1])
    told = found(parted)
    assert names(told["DUPLICATE-NEAR"]) == {
        ("train/abd/0.png", "train/abd/a.png", "train/abd/b.png")
    }
    assert "3 files" in told["DUPLICATE-NEAR"].message
    assert "mirrored" in told["DUPLICATE-NEAR"].message


def test_unsplit_data_have_no_leak_yet_and_say_what_a_split_would_do(
    film: Film, save: Save
) -> None:
    for region in ("abd", "chst"):
        for number in range(4):
            save(f"{region}/{number}.png", film(number, region))
    told = found(save("abd/copy.png", film(0, "abd")).parents[1])
    assert told["DUPLICATE-LEAK"].severity == "not applicable"
    assert told["DUPLICATE"].severity == "warning"
    assert "split at random" in told["DUPLICATE"].why


def breathed(pixels: np.ndarray, pixels_by: float) -> np.ndarray:
    """Another exposure of the same patient: everything has moved a little, each its own way."""
    rng = np.random.default_rng(0)
    moves = gaussian_filter(rng.normal(size=(2, *pixels.shape)), (0, 25, 25))
    moves *= pixels_by / moves.std()
    return map_coordinates(pixels, np.indices(pixels.shape) + moves, order=1, mode="nearest")


def test_another_exposure_of_a_patient_is_likely_and_no_copy(
    hello_world: Path, tmp_path: Path
) -> None:
    for path in hello_world.glob("*/*/*.png"):
        to = tmp_path / path.relative_to(hello_world)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.symlink_to(path)
    source = tmp_path / "train" / "chst" / "chst40.png"
    with PIL.Image.open(source) as picture:
        pixels = np.asarray(picture.convert("L"))
    again = tmp_path / "val" / "chst" / "again.png"
    PIL.Image.fromarray(breathed(pixels, 5.0)).save(again)
    told = found(tmp_path)
    assert names(told["PATIENT-LIKELY"]) == {("train/chst/chst40.png", "val/chst/again.png")}
    assert "DUPLICATE-NEAR-LEAK" not in told


def test_the_tutorials_doubled_validation_image(hello_world: Path) -> None:
    findings = {finding.code: finding for finding in audit(hello_world).findings}
    assert names(findings["DUPLICATE"]) == {("val/abd/abd3.png", "val/abd/abd4.png")}
    assert "(1 in val)" in findings["DUPLICATE"].message
    assert "val/ holds 9 different pictures, not 10." in findings["DUPLICATE"].message
    others = [code for code in findings if code.startswith(("DUPLICATE-", "PATIENT-LIKELY"))]
    assert others
    assert all(findings[code].severity == "passed" for code in others)
