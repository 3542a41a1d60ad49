from __future__ import annotations

import numpy as np
import pytest

from firstread.errors import UsageError
from firstread.evidence.conformal import calibrate, needed, quantile

CLASSES = ("a", "b", "c")


def drawn(rng: np.random.Generator, n: int, rare: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """True classes, the third hard to tell, and the probabilities of an overconfident network."""
    targets = rng.choice(3, n, p=[0.6, 0.4 - rare, rare])
    logits = rng.normal(0, 1, (n, 3))
    logits[np.arange(n), targets] += np.array([2.5, 1.5, 0.3])[targets]
    p = np.exp(3 * logits)
    return targets, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_truth_as_often_as_promised_in_each_class(coverage: float) -> None:
    rng = np.random.default_rng(0)
    hits = {k: [] for k in range(3)}
    for _ in range(300):
        sets = calibrate(*drawn(rng, 400), coverage, CLASSES)
        assert sets.conditional
        targets, p = drawn(rng, 400)
        inside = sets.apply(p)[np.arange(400), targets]
        for k in range(3):
            hits[k].append(inside[targets == k].mean())
    for k in range(3):
        error = np.std(hits[k]) / np.sqrt(300)
        assert np.mean(hits[k]) >= coverage - 3 * error
        # No more than 1 / (n + 1) above it, but for sets that would be empty.
        if k == 2:
            assert np.mean(hits[k]) <= coverage + 1 / 20 + 3 * error


def test_without_classes_the_promise_is_over_all_images_and_a_rare_class_pays() -> None:
    rng = np.random.default_rng(1)
    hits, rare = [], []
    for _ in range(400):
        sets = calibrate(*drawn(rng, 40, rare=0.02), 0.9, CLASSES)
        if sets.conditional:
            continue
        targets, p = drawn(rng, 400, rare=0.02)
        inside = sets.apply(p)[np.arange(400), targets]
        hits.append(inside.mean())
        rare.append(inside[targets == 2].mean() if (targets == 2).any() else np.nan)
    assert len(hits) > 300
    assert np.mean(hits) >= 0.9 - 3 * np.std(hits) / np.sqrt(len(hits))
    assert np.nanmean(rare) < 0.8


def test_labels_by_themselves_are_in_the_set_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(300):
        both = []
        for n in (200, 500):
            marks = rng.random((n, 3)) < 0.3
            both.append((marks.astype(int), 1 / (1 + np.exp(-rng.normal(2.0 * marks - 1, 1)))))
        sets = calibrate(*both[0], 0.9, CLASSES)
        marks, p = both[1]
        hits.append(sets.apply(p)[marks == 1].mean())
    assert np.mean(hits) >= 0.9 - 3 * np.std(hits) / np.sqrt(300)
    assert np.mean(hits) <= 0.93


def test_the_quantile_is_the_conformal_one() -> None:
    values = np.arange(1.0, 20.0)
    # Of 19, the ceil(20 * 0.9) = 18th; of 8, the 9th is asked for, which there isn't.
    assert quantile(values, 0.9) == 18
    assert quantile(values, 0.95) == 19
    assert quantile(values[:9], 0.9) == 9
    assert quantile(values[:8], 0.9) == float("inf")


def test_the_most_probable_class_is_always_in_the_set() -> None:
    p = np.tile([0.999, 0.0005, 0.0005], (30, 1))
    sets = calibrate(np.zeros(30, int), p, 0.9, CLASSES)
    assert sets.apply([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]).tolist() == [
        [True, False, False],
        [False, False, True],
    ]


def test_too_few_images_say_how_many_are_needed() -> None:
    targets, p = drawn(np.random.default_rng(0), 12)
    assert not calibrate(targets, p, 0.9, CLASSES).conditional
    message = (
        r"--coverage 0.95 needs at least 19 validation images, and this run has .*at most 0.92"
    )
    with pytest.raises(UsageError, match=message):
        calibrate(targets, p, 0.95, CLASSES)
    marks = np.array([[1, 0, 0]] * 10 + [[0, 1, 0]] * 10 + [[0, 0, 1]] * 3)
    with pytest.raises(
        UsageError, match=r"9 images with each label, .* 3 c; ask for at most 0\.75"
    ):
        calibrate(marks, np.full((23, 3), 0.5), 0.9, CLASSES)
    with pytest.raises(UsageError, match=r"write a share from 0\.5 to 0\.999"):
        calibrate(targets, p, 90, CLASSES)


def test_what_the_sets_rest_on_is_said() -> None:
    targets = np.repeat([0, 1, 2], [20, 30, 10])
    p = drawn(np.random.default_rng(0), 60)[1]
    each = calibrate(targets, p, 0.9, CLASSES).sentence()
    assert "90 % of the images of each class (calibrated on 20 a, 30 b, 10 c)" in each
    together = calibrate(targets, p, 0.95, CLASSES).sentence()
    assert "calibrated on 60" in together
    assert f"would need {needed(0.95)} images" in together
