from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firstread.errors import UsageError
from firstread.learning import Plan, propose, settled


def plan(at_hand: str = "none", **given: Any) -> Plan:
    given = {"backbone": "resnet18", **given}
    return propose("DATA", at_hand=at_hand, last_map="layer4", given=given)


def test_what_is_not_said_is_measured_and_other_choices_can_settle_it() -> None:
    assert plan().strategy == "auto"
    assert plan(at_hand="imagenet").weights == "imagenet"
    assert plan(at_hand="phantom").weights == "phantom"
    assert plan(at_hand="imagenet", epochs=3).strategy == "finetune"
    assert plan(epochs=3).strategy == "scratch"
    assert plan(classifier="svm").strategy == "probe"
    assert plan(stage="all").strategy == "probe"
    assert plan(at_hand="imagenet", strategy="scratch").weights == "none"


def test_what_was_found_best_brings_its_defaults_and_the_users_choices_stay() -> None:
    asked = plan(at_hand="imagenet", augment="none", seed=5)
    tuned = settled(asked, {"strategy": "finetune"}, {"augment": "none", "seed": 5})
    assert (tuned.strategy, tuned.head_first, tuned.freeze_norm) == ("finetune", True, True)
    assert (tuned.weights, tuned.augment, tuned.seed) == ("imagenet", "none", 5)
    probed = settled(asked, {"strategy": "probe", "stage": "layer3", "classifier": "svm"})
    assert (probed.strategy, probed.stage, probed.classifier) == ("probe", "layer3", "svm")
    assert settled(asked, {"strategy": "scratch"}).weights == "none"


def test_the_users_choices_win() -> None:
    made = plan(at_hand="imagenet", strategy="finetune", epochs=3, lr=0.5, batch_size=7, seed=4)
    assert (made.strategy, made.epochs, made.lr, made.batch_size, made.seed) == (
        "finetune", 3, 0.5, 7, 4,
    )  # fmt: skip


def test_the_tutorials_recipe_is_the_tutorials() -> None:
    made = plan(recipe="tutorial", weights="w.pth")
    assert made.strategy == "finetune"
    assert (made.epochs, made.batch_size, made.lr) == (20, 5, 1e-4)
    assert (made.weight_decay, made.schedule, made.label_smoothing) == (0.0, "constant", 0.0)
    assert (made.head, made.augment, made.stage) == ("tutorial", "tutorial", "layer4")
    assert (made.normalise, made.auxiliary, made.freeze_norm) == (False, False, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategy": "finetune"}, "there are none"),
        ({"strategy": "scratch", "weights": "imagenet"}, "drop one of the two"),
        ({"strategy": "probe", "recipe": "tutorial"}, "trains the whole network"),
        ({"strategy": "magic"}, "'magic' is not a strategy"),
        ({"recipe": "tutoriel"}, "Close to it: tutorial"),
        ({"epochs": 0}, "epochs is 0; it must be from 1"),
        ({"strategy": "probe", "epochs": 3}, "epochs has no say in it"),
        ({"strategy": "scratch", "stage": "all"}, "take --strategy probe"),
        ({"classifier": "forest"}, "'forest' is not a classifier"),
        ({"balance": "yes"}, "'yes' is not a balance"),
        ({"lr": -1.0}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"image_size": 4}, "image_size is 4; it must be from 16 to 8000"),
        ({"epoch": 3}, "'epoch' is not a option|Close to it: epochs"),
    ],
)
def test_wrong_choices_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(**given)


def test_a_saved_plan_is_the_plan(tmp_path: Path) -> None:
    made = plan(at_hand="imagenet")
    made.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == made
    (tmp_path / "plan.json").write_text('{"epochs": 3}')
    with pytest.raises(UsageError, match="is no plan of firstread"):
        Plan.load(tmp_path / "plan.json")
