from __future__ import annotations

from pathlib import Path

import pytest

from firstread.errors import ImageError, UsageError
from firstread.images import check_choice, chosen, located, part_of, read


@pytest.mark.parametrize(
    ("choice", "count", "expected"),
    [
        ("each", 3, [1, 2, 3]),
        ("middle", 1, [1]),
        ("middle", 10, [5]),
        ("middle", 11, [6]),
        ("even:1", 11, [6]),
        ("even:4", 8, [2, 4, 6, 8]),
        ("even:9", 3, [1, 2, 3]),
        ("2", 5, [2]),
        ("5, 2", 5, [2, 5]),
        ("0%,50%,100%", 101, [1, 51, 101]),
        ("33.3%", 10, [4]),
    ],
)
def test_choices(choice: str, count: int, expected: list[int]) -> None:
    assert chosen(choice, count) == expected


@pytest.mark.parametrize("choice", ["", "all", "even:0", "0", "4", "101%", "-1", "1-3"])
def test_choices_that_can_t_be(choice: str) -> None:
    with pytest.raises(UsageError, match="write each, middle, even:N"):
        chosen(choice, 3)


@pytest.mark.parametrize("choice", ["even:4000", "4000", "1,4000", "0%, 100%", "each", "middle"])
def test_choices_that_make_sense_for_some_volume(choice: str) -> None:
    check_choice(choice)


def test_names_of_images_in_files(tmp_path: Path) -> None:
    file = tmp_path / "echo.dcm"
    assert located(part_of(file, "frame", 7)) == (file, 7)
    assert str(part_of(file, "slice", 2)).endswith("echo.dcm#slice=2")
    odd = tmp_path / "really#frame=3"
    odd.write_bytes(b"x")
    assert located(odd) == (odd, None)
    with pytest.raises(ImageError, match=r"echo.dcm#frame=7: does not exist"):
        read(part_of(file, "frame", 7))
