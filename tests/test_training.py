from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import firstread
from firstread.auditing import Audit
from firstread.backbones import entry
from firstread.errors import DataError, RunError, UsageError
from firstread.events import Found, Ready, Result
from firstread.learning import Epoch
from firstread.progress import Step
from firstread.run import UNFINISHED
from firstread.training import make_plan, training

Write = Callable[..., Path]
QUICK = {
    **{"backbone": "resnet18", "weights": "none", "epochs": 2, "image_size": 32},
    "precision": "float32",
}


def test_events_come_in_order_and_the_run_is_whole(two_classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "RUN"
    events = list(training(two_classes, out, **QUICK))
    kinds = [type(event).__name__ for event in events]
    assert list(dict.fromkeys(kind for kind in kinds if kind != "Step")) == [
        "Audit", "Found", "Ready", "Epoch", "Result",
    ]  # fmt: skip
    assert isinstance(events[-1], Result)
    names = {path.name for path in out.iterdir()}
    assert names >= {
        *("model.safetensors", "model.json", "plan.json", "history.csv", "curves.png"),
        *("predictions.csv", "metrics.json", "log.txt", "versions.json"),
    }
    assert UNFINISHED not in names
    history = events[-1].run.history()
    assert history["epoch"].tolist() == [1, 2]
    assert {"loss", "acc", "val_loss", "val_acc"} <= set(history)
    assert json.loads((out / "versions.json").read_text())["seed"] == "0"
    assert json.loads((out / "plan.json").read_text())["image_size"] == 32


def test_figures_are_those_of_the_saved_classifier(two_classes: Path, tmp_path: Path) -> None:
    run = firstread.train(two_classes, tmp_path / "RUN", **{**QUICK, "epochs": 8})
    kept = run.predictions()
    assert (kept["split"] == "val").all()
    again = firstread.load(run.folder).predict(kept["path"].tolist())
    np.testing.assert_allclose(again["p_dark"], kept["p_dark"], atol=1e-6)
    right = int((kept["truth"] == kept["label"]).sum())
    assert run.metrics()["val"]["right"] == right
    last = run.history().iloc[-1]
    assert last["val_acc"] == pytest.approx(right / len(kept))
    assert last["val_loss"] == pytest.approx(run.metrics()["val"]["log_loss"], rel=1e-3)


def test_bright_and_dark_are_told_apart(two_classes: Path, tmp_path: Path) -> None:
    run = firstread.train(two_classes, tmp_path / "RUN", **{**QUICK, "epochs": 12})
    assert run.metrics()["val"]["accuracy"] == 1.0


def test_same_seed_same_run(two_classes: Path, tmp_path: Path) -> None:
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        torch.rand(3)  # Whatever the caller did with torch's generator has no say.
        firstread.train(two_classes, tmp_path / name, **QUICK, seed=seed)
    a, b, c = (
        pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds") for name in "abc"
    )
    assert a.equals(b)
    assert not a.equals(c)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_pixels_that_do_not_fit_in_memory_train_to_the_same_weights(
    two_classes: Path, tmp_path: Path
) -> None:
    firstread.train(two_classes, tmp_path / "a", **QUICK)
    firstread.train(two_classes, tmp_path / "b", **QUICK, pixel_budget=0)
    assert "read again every epoch" in (tmp_path / "b" / "log.txt").read_text()
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_test_images_are_judged_apart(
    two_classes: Path, tmp_path: Path, write_image: Write
) -> None:
    for part in ("train", "val", "test"):
        for seed in range(3):
            write_image(f"parts/{part}/dark/{seed}.png", 60, seed)
            write_image(f"parts/{part}/bright/{seed}.png", 190, seed)
    run = firstread.train(tmp_path / "parts", tmp_path / "RUN", **QUICK)
    assert run.metrics().keys() == {"val", "test"}
    assert run.predictions()["split"].value_counts().to_dict() == {"val": 6, "test": 6}


def test_unreadable_files_stop_before_anything_is_written(
    two_classes: Path, tmp_path: Path
) -> None:
    (two_classes / "dark" / "bad.png").write_text("not an image")
    (two_classes / "dark" / "empty.png").touch()
    with pytest.raises(DataError) as caught:
        firstread.train(two_classes, tmp_path / "RUN", **QUICK)
    assert "bad.png: is not an image (its first bytes are text)" in str(caught.value)
    assert "empty.png: is empty (0 bytes)" in str(caught.value)
    assert not (tmp_path / "RUN").exists()
    events = list(training(two_classes, tmp_path / "RUN", skip_unreadable=True, **QUICK))
    found = next(event for event in events if isinstance(event, Found))
    assert len(found.skipped) == 2
    assert "bad.png" in (tmp_path / "RUN" / "skipped.txt").read_text()


def test_a_class_that_loses_all_its_images_is_named(tmp_path: Path, write_image: Write) -> None:
    for seed in range(3):
        write_image(f"d/a/{seed}.png", seed=seed)
        (tmp_path / "d/b").mkdir(exist_ok=True)
        (tmp_path / f"d/b/{seed}.png").write_text("no image")
    with pytest.raises(DataError, match="class 'b' has no readable image left"):
        firstread.train(tmp_path / "d", tmp_path / "RUN", **QUICK, skip_unreadable=True)


def test_a_run_that_is_broken_off_says_so(two_classes: Path, tmp_path: Path) -> None:
    events = training(two_classes, tmp_path / "RUN", **QUICK)
    next(event for event in events if isinstance(event, Epoch))
    events.close()
    with pytest.raises(RunError, match="This run was stopped"):
        firstread.load(tmp_path / "RUN")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "resnet17"}, "Close to it: resnet18"),
        ({"augment": "wild"}, "'wild' is not a kind of augmentation"),
        ({"device": "tpu"}, "--device tpu"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_wrong_options_cost_nothing(
    two_classes: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        firstread.train(two_classes, tmp_path / "RUN", **{**QUICK, **options})
    assert not (tmp_path / "RUN").exists()


def test_the_tutorials_recipe_notes_where_it_is_not_what_it_should_be(
    two_classes: Path, tmp_path: Path
) -> None:
    options = {**QUICK, "recipe": "tutorial", "epochs": 1}
    events = list(training(two_classes, tmp_path / "RUN", **options))
    ready = next(event for event in events if isinstance(event, Ready))
    assert (ready.plan.head, ready.plan.batch_size, ready.plan.lr) == ("tutorial", 5, 1e-4)
    log = (tmp_path / "RUN" / "log.txt").read_text()
    for words in ("scaled by 1/255", "augments its validation images", "from the training folder"):
        assert words in log
    assert list(firstread.load(tmp_path / "RUN").network.head.children())[-1].out_features == 1


def test_a_training_begins_with_the_audit_and_ends_with_rivals_and_a_report(
    two_classes: Path, tmp_path: Path
) -> None:
    copied = next((two_classes / "dark").iterdir())
    (two_classes / "dark" / "copy.png").write_bytes(copied.read_bytes())
    events = list(training(two_classes, tmp_path / "RUN", **{**QUICK, "epochs": 6}))
    assert isinstance(next(e for e in events if not isinstance(e, Step)), Audit)
    result = events[-1]
    assert isinstance(result, Result)
    assert result.ladder is not None
    folder = tmp_path / "RUN"
    findings = json.loads((folder / "audit.json").read_text())
    assert {"DUPLICATE", "DUPLICATE-LEAK"} & {
        found["code"] for found in findings if found["severity"] in ("warning", "severe")
    }
    rungs = json.loads((folder / "ladder.json").read_text())["rungs"]
    assert [rung["kind"] for rung in rungs][-1] == "model"
    assert "temperature" in json.loads((folder / "calibration.json").read_text())
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Should I believe it?" in page
    assert 'src="http' not in page
    without = firstread.train(two_classes, tmp_path / "plain", **QUICK, audit=False)
    assert not (without.folder / "audit.json").exists()
    assert not (without.folder / "ladder.json").exists()


def test_the_whole_training_is_repeated_in_folds_and_with_shuffled_labels(
    two_classes: Path, tmp_path: Path
) -> None:
    options = {"backbone": "resnet18", "weights": "none", "strategy": "probe", "image_size": 32}
    events = training(
        two_classes, tmp_path / "RUN", **options, augment="none", folds=3, repeats=2, permute=3
    )
    *_, result = events
    assert isinstance(result, Result)
    repeated, control = result.repeated
    assert repeated.scores()["accuracy"].tolist() == [1.0] * 6
    assert max(control.shuffled) < 1.0
    record = json.loads((tmp_path / "RUN" / "crossvalidation.json").read_text())
    assert set(record) == {"crossvalidation", "shuffled_labels"}
    table = pd.read_csv(tmp_path / "RUN" / "out_of_fold.csv")
    assert len(table) == 2 * 16
    assert {"path", "repeat", "fold", "p_bright", "p_dark"} <= set(table)


def test_neutralisers_are_planned_and_predicted_through(two_classes: Path, tmp_path: Path) -> None:
    options = {**QUICK, "strategy": "probe", "epochs": None}
    run = firstread.train(two_classes, tmp_path / "RUN", **options, neutralise="border, size")
    assert run.plan()["neutralise"] == "border, size"
    assert firstread.load(run.folder).preprocessing.neutralise == ("border", "size")
    with pytest.raises(UsageError, match="'edges' is not a way to neutralise"):
        firstread.train(two_classes, tmp_path / "B", **options, neutralise="edges")


@pytest.mark.parametrize(
    ("given", "backbone", "weights"),
    [
        ({}, "phantom_s", "phantom"),
        ({"strategy": "probe"}, "phantom_s", "phantom"),
        ({"weights": "phantom"}, "phantom_s", "phantom"),
        ({"strategy": "scratch"}, "mobilenet_v2", "none"),
        ({"weights": "none"}, "mobilenet_v2", "none"),
        ({"backbone": "resnet18"}, "resnet18", "none"),
        ({"recipe": "tutorial"}, "inception_v3", "none"),
    ],
)
def test_without_a_word_and_a_download_the_weights_that_ship_are_taken(
    given: dict[str, Any],
    backbone: str,
    weights: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    plan = make_plan("DATA", given)
    assert (plan.backbone, plan.weights) == (backbone, weights)


def test_official_weights_at_hand_go_before_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoint = entry("mobilenet_v2").checkpoint
    assert checkpoint is not None
    file = tmp_path / "hub" / "checkpoints" / checkpoint.url.rsplit("/", 1)[-1]
    file.parent.mkdir(parents=True)
    file.touch()
    plan = make_plan("DATA", {})
    assert (plan.backbone, plan.weights) == ("mobilenet_v2", "imagenet")
