from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ...cli.conftest import firstread

Command = Callable[..., Any]
command = firstread


def test_pushed_and_pulled_it_predicts_the_same(
    command: Command, trained: Path, images: list[Path], tmp_path: Path
) -> None:
    done = command("push", trained, tmp_path / "pushed")
    assert done.code == 0
    (fetch,) = re.findall(r"firstread (pull \S+) MODEL (--sha256) (\w{64})", done.out)
    words, option, sha256 = fetch
    done = command(*words.split(), tmp_path / "MODEL", option, sha256)
    assert done.code == 0
    assert "9.1 MB, checked." in done.out
    tables = []
    for run in (trained, tmp_path / "MODEL"):
        command("predict", run, *images[:6], "--csv", tmp_path / f"{run.name}.csv")
        tables.append(pd.read_csv(tmp_path / f"{run.name}.csv"))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_without_a_hash_it_says_what_was_not_checked(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    command("push", trained, tmp_path / "pushed")
    done = command("pull", tmp_path / "pushed", tmp_path / "MODEL")
    assert "Ask who pushed the model whether its SHA-256 is" in done.out


def test_a_pulled_model_says_what_it_came_without(
    command: Command, trained: Path, images: list[Path], tmp_path: Path
) -> None:
    command("push", trained, tmp_path / "pushed")
    model = tmp_path / "MODEL"
    command("pull", tmp_path / "pushed", model)
    for words in (
        ("predict", model, images[0], "--coverage", "0.9"),
        ("report", model),
        ("compare", model, trained),
        ("evaluate", model, trained.parent / "patients.csv", "--operating", "youden"),
    ):
        done = command(*words)
        assert done.code == 2, words
        assert "where it was trained" in done.err, words
    done = command("evaluate", model, trained.parent / "patients.csv", "--samples", 100)
    assert done.code == 0
    assert "of 8 images" in done.out
    assert command("show", model).code == 0


def test_the_card_is_written_into_the_run(command: Command, trained: Path, tmp_path: Path) -> None:
    done = command("card", trained, "--license", "mit", "--out", tmp_path / "card.md")
    assert "card.md: read it before you pass the model on" in done.out
    card = (tmp_path / "card.md").read_text()
    assert card.startswith("---\n")
    assert "license: mit" in card
    assert "Not a medical device" in card
    assert "Doe" not in card
    assert "there is no folder" in command("card", trained, "--out", tmp_path / "a" / "b.md").err


@pytest.mark.parametrize("place", ["hf://chest", "ftp://host/model"])
def test_what_is_no_place_is_named(command: Command, trained: Path, place: str) -> None:
    done = command("push", trained, place)
    assert done.code == 2
    assert f"{place}: is no place for a model; write hf://user/name" in done.err
