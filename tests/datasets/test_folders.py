from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firstread.datasets import examine, load
from firstread.errors import DataError

Write = Callable[..., Path]


def table(tmp_path: Path, text: str, name: str = "cases.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_folder_of_class_folders(two_classes: Path) -> None:
    dataset = load(two_classes)
    assert dataset.classes == ("bright", "dark")
    assert len(dataset) == 16
    assert set(dataset.cases["split"]) == {""}
    assert dataset.targets.tolist() == [0] * 8 + [1] * 8


def test_real_folder_with_splits_and_loose_test_images(hello_world: Path) -> None:
    dataset = load(hello_world)
    assert dataset.classes == ("abd", "chst")
    assert dataset.counts().to_dict() == {
        "train": {"abd": 32, "chst": 33},
        "val": {"abd": 5, "chst": 5},
    }
    assert [path.name for path in dataset.unlabelled] == ["abd_test.png", "chest_test.png"]


def test_other_names_of_splits_and_labelled_test_images(write_image: Write, tmp_path: Path) -> None:
    for split in ("Training", "valid", "test"):
        for name in ("a", "b"):
            for seed in range(2):
                write_image(f"d/{split}/{name}/{seed}.png", seed=seed)
    counts = load(tmp_path / "d").counts()
    assert counts.columns.tolist() == ["train", "val", "test"]
    assert (counts == 2).all().all()


def test_hidden_files_are_ignored_and_others_counted(two_classes: Path) -> None:
    (two_classes / "dark" / ".DS_Store").write_bytes(b"x")
    (two_classes / "dark" / "notes.txt").write_text("x")
    dataset = load(two_classes)
    assert [path.name for path in dataset.passed_over] == ["notes.txt"]
    assert len(dataset) == 16


def test_images_in_deeper_folders_belong_to_the_class(two_classes: Path) -> None:
    deeper = two_classes / "dark" / "patient 1"
    deeper.mkdir()
    (two_classes / "dark" / "0.png").rename(deeper / "0.png")
    assert (load(two_classes).cases["label"] == "dark").sum() == 8


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_tables(write_image: Write, tmp_path: Path, suffix: str, separator: str) -> None:
    rows = [["Path", "label", "patient", "split", "age"]]
    for k in range(6):
        write_image(f"bilder ü/{k}.png", seed=k)
        rows.append(
            [f"bilder ü/{k}.png", "ab"[k % 2], f"P{k % 4}", "train" if k < 4 else "val", "9"]
        )
    text = "\n".join(separator.join(row) for row in rows)
    dataset = load(table(tmp_path, "\ufeff" + text, f"cases.{suffix}"))
    assert dataset.classes == ("a", "b")
    assert dataset.cases["patient"].tolist() == ["P0", "P1", "P2", "P3", "P0", "P1"]
    assert dataset.cases["age"].tolist() == ["9"] * 6
    assert dataset.counts().to_dict() == {"train": {"a": 2, "b": 2}, "val": {"a": 1, "b": 1}}


def problems(data: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(data)
    return str(caught.value)


def test_missing_data_and_wrong_kinds_of_file(tmp_path: Path) -> None:
    assert "does not exist" in problems(tmp_path / "nothing")
    (tmp_path / "a.xlsx").write_bytes(b"x")
    assert "neither a folder nor a CSV or TSV" in problems(tmp_path / "a.xlsx")
    (tmp_path / "empty").mkdir()
    assert "holds no class folders" in problems(tmp_path / "empty")


def test_one_class(write_image: Write, tmp_path: Path) -> None:
    write_image("d/chest/1.png")
    write_image("d/chest/2.png", seed=1)
    assert "has one class, 'chest'; a classifier needs two or more" in problems(tmp_path / "d")


def test_empty_class_and_single_image_are_told_together(two_classes: Path) -> None:
    (two_classes / "empty").mkdir()
    (two_classes / "lonely").mkdir()
    (two_classes / "dark" / "0.png").rename(two_classes / "lonely" / "0.png")
    message = problems(two_classes)
    assert "class 'empty' is empty" in message
    assert "class 'lonely' has 1 image to train on; 2 is the least" in message


def test_labels_that_differ_by_case_or_spaces(two_classes: Path) -> None:
    (two_classes / "Dark ").mkdir()
    for seed in range(2):
        (two_classes / "dark" / f"{seed}.png").rename(two_classes / "Dark " / f"{seed}.png")
    assert "'Dark ' and 'dark' differ by case or spaces alone" in problems(two_classes)


def test_unknown_label_in_validation_and_class_missing_there(
    write_image: Write, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        for seed in range(2):
            write_image(f"d/train/{name}/{seed}.png", seed=seed)
    write_image("d/val/a/1.png")
    stranger = write_image("d/val/c/1.png")
    message = problems(tmp_path / "d")
    assert f"{stranger}: its class 'c' is in val/ and not in train/ (which has a, b)" in message
    assert "class 'b' has no image in val/" in message
    assert "class 'c' is empty" not in message


def test_table_names_every_bad_line(write_image: Write, tmp_path: Path) -> None:
    write_image("1.png")
    message = problems(
        table(
            tmp_path, "path,label,split\n1.png,a,train\n2.png,b,train\n1.png,a,\n1.png,,holdout\n"
        )
    )
    assert f"line 3: {tmp_path / '2.png'} does not exist" in message
    assert "line 4:" in message
    assert "stands on line 2 already" in message
    assert "line 5: the label is empty" in message
    assert "line 5: the split is 'holdout'" in message
    assert "some lines have a split and some have none" in message


def test_table_without_its_columns_says_what_it_has(tmp_path: Path) -> None:
    message = problems(table(tmp_path, "file,class\nx.png,a\n"))
    assert "lacks the column 'path'" in message
    assert "It has: file, class." in message


def test_long_lists_of_problems_are_cut(tmp_path: Path) -> None:
    rows = "\n".join(f"{k}.png,a" for k in range(40))
    message = problems(table(tmp_path, f"path,label\n{rows}\n"))
    assert "... and 30 more like these" in message


def test_empty_and_binary_tables(tmp_path: Path) -> None:
    assert "can't be read as a table" in problems(table(tmp_path, ""))
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00path")
    assert "can't be read as a table" in problems(tmp_path / "b.csv")


def test_what_can_be_listed_is_listed_beside_the_problems(two_classes: Path) -> None:
    (two_classes / "empty").mkdir()
    dataset, found = examine(two_classes)
    assert len(dataset) == 16
    assert dataset.classes == ("bright", "dark", "empty")
    assert found == (f"{two_classes}: class 'empty' is empty; add images or remove it",)
    (two_classes / "empty").rmdir()
    assert examine(two_classes)[1] == ()


def test_usable_rows_of_a_table_are_kept_beside_its_problems(
    write_image: Write, tmp_path: Path
) -> None:
    for k in range(4):
        write_image(f"{k}.png", seed=k)
    text = "path,label,patient\n0.png,a,P1\n1.png,,P2\n2.png,b,\n9.png,b,P4\n3.png,a,P5\n"
    dataset, found = examine(table(tmp_path, text))
    assert dataset.cases["label"].tolist() == ["a", "b", "a"]
    assert [path.name for path in dataset.paths] == ["0.png", "2.png", "3.png"]
    assert [problem.split(": ")[1] for problem in found] == ["line 3", "line 5"]
