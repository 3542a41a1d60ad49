"""Images that may have several labels, or none: from the table to the prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

import firstread

QUICK = {"backbone": "resnet18", "weights": "none", "image_size": 32, "precision": "float32"}


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """Images with a bright left half, a bright upper half, both or neither."""
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    for number in range(48):
        image = rng.normal(60, 15, (40, 40))
        labels = []
        if number % 2:
            image[:, :20] += 90
            labels.append("left")
        if number // 2 % 2:
            image[:20] += 90
            labels.append("top")
        PIL.Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{';'.join(labels)}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows))
    return table


@pytest.mark.parametrize(
    "options", [{"strategy": "probe"}, {"strategy": "scratch", "epochs": 12}, {}]
)
def test_each_label_is_given_by_itself(
    marked: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    run = firstread.train(marked, tmp_path / "RUN", **QUICK, **options)
    classifier = firstread.load(run.folder)
    assert classifier.multilabel
    assert classifier.classes == ("left", "top")
    frame = classifier.predict([tmp_path / f"{number}.png" for number in range(4)])
    assert frame["label"].tolist() == ["", "left", "top", "left;top"]
    assert (
        (frame[["p_left", "p_top"]] >= 0.5).to_numpy() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    ).all()
    metrics = run.metrics()["val"]
    assert metrics["accuracy"] > 0.9
    kept = run.predictions()
    truth = kept["truth"].fillna("").tolist()
    table = pd.read_csv(marked, keep_default_na=False)
    assert set(truth) <= set(table["label"])
