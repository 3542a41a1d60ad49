from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firstread import audit
from firstread.auditing import Finding

Film = Callable[..., np.ndarray]
Save = Callable[..., Path]


@pytest.fixture
def films(film: Film, save: Save) -> Path:
    """Twelve films of each of two classes."""
    for region in ("abd", "chst"):
        for number in range(12):
            save(f"{region}/{number}.png", film(number, region))
    return save("abd/0.png", film(0, "abd")).parents[1]


def finding(data: Path, code: str) -> Finding:
    return next(found for found in audit(data).findings if found.code == code)


def test_clean_films_pass(films: Path) -> None:
    for code in (
        *("UNREADABLE", "BLANK", "ASPECT-EXTREME", "SIZE-SMALL"),
        *("FORMAT-MIXED", "DEPTH-MIXED", "MODE-MIXED", "SIZE-MIXED"),
    ):
        assert finding(films, code).severity == "passed"


def test_unreadable_files_are_counted_by_reason(films: Path) -> None:
    (films / "abd" / "x.png").write_bytes(b"")
    (films / "abd" / "y.png").write_text("no image")
    whole = (films / "abd" / "1.png").read_bytes()
    (films / "chst" / "z.png").write_bytes(whole[: len(whole) // 2])
    found = finding(films, "UNREADABLE")
    assert found.severity == "warning"
    assert found.message.startswith("3 images of 27 can't be read: ")
    for reason in ("1 empty", "1 not an image", "1 damaged or cut short"):
        assert reason in found.message
    assert {Path(file).name for file in found.files} == {"x.png", "y.png", "z.png"}


def test_where_no_image_can_be_read_the_rest_does_not_apply(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no image")
    assert finding(tmp_path, "UNREADABLE").message.startswith("4 images of 4")
    assert finding(tmp_path, "BLANK").severity == "not applicable"
    assert finding(tmp_path, "DUPLICATE").severity == "not applicable"


def test_files_that_are_passed_over_are_listed(films: Path) -> None:
    assert finding(films, "NOT-IMAGES").severity == "passed"
    (films / "abd" / "notes.txt").write_bytes(b"x")
    (films / "abd" / "scan.gif").write_bytes(b"x")
    (films / "labels.csv").write_text("path,label")
    found = finding(films, "NOT-IMAGES")
    assert found.severity == "note"
    assert found.message == "2 files beside the images are passed over: 1 .txt, 1 .gif."
    assert {Path(file).name for file in found.files} == {"notes.txt", "scan.gif"}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_images(films: Path, save: Save, level: int) -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (128, 128))
    blank = save("abd/blank.png", np.clip(level + noise, 0, 255).astype(np.uint8))
    found = finding(films, "BLANK")
    assert found.files == (str(blank),)
    assert "1 image of 25 is blank" in found.message


def test_a_dark_film_is_not_blank(films: Path, save: Save, film: Film) -> None:
    save("abd/dark.png", film(50, "abd") // 8)
    assert finding(films, "BLANK").severity == "passed"


def test_strips_and_thumbnails(films: Path, save: Save, film: Film) -> None:
    strip = save("abd/strip.png", np.tile(film(50, "abd")[:40], (1, 1)))
    small = save("abd/small.png", film(51, "abd")[::4, ::4])
    assert finding(films, "ASPECT-EXTREME").files == (str(strip),)
    assert "128 x 40 px" in finding(films, "ASPECT-EXTREME").message
    assert str(small) in finding(films, "SIZE-SMALL").files


def test_a_data_set_of_small_images_is_as_it_is(save: Save, film: Film) -> None:
    for region in ("abd", "chst"):
        for number in range(3):
            path = save(f"{region}/{number}.png", film(number, region)[::3, ::3])
    assert finding(path.parents[1], "SIZE-SMALL").severity == "passed"


def test_the_few_that_are_stored_otherwise_are_named(films: Path, save: Save, film: Film) -> None:
    jpeg = save("abd/j.jpg", film(50, "abd"))
    deep = save("abd/d.png", film(51, "abd").astype(np.uint16) * 9)
    colour = save("chst/c.png", film(52)[..., None] // np.array([1, 2, 4], np.uint8))
    large = save("chst/l.png", np.kron(film(53), np.ones((2, 2), np.uint8)))
    assert finding(films, "FORMAT-MIXED").files == (str(jpeg),)
    assert "27 PNG, 1 JPEG" in finding(films, "FORMAT-MIXED").message
    assert finding(films, "DEPTH-MIXED").files == (str(deep),)
    assert finding(films, "MODE-MIXED").files == (str(colour),)
    assert "1 stored as colour, showing colour" in finding(films, "MODE-MIXED").message
    assert finding(films, "SIZE-MIXED").files == (str(large),)
    assert finding(films, "SIZE-MIXED").severity == "warning"


def test_sizes_that_differ_all_over_are_a_note(save: Save, film: Film) -> None:
    for number in range(8):
        path = save(f"{'ab'[number % 2]}/{number}.png", film(number)[: 100 + number])
    found = finding(path.parents[1], "SIZE-MIXED")
    assert (found.severity, found.files) == ("note", ())
    assert "8 sizes, 128 to 128 px wide and 100 to 107 px high" in found.message
