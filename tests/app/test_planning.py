"""The command on the page is the one that trains, and augmentation is the training's own."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from firstread.app.planning import (
    AUGMENTATIONS,
    NEUTRALISERS,
    STRATEGIES,
    Choices,
    backbones,
    command,
    tiles,
    usual_backbone,
)
from firstread.errors import UsageError
from firstread.images import NEUTRALISERS as KNOWN_NEUTRALISERS
from firstread.learning.augment import AUGMENTATIONS as KNOWN_AUGMENTATIONS
from firstread.learning.plan import STRATEGIES as KNOWN_STRATEGIES
from firstread.training import make_plan


def test_what_firstread_does_by_itself_is_not_typed() -> None:
    usual = Choices("films", backbone=usual_backbone())
    assert usual.words(Path("run")) == ["train", "films", "--out", "run"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_network_that_was_chosen_is_the_one_that_is_trained(strategy: str) -> None:
    for _, backbone in backbones():
        choices = Choices("films", backbone, strategy)
        try:
            planned = make_plan("films", choices.given())
        except UsageError:  # A fine-tuning needs weights to start from.
            assert strategy in ("probe", "finetune")
            continue
        assert planned.backbone == backbone
        assert planned.strategy == strategy


def test_every_choice_is_an_option() -> None:
    choices = Choices("d", "resnet18", "scratch", "none", 3, 64, 7, "border,size", True)
    typed = command(choices.words(Path("run")))
    assert typed == (
        "firstread train d --out run --backbone resnet18 --strategy scratch --augment none "
        "--epochs 3 --image-size 64 --seed 7 --neutralise border,size --skip-unreadable"
    )


def test_a_command_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ["train", str(tmp_path / "my films; rm -rf x"), "--out", "/data/a b"]
    typed = command(words)
    assert typed.startswith("firstread train ~/'my films; rm -rf x' --out")
    home = [word.replace("~", str(tmp_path)) for word in shlex.split(typed)]
    assert home == ["firstread", *words]


@pytest.mark.parametrize("bad", [{"epochs": -1}, {"image_size": 3}, {"backbone": "resnet5O"}])
def test_what_no_training_could_start_with_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Choices("films", **bad).check()  # type: ignore[arg-type]


def test_everything_that_can_be_chosen_is_explained() -> None:
    assert set(STRATEGIES) == set(KNOWN_STRATEGIES)
    assert set(AUGMENTATIONS) == set(KNOWN_AUGMENTATIONS)
    assert set(NEUTRALISERS) == set(KNOWN_NEUTRALISERS)


def test_tiles_show_the_image_changed_and_the_same_for_the_same_seed(
    write_image: Callable[..., Path],
) -> None:
    path = write_image("film.png", side=300)
    mild = tiles(path, "mild", 3)
    assert len(set(mild)) == 8
    assert tiles(path, "mild", 3) == mild
    assert tiles(path, "mild", 4) != mild
    assert len(set(tiles(path, "none", 3))) == 1
