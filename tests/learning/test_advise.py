from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.datasets import Dataset, load, with_validation
from firstread.errors import UsageError
from firstread.learning import Advice, Candidate, FeatureCache, Material, Plan, advise, bench
from firstread.learning.advise import RULES
from firstread.learning.strategies import network_of
from firstread.progress import Step, returned

Write = Callable[..., Path]
PLAN = Plan(
    "DATA", "firstread", "resnet18", "none", "auto", image_size=32, precision="float32"
)  # fmt: skip


def textures(folder: Path, count: int = 20) -> Dataset:
    """Stripes this way and that way: what pixels alone can't learn from so few."""
    rng = np.random.default_rng(0)
    for label in ("across", "along"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            x = np.arange(48) + rng.uniform(0, 12)
            wave = np.tile(127 + 100 * np.sign(np.sin(x * 2 * np.pi / 8)), (48, 1))
            noisy = np.clip(wave + rng.normal(0, 20, (48, 48)), 0, 255).astype(np.uint8)
            PIL.Image.fromarray(noisy if label == "along" else noisy.T.copy()).save(
                folder / label / f"{number}.png"
            )
    return with_validation(load(folder), 0)


def advised(dataset: Dataset, tmp_path: Path, plan: Plan = PLAN, **options: float) -> Advice:
    network, _ = network_of(plan, len(dataset.classes))
    material = Material(dataset, FeatureCache(tmp_path / "cache"))
    advice = returned(advise(plan, network, material, **options))
    assert isinstance(advice, Advice)
    return advice


def test_candidates_are_measured_on_training_images_alone(tmp_path: Path) -> None:
    dataset = textures(tmp_path / "data")
    advice = advised(dataset, tmp_path)
    measured = [c for c in advice.candidates if c.measured]
    assert {c.images for c in measured} == {len(dataset.part("train"))}
    assert measured[0].name.startswith("raw pixels")
    assert measured[0].choices == ()
    assert advice.chosen.choices
    assert advice.frame()["chosen"].sum() == 1
    again = advised(dataset, tmp_path)
    assert [c.accuracy for c in again.candidates] == pytest.approx(
        [c.accuracy for c in advice.candidates], nan_ok=True
    )


def test_what_does_not_fit_in_the_budget_is_named_with_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dear(*_: object) -> Iterator[Step]:
        yield Step("reading images", 1, 1)
        return 1000.0

    monkeypatch.setattr(bench, "_training_seconds", dear)
    advice = advised(textures(tmp_path / "data"), tmp_path)
    scratch = next(c for c in advice.candidates if c.name == "from scratch")
    assert not scratch.measured
    assert "not measured: would take about 50 min" in scratch.note


def test_training_from_scratch_is_measured_where_there_is_time(tmp_path: Path) -> None:
    advice = advised(textures(tmp_path / "data", 6), tmp_path, budget=10_000)
    scratch = next(c for c in advice.candidates if c.name == "from scratch")
    assert scratch.measured
    assert scratch.images == len(textures(tmp_path / "again", 6).part("train"))


def test_a_budget_too_small_for_anything_is_an_error_that_says_what_is_needed(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=r"--budget 1e-06s: the cheapest candidate needs about"):
        advised(textures(tmp_path / "data"), tmp_path, budget=1e-6)


def test_all_stages_are_compared_when_asked(tmp_path: Path) -> None:
    plan = replace(PLAN, strategy="probe", stage="all")
    advice = advised(textures(tmp_path / "data", 8), tmp_path, plan)
    stages = [dict(c.choices)["stage"] for c in advice.candidates if c.choices]
    assert stages == ["layer4", "layer3", "layer2", "layer1", "stem"]


@pytest.mark.parametrize(
    ("per_class", "similarity", "case"),
    [
        (30, 0.9, ("small", "similar")),
        (30, 0.1, ("small", "different")),
        (5000, 0.9, ("large", "similar")),
        (5000, 0.1, ("large", "different")),
        (30, None, ("small", "unknown")),
    ],
)
def test_the_tutorials_cases(
    per_class: int, similarity: float | None, case: tuple[str, str]
) -> None:
    chosen = Candidate("probe", (("strategy", "probe"),), 60, 0.9, 0.03)
    advice = Advice((chosen,), chosen, per_class, similarity)
    assert advice.case == case
    size, rule, measured = advice.sentences()
    assert RULES[case] in rule
    assert "90.0 %" in measured
    assert f"counts as {case[0]}" in size


def test_simpler_within_one_standard_error_is_said_so() -> None:
    simple = Candidate("simple", (("strategy", "probe"),), 60, 0.90, 0.03)
    best = Candidate("best", (("strategy", "finetune"),), 60, 0.92, 0.03)
    said = Advice((simple, best), simple, 30, 0.5).sentences()[2]
    assert "within one standard error of the best (best) and simpler" in said


@pytest.mark.parametrize(
    ("pretrained", "why"),
    [
        (True, "raw pixels or random weights already do nearly all of it"),
        (False, "it has no pretrained weights"),
    ],
)
def test_why_similarity_cannot_be_told_is_said(pretrained: bool, why: str) -> None:
    chosen = Candidate("probe", (("strategy", "probe"),), 60, 0.9, 0.03)
    said = Advice((chosen,), chosen, 30, None, pretrained=pretrained).sentences()[0]
    assert f"Whether the network knows images like these can't be told: {why}." in said
