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
    root = tmp_path_factory.mktemp("careful")
    rng = np.random.default_rng(0)
    for k in range(50):
        for name, level in [("dark", 40), ("bright", 180)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = level + rng.integers(0, 40, (40, 40))
            pixels[5:15, 5:35] += 30
            PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
    options = {"backbone": "resnet18", "weights": "none", "strategy": "probe", "image_size": 32}
    return api.train(root / "data", root / "RUN", audit=False, **options).folder


def test_predictions_gain_three_columns(firstread: Command, run: Path, tmp_path: Path) -> None:
    images = run.parent / "data" / "dark"
    PIL.Image.new("L", (40, 40), 90).save(tmp_path / "blank.png")
    done = firstread("predict", run, images, tmp_path / "blank.png", "--coverage", "0.9")
    assert done.code == 0, done.err
    header, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert header == ["path", "label", "set", "outlier", "advice", "p(bright)", "p(dark)"]
    assert float(rows[-1][3]) >= 10
    assert rows[-1][4].startswith("refuse: the image is blank; nearest training images: ")
    assert np.mean([row[4] == "accept" for row in rows[:-1]]) > 0.8
    assert "90 % of the images of each class (calibrated on 10 bright, 10 dark)" in done.err
    assert "at most 5 % of images like them" in done.err
    assert (run / "refusal.json").exists()


def test_json_holds_them_too(firstread: Command, run: Path) -> None:
    image = run.parent / "data" / "dark" / "0.png"
    (record,) = json.loads(firstread("predict", run, image, "--coverage", "0.8", "--json").out)
    assert record.keys() == {"path", "label", "set", "outlier", "advice", "probabilities"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--coverage", "0.99"), "needs at least 99 validation images"),
        (("--coverage", "90"), "write a share from 0.5 to 0.999"),
        (("--coverage", "0.9", "--volumes", "mean"), "leave --volumes out"),
    ],
)
def test_what_can_not_be_promised_is_refused(
    firstread: Command, run: Path, words: tuple[str, ...], message: str
) -> None:
    done = firstread("predict", run, run.parent / "data" / "dark", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
