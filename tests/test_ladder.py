from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstread.auditing.traces import traces
from firstread.datasets import load, with_validation
from firstread.evidence import Ladder
from firstread.ladder import laddering
from firstread.learning import FeatureCache, Material, Plan
from firstread.progress import returned

PLAN = Plan(
    "DATA", "firstread", "resnet18", "none", "scratch", image_size=32, precision="float32"
)  # fmt: skip
Write = Callable[..., Path]


@pytest.fixture
def material(two_classes: Path, tmp_path: Path) -> Material:
    return Material(with_validation(load(two_classes), 0), FeatureCache(tmp_path / "cache"))


def ladder(material: Material, plan: Plan = PLAN) -> Ladder:
    dataset = material.dataset
    targets = dataset.part("val").targets
    perfect = np.where(np.arange(2) == targets[:, None], 0.9, 0.1)
    *_, found = traces(dataset.paths)
    made = returned(laddering(plan, material, found, "val", perfect))
    assert isinstance(made, Ladder)
    return made


def test_rungs_are_fitted_and_judged_on_the_same_images(material: Material) -> None:
    made = ladder(material)
    frame = made.frame().set_index("kind")
    assert made.n == len(material.dataset.part("val"))
    assert {"majority", "pixels", "random", "model"} <= set(frame.index)
    # Bright and dark images of noise: everything that looks at them tells them apart.
    assert frame.loc["pixels", "accuracy"] == 1.0
    assert frame.loc["random", "accuracy"] == 1.0
    assert frame.loc["model", "accuracy"] == 1.0
    assert frame.loc["majority", "accuracy"] < 1.0
    assert ("pretrained", "there are no pretrained weights") in made.missing
    assert "don't show that the network adds anything" in made.sentence()


def test_a_probe_is_not_its_own_rival(material: Material) -> None:
    made = ladder(material, replace(PLAN, strategy="probe"))
    assert ("random", "the trained model is one itself") in made.missing
