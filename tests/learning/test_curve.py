from __future__ import annotations

import numpy as np
import pytest

from firstread.learning import LearningCurve, learning_curve
from firstread.progress import returned


def curve(floor: float, scale: float, power: float, noise: float = 0.003) -> LearningCurve:
    sizes = np.array([20, 40, 80, 160, 320])
    rng = np.random.default_rng(0)
    errors = floor + scale * sizes**-power
    return LearningCurve(sizes, 1 - errors + rng.normal(0, noise, (20, 5)), 80)


def test_the_images_for_a_point_more_are_those_of_the_law() -> None:
    measured = curve(0.0, 2.0, 0.5)
    # Error 0.1118 at 320; 0.1018 where n = (2 / 0.1018) ** 2 = 386, 1.2 times as many.
    assert "About 1.2 times the images would be needed for one point more" in measured.sentence()


def test_a_flat_curve_says_that_more_will_not_help() -> None:
    assert "More data of this kind will not help much" in curve(0.1, 0.5, 1.5, 0.0005).sentence()


def test_where_all_are_right_more_cannot_show() -> None:
    sizes = np.array([10, 20, 40])
    assert "can't show here" in LearningCurve(sizes, np.ones((5, 3)), 10).sentence()


def test_the_extrapolation_holds_the_truth_and_widens() -> None:
    beyond = curve(0.05, 1.0, 0.5).beyond()
    last = beyond.iloc[-1]
    truth = 1 - (0.05 + 1.0 * last["images"] ** -0.5)
    assert last["low"] <= truth <= last["high"]
    width = beyond["high"] - beyond["low"]
    assert width.iloc[-1] > width.iloc[20]


def test_intervals_allow_for_draws_that_overlap() -> None:
    measured = curve(0.05, 1.0, 0.5)
    frame = measured.frame()
    spread = measured.accuracies.std(axis=0, ddof=1)
    expected = 1.96 * spread * np.sqrt(1 / 20 + 80 / measured.sizes)
    assert ((frame["high"] - frame["low"]) / 2).to_numpy() == pytest.approx(expected)


def test_more_images_do_better_and_patients_are_held_out_whole() -> None:
    rng = np.random.default_rng(0)
    targets = np.arange(200) % 2
    features = (rng.normal(size=(1, 200, 30)) + 0.5 * targets[None, :, None]).astype(np.float32)
    groups = np.array([f"p{n // 2}" for n in range(200)], dtype=object)
    drawn = returned(learning_curve(features, targets, groups, c=0.01, classes=2, draws=10))
    assert drawn is not None
    frame = drawn.frame()
    assert frame["accuracy"].iloc[-1] > frame["accuracy"].iloc[0]
    assert frame["images"].iloc[-1] == pytest.approx(160, abs=4)
    assert "patients" in drawn.unit
    again = returned(learning_curve(features, targets, groups, c=0.01, classes=2, draws=10))
    assert np.array_equal(drawn.accuracies, again.accuracies)


def test_a_class_of_one_patient_has_no_curve() -> None:
    features = np.zeros((1, 6, 2), np.float32)
    targets = np.array([0, 0, 0, 1, 1, 1])
    groups = np.array(["a", "b", "c", "d", "d", "d"], dtype=object)
    assert returned(learning_curve(features, targets, groups, c=1.0, classes=2)) is None
