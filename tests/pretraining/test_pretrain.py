from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from firstread.backbones import build
from firstread.errors import RunError, UsageError
from firstread.phantoms import mixed
from firstread.pretraining import (
    LOG,
    Line,
    Pretrainer,
    Recipe,
    logged,
    pretrain,
    pretraining,
    read_recipe,
    seconds,
    ship,
)
from firstread.progress import Step


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstread.pretraining.pretrain.EVERY", 2)
    monkeypatch.setattr("firstread.pretraining.examining.IMAGES", 128)


@pytest.fixture
def recipe() -> Recipe:
    return read_recipe(steps=4, batch=8, size=64)


def weights(learner: Pretrainer) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in learner.learned.state_dict().values()]


def test_cut_off_and_gone_on_it_ends_at_the_same_weights(tmp_path: Path, recipe: Recipe) -> None:
    whole = Pretrainer(recipe)
    steps = [e for e in pretraining(whole, examine_every=None) if isinstance(e, Step)]
    assert [step.done for step in steps] == [1, 2, 3, 4]

    state = tmp_path / "state.pt"
    begun = Pretrainer(recipe)
    for event in pretraining(begun, examine_every=None):
        if isinstance(event, Step) and event.done == 2:
            break
    pretrain.checkpoint.save(state, begun.state())
    resumed = Pretrainer(recipe)
    rest = [e for e in pretraining(resumed, state, examine_every=None) if isinstance(e, Step)]
    assert [step.done for step in rest] == [3, 4]
    assert resumed.steps_on == {"cpu": 4}
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(one, other)


def test_another_recipe_does_not_go_on(tmp_path: Path, recipe: Recipe) -> None:
    pretrain.checkpoint.save(tmp_path / "state.pt", Pretrainer(recipe).state())
    other = Pretrainer(replace(recipe, lr=1.0))
    with pytest.raises(RunError, match="another recipe"):
        next(iter(pretraining(other, tmp_path / "state.pt")))


def test_it_learns(recipe: Recipe) -> None:
    """The loss of images seen again and again falls far below that of a blind guess."""
    learner = Pretrainer(replace(recipe, steps=80, teacher="none", lr=0.003))
    images = mixed(0, 0, 16, 64)
    losses = [learner.learn(images) for _ in range(80)]
    first, last = (sum(part["family"] for part in some) / 4 for some in (losses[:4], losses[-4:]))
    assert last < 0.5 * first


@pytest.mark.parametrize("teacher", ["contrastive", "masked"])
def test_what_is_learned_beside_the_truth_moves_the_backbone(recipe: Recipe, teacher: str) -> None:
    images = mixed(0, 0, 8, 64)
    ends = []
    for weight in (0.0, 1.0):
        # Without decay, what no loss reaches stays where it was.
        learner = Pretrainer(
            replace(recipe, teacher=teacher, teacher_weight=weight, weight_decay=0.0, clip=1e9)
        )
        before = [p.detach().clone() for p in learner.teacher.parameters()]
        learner.learn(images)
        after = list(learner.teacher.parameters())
        moved = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert moved == (weight > 0)
        ends.append(learner.backbone.network.conv1[0].weight.detach().clone())
    assert not torch.equal(*ends)


def test_the_log_has_a_row_a_line_and_none_twice(tmp_path: Path, recipe: Recipe) -> None:
    learner = Pretrainer(recipe)
    events = list(logged(pretraining(learner, examine_every=2), learner, tmp_path))
    lines = [event for event in events if isinstance(event, Line)]
    log = pd.read_csv(tmp_path / LOG)
    assert log["step"].tolist() == [2, 4] == [line.step for line in lines]
    assert log["images"].tolist() == [16, 32]
    assert log["accuracy_family"].between(0, 1).all()
    assert seconds(tmp_path) == pytest.approx(sum(line.seconds for line in lines))
    # Gone on from step 2, the line of step 4 comes again and replaces the old one.
    again = Pretrainer(recipe)
    again.step = 2
    list(logged(pretraining(again, examine_every=None), again, tmp_path))
    assert pd.read_csv(tmp_path / LOG)["step"].tolist() == [2, 4]


def test_shipped_weights_are_those_that_were_learned(tmp_path: Path, recipe: Recipe) -> None:
    learner = Pretrainer(recipe)
    for _ in pretraining(learner, examine_every=None):
        pass
    before = {k: v.clone() for k, v in learner.backbone.network.state_dict().items()}
    path, marks = ship(learner, tmp_path, 1.0)
    assert marks.accuracy["family"] > 0
    backbone, origin = build("phantom_s", str(path))
    assert origin.kind == "file"
    assert backbone.preprocessing.size == 64
    for name, tensor in backbone.network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(tensor, before[name], rtol=1e-3, atol=1e-6)


def test_what_is_wrong_with_a_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="teacher"):
        read_recipe(teacher="stern")
    with pytest.raises(UsageError, match="steps is 0"):
        read_recipe(steps=0)
    with pytest.raises(UsageError, match="stepps"):
        read_recipe(stepps=3)
    path = tmp_path / "mine.toml"
    path.write_text('backbone = "phantom_s"\n')
    with pytest.raises(UsageError, match="lacks seed"):
        read_recipe(path)
    path.write_text("backbone = phantom_s")
    with pytest.raises(UsageError, match="can't be read as a recipe"):
        read_recipe(path)
