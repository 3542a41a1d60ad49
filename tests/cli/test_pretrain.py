from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from firstread.backbones import build

RECIPE = """
backbone = "phantom_s"
seed = 4
steps = 6
batch = 6
size = 64
lr = 0.001
weight_decay = 0.05
clip = 1.0
teacher = "contrastive"
teacher_weight = 0.5
sign_weight = 1.0
map_weight = 1.0
held_out = ["chest_ct"]
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("firstread.pretraining.pretrain.EVERY", 3)
    monkeypatch.setattr("firstread.pretraining.examining.IMAGES", 128)
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


def test_a_pretraining_leaves_weights_with_their_card_log_and_curves(
    firstread: Callable[..., Any], tmp_path: Path, recipe: Path
) -> None:
    out = tmp_path / "OUT"
    done = firstread("pretrain", "--out", out, "--recipe", recipe, "--device", "cpu")
    assert done.code == 0, done.err
    assert "6 steps of 6 computed images, 64 x 64 px" in done.out
    assert "step      3" in done.out
    assert (out / "curves.png").stat().st_size > 20_000
    assert pd.read_csv(out / "log.csv")["step"].tolist() == [3, 6]
    card = json.loads((out / "phantom_s.json").read_text())
    assert card["images"] == 36
    assert card["steps_on"] == {"cpu": 6}
    assert card["recipe"]["held_out"] == ["chest_ct"]
    assert "chest_ct" not in card["families"]
    backbone, origin = build("phantom_s", str(out / "phantom_s.safetensors"))
    assert origin.sha256 == card["sha256"]
    assert backbone.preprocessing.size == 64

    # Given again it is done already: nothing is learned anew, and the weights are the same.
    again = firstread("pretrain", "--out", out, "--recipe", recipe, "--device", "cpu")
    assert again.code == 0
    assert "step      6" not in again.out
    assert json.loads((out / "phantom_s.json").read_text())["sha256"] == card["sha256"]


def test_wrong_recipes_cost_nothing(
    firstread: Callable[..., Any], tmp_path: Path, recipe: Path
) -> None:
    recipe.write_text(RECIPE.replace("contrastive", "stern"))
    done = firstread("pretrain", "--out", tmp_path / "OUT", "--recipe", recipe)
    assert done.code == 2
    assert "stern" in done.err
    assert "contrastive" in done.err
    assert not (tmp_path / "OUT").exists()
