from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
QUICK = ("--backbone", "resnet18", "--weights", "none", "--epochs", 2, "--image-size", 32)


def test_the_screen_tells_what_was_found_how_it_went_and_what_comes_next(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    (two_classes / "notes.txt").write_text("x")
    run = tmp_path / "my run ü"
    done = firstread("train", two_classes, "--out", run, *QUICK)
    assert done.code == 0
    lines = done.out.splitlines()
    start = lines.index("class\ttrain\tval")
    table = lines[start : start + 3]
    assert table == ["class\ttrain\tval", "bright\t6\t2", "dark\t7\t1"] or table == [
        "class\ttrain\tval",
        "bright\t7\t1",
        "dark\t6\t2",
    ]
    assert "16 images, gray, 43 to 43 px wide, 40 to 40 px high" in done.out
    epochs = [line for line in lines if line.startswith("epoch")]
    assert len(epochs) == 2
    for figure in ("loss", "acc", "val_loss", "val_acc"):
        assert figure in epochs[0]
    assert "of 3 right; with 3 images that is compatible with anything from" in done.out
    assert f"Next: firstread predict '{run}' IMAGE" in done.out
    assert "passed over: 1 files that are not images (notes.txt)" in done.err
    assert "Pretrained weights usually do better" in done.err


def test_unreadable_files_are_left_out_when_asked(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    (two_classes / "dark" / "bad.png").write_text("no image")
    done = firstread("train", two_classes, "--out", tmp_path / "a", *QUICK)
    assert done.code == 2
    assert "bad.png: is not an image (its first bytes are text); remove it, or pass" in done.err
    assert not (tmp_path / "a").exists()
    done = firstread("train", two_classes, "--out", tmp_path / "a", *QUICK, "--skip-unreadable")
    assert done.code == 0
    assert "left out: " in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backbone", "resnet5O"), "Close to it: resnet50"),
        (("--weights", "nowhere.pth"), "nowhere.pth: no such file"),
        (("--strategy", "finetune", "--weights", "none"), "there are none"),
        (("--epochs", "0"), "epochs is 0; it must be from 1"),
        (("--image-size", "9"), "image_size is 9; it must be from 16"),
        (("--recipe", "tutoriel"), "Close to it: tutorial"),
        (("--lr", "0"), "lr is 0.0; it must be from"),
        (("--lr", "fast"), "lr is 'fast'; give a number, or auto"),
    ],
)
def test_wrong_words_end_with_code_2_a_way_out_and_no_traceback(
    firstread: Command, two_classes: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = firstread("train", two_classes, "--out", tmp_path / "RUN", *words)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "RUN").exists()


def test_a_run_that_exists_is_left_alone(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "thesis.txt").write_text("three years of work")
    done = firstread("train", two_classes, "--out", tmp_path / "RUN", *QUICK)
    assert done.code == 2
    assert "holds something already; choose another --out" in done.err
    assert [path.name for path in (tmp_path / "RUN").iterdir()] == ["thesis.txt"]


def test_missing_data_is_named(firstread: Command, tmp_path: Path) -> None:
    done = firstread("train", tmp_path / "nowhere", "--out", tmp_path / "RUN")
    assert done.code == 2
    assert "nowhere: does not exist" in done.err


def test_the_tutorials_recipe_tells_its_slips(
    firstread: Command, two_classes: Path, tmp_path: Path
) -> None:
    done = firstread(
        "train", two_classes, "--out", tmp_path / "RUN", *QUICK, "--recipe", "tutorial"
    )
    assert done.code == 0
    assert done.err.count("  - ") == 3
    assert "batches of 5" in done.out
