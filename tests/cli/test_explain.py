from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import firstread as api

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    for k in range(6):
        for name, level in [("dark", 40), ("bright", 200)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = level + rng.integers(0, 30, (50, 40))
            PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
    options = {"backbone": "resnet18", "weights": "none", "strategy": "probe", "image_size": 64}
    return api.train(root / "data", root / "RUN", audit=False, **options).folder


def test_each_image_gets_two_pictures_and_a_verdict(
    firstread: Command, run: Path, tmp_path: Path
) -> None:
    data = run.parent / "data"
    images = [data / "dark" / "0.png", data / "bright" / "0.png"]
    done = firstread("explain", run, *images, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        *("0_gradcam.png", "0_gradcam_2.png", "0_gradcam_2_sheet.png", "0_gradcam_sheet.png"),
        "explanations.json",
    ]
    with PIL.Image.open(tmp_path / "out" / "0_gradcam.png") as picture:
        assert picture.size == (40, 50)
    records = json.loads((tmp_path / "out" / "explanations.json").read_text())
    assert [record["path"] for record in records] == list(map(str, images))
    assert records[1]["picture"] == "0_gradcam_2.png"
    said = records[0]["checks"]["sentences"]
    assert len(said) == 3
    assert all(sentence in done.out for sentence in said)
    header, first, *_ = [line.split("\t") for line in done.out.splitlines()]
    assert header == ["image", "class", "probability", "map", "sheet"]
    assert first[3] in ("passes its checks", "doubtful")


def test_method_class_and_checks_can_be_chosen(
    firstread: Command, run: Path, tmp_path: Path
) -> None:
    folder = run.parent / "data" / "dark"
    words = ("--method", "evidence", "--class", "bright", "--no-checks", "--out", tmp_path)
    done = firstread("explain", run, folder, *words)
    assert done.code == 0, done.err
    records = json.loads((tmp_path / "explanations.json").read_text())
    assert len(records) == 6
    assert {record["class"] for record in records} == {"bright"}
    assert all(record["checks"] is None for record in records)
    assert all(record["share"] == pytest.approx(1, abs=1e-3) for record in records)


def test_a_layer_is_drawn_from_the_runs_own_images(
    firstread: Command, run: Path, tmp_path: Path
) -> None:
    done = firstread("explain", run, "--layer", "layer1", "--out", tmp_path)
    assert done.code == 0, done.err
    assert "filters of layer1" in done.out
    assert (tmp_path / "layer_layer1.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there are no images"),
        (("x.png", "--method", "gradcm"), "'gradcm' is not a way to explain"),
        (("x.png", "--class", "gray"), "'gray' is not a class of this model"),
        (("x.png",), "x.png: does not exist"),
        (("--layer", "layer7"), "'layer7' is not a layer of resnet18"),
    ],
)
def test_mistakes_leave_nothing_behind(
    firstread: Command, run: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = firstread("explain", run, *words, "--out", tmp_path / "out")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_the_api_gives_the_map(run: Path) -> None:
    image = run.parent / "data" / "dark" / "0.png"
    classifier = api.load(run)
    explanation = classifier.explain(image, "evidence")
    assert explanation.map.shape == (50, 40)
    assert explanation.target == classifier.predict(image)["label"][0]
    assert explanation.grid.mean() == pytest.approx(explanation.logit, abs=1e-4)
