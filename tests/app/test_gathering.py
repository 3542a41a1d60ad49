"""Images that are dropped stay in their folder, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firstread.app.gathering import Box, Seen, computed, fit, gathered, looking, named
from firstread.app.shelf import IMAGES, Shelf
from firstread.errors import DataError, UsageError

Write = Callable[..., Path]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "runs")


@pytest.fixture
def films(write_image: Write) -> Callable[[str], tuple[Path, ...]]:
    def films(kind: str) -> tuple[Path, ...]:
        level = {"dark": 60, "bright": 190}[kind]
        return tuple(write_image(f"dropped/{kind}/{n}.png", level, n) for n in range(6))

    return films


def test_dropped_images_become_a_folder_of_class_folders_that_can_be_looked_at(
    shelf: Shelf, films: Callable[[str], tuple[Path, ...]]
) -> None:
    boxes = [Box("dark", films("dark")), Box(" bright ", films("bright")), Box("", ())]
    folder = gathered(shelf, "dark-bright", boxes)
    assert folder == shelf.folder / IMAGES / "dark-bright"
    assert sorted(p.name for p in folder.iterdir()) == ["bright", "dark"]
    assert len(list(folder.rglob("*.png"))) == 12
    *_, seen = looking(folder)
    assert isinstance(seen, Seen)
    assert seen.dataset.classes == ("bright", "dark")
    assert seen.audit.images == 12
    assert gathered(shelf, "dark-bright", [Box("a", films("dark")), Box("b", films("bright"))]) == (
        shelf.folder / IMAGES / "dark-bright-2"
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\evil.png", "evil.png"),
        ("/etc/shadow", "shadow"),
        ("..", "image"),
        (".ssh", "ssh"),
        ("a\x00b\n.png", "a_b_.png"),
        ("<script>.png", "_script_.png"),
        ("Thorax ä 2.dcm", "Thorax ä 2.dcm"),
        (300 * "x" + ".png", 116 * "x" + ".png"),
    ],
)
def test_names_of_files_stay_in_their_folder(sent: str, kept: str) -> None:
    assert fit(sent) == kept


def test_files_of_one_name_are_all_kept(shelf: Shelf, write_image: Write) -> None:
    one = [write_image(f"{n}/film.png", 60, n) for n in range(3)]
    other = [write_image(f"{n}/film.png", 190, n) for n in range(3, 6)]
    folder = gathered(shelf, "x", [Box("one", tuple(one)), Box("two", tuple(other))])
    assert sorted(p.name for p in (folder / "one").iterdir()) == [
        "film-2.png",
        "film-3.png",
        "film.png",
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("../out", "b"), "can't be the name of a class"),
        (("a/b", "c"), "can't be the name of a class"),
        ((".hidden", "c"), "can't be the name of a class"),
        (("a", "A "), "Two boxes are called"),
        (("train", "b"), "would be taken for a part of the data"),
        (("", "b"), "Box 1 has images and no name"),
    ],
)
def test_boxes_that_cannot_be_used_are_told(
    names: tuple[str, str], told: str, shelf: Shelf, write_image: Write
) -> None:
    files = [(write_image(f"{n}.png", 60, n),) for n in range(2)]
    with pytest.raises(DataError, match=told):
        gathered(shelf, "x", [Box(n, f) for n, f in zip(names, files, strict=True)])
    assert not shelf.folder.exists(), "nothing is made"


def test_one_box_is_too_few_and_all_mistakes_are_told_at_once(
    shelf: Shelf, write_image: Write
) -> None:
    with pytest.raises(DataError) as raised:
        gathered(shelf, "x", [Box("", (write_image("a.png"),)), Box("b", ())])
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize("typed", ["", "  ", "/no/such/folder", "a\x00b", "~nobody-of-this-name/x"])
def test_a_folder_that_is_not_there_is_told_in_a_sentence(typed: str) -> None:
    with pytest.raises(UsageError):
        named(typed)


def test_a_typed_folder_may_have_quotes_and_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my films").mkdir()
    assert named(" ~/my films ") == tmp_path / "my films"
    assert named(f'"{tmp_path / "my films"}"') == tmp_path / "my films"


@pytest.mark.slow
def test_the_built_in_set_is_computed_once(shelf: Shelf) -> None:
    folder = computed(shelf)
    films = sorted(folder.rglob("*.png"))
    assert len(films) == 77
    made = films[0].stat().st_mtime_ns
    assert computed(shelf) == folder
    assert films[0].stat().st_mtime_ns == made
