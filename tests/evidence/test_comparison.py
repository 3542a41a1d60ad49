from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from firstread.errors import UsageError
from firstread.evidence.comparison import Comparison, compare


def answered(truth: np.ndarray, right: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """Probabilities of two classes that are right where asked."""
    answer = np.where(right, truth, 1 - truth)
    return np.where(answer[:, None] == np.arange(2), sure, 1 - sure)


def table(both: int, first: int, second: int, neither: int) -> Comparison:
    a = np.repeat([1, 1, 0, 0], [both, first, second, neither])
    b = np.repeat([1, 0, 1, 0], [both, first, second, neither])
    truth = np.arange(len(a)) % 2
    return compare(("A", "B"), truth, answered(truth, a), answered(truth, b))


def test_breastmnists_156_images_cannot_tell_most_models_apart() -> None:
    comparison = table(128, 7, 4, 17)
    assert comparison.p_value == pytest.approx(binomtest(7, 11).pvalue)
    assert not comparison.told_apart
    assert comparison.sentence() == (
        "These 156 images can't tell the two apart: A is right on 135 of 156, B on 132; the "
        "difference is 1.9 points (-2.6 to 6.4), p = 0.55. Some 1,495 images "
        "like these would tell."
    )


def test_bonett_and_prices_interval_worked() -> None:
    # (b + 1)/(n + 2) = 8/158, (c + 1)/(n + 2) = 5/158.
    up, down = 8 / 158, 5 / 158
    half = 1.959964 * ((up + down - (up - down) ** 2) / 158) ** 0.5
    assert table(128, 7, 4, 17).accuracy.interval == pytest.approx(
        (up - down - half, up - down + half), abs=1e-6
    )


def test_models_that_differ_are_told_apart_in_either_order() -> None:
    comparison = table(100, 40, 5, 11)
    assert comparison.told_apart
    assert comparison.sentence().startswith(
        "On these 156 images A is more often right than B: A is right on 140 of 156, B on 105"
    )
    assert "B is more often right than A" in table(100, 5, 40, 11).sentence()
    assert comparison.p_value < 0.001
    assert "p = under 0.001" in comparison.sentence()


def test_models_that_never_differ_may_still_differ() -> None:
    comparison = table(10, 0, 0, 0)
    assert comparison.p_value == 1
    assert comparison.needed is None
    low, high = comparison.accuracy.interval
    assert low < -0.2
    assert high > 0.2
    assert json.dumps(comparison.record(), allow_nan=False)


def test_the_sample_size_gives_the_power_that_it_promises() -> None:
    n = table(128, 7, 4, 17).needed
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, np.array([7, 4, 145]) / 156, 2000)
    p = [2 * binom.cdf(min(b, c), b + c, 0.5) for b, c, _ in draws]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.8, abs=0.05)


def test_differences_equal_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 120)
    p, q = (
        np.clip(0.5 + (2 * truth - 1) * s + 0.3 * rng.normal(size=120), 0.01, 0.99)
        for s in (0.3, 0.1)
    )
    first, second = (np.column_stack([1 - x, x]) for x in (p, q))
    frame = compare(("A", "B"), truth, first, second).frame().set_index("figure")
    expected = {
        "accuracy": ((p > 0.5) == truth).mean() - ((q > 0.5) == truth).mean(),
        "balanced_accuracy": balanced_accuracy_score(truth, p > 0.5)
        - balanced_accuracy_score(truth, q > 0.5),
        "log_loss": log_loss(truth, p) - log_loss(truth, q),
        "auroc": roc_auc_score(truth, p) - roc_auc_score(truth, q),
        "brier": ((p - truth) ** 2).mean() - ((q - truth) ** 2).mean(),
    }
    for figure, value in expected.items():
        assert frame.loc[figure, "difference"] == pytest.approx(value), figure
    assert ((frame["low"] < frame["difference"]) & (frame["difference"] < frame["high"])).all()


def test_areas_of_three_classes_move_as_in_a_paired_bootstrap() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(150) % 3
    shared = rng.normal(size=(150, 3))
    logits = [2 * s * np.eye(3)[truth] + shared + 0.7 * rng.normal(size=(150, 3)) for s in (1, 0.7)]
    first, second = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in logits)

    def gap(rows: np.ndarray) -> float:
        return float(
            np.subtract(
                *(roc_auc_score(truth[rows], p[rows], multi_class="ovr") for p in (first, second))
            )
        )

    found = compare(("A", "B"), truth, first, second).differences[-1]
    assert found.value == pytest.approx(gap(np.arange(150)))
    strata = [np.flatnonzero(truth == k) for k in range(3)]
    moved = [gap(np.concatenate([rng.choice(s, len(s)) for s in strata])) for _ in range(600)]
    assert found.interval == pytest.approx(np.percentile(moved, [2.5, 97.5]), abs=0.012)
    assert found.method == "DeLong, paired, mean of classes"


def test_copies_of_patients_add_no_evidence() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 60)
    a, b = rng.random(60) < 0.9, rng.random(60) < 0.75
    first, second = answered(truth, a), answered(truth, b)
    once = compare(("A", "B"), truth, first, second)
    many = np.repeat(np.arange(60), 5)
    copied = compare(("A", "B"), truth[many], first[many], second[many], groups=many)
    assert copied.accuracy.value == pytest.approx(once.accuracy.value)
    assert copied.p_value == pytest.approx(once.p_value, abs=0.02)
    for one, other in zip(copied.differences[:-1], once.differences[:-1], strict=True):
        assert one.interval == pytest.approx(other.interval, abs=0.02), one.figure
    assert (copied.n, copied.patients) == (300, 60)


@pytest.mark.parametrize(("n", "rare"), [(150, 75), (150, 30), (40, 12)])
def test_differences_are_covered_as_often_as_said(n: int, rare: int) -> None:
    rng = np.random.default_rng(3)
    truth = (np.arange(n) < rare).astype(int)

    def two(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Images are hard for both, those of the rare class more so, and for one a little more.
        hard = rng.normal(size=len(truth)) - 1.2 + 0.4 * truth
        sides = [hard + 0.5 * rng.normal(size=len(truth)) - gap for gap in (0.3, 0.1)]
        return tuple(np.where(truth, 1, -1) * -side for side in sides)  # type: ignore[return-value]

    def probabilities(score: np.ndarray) -> np.ndarray:
        return np.column_stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))])

    far = (np.arange(10**6) < 10**6 * rare / n).astype(int)
    p, q = (probabilities(score) for score in two(far))
    truths = {
        "accuracy": ((p[:, 1] > 0.5) == far).mean() - ((q[:, 1] > 0.5) == far).mean(),
        "balanced_accuracy": np.subtract(
            *(balanced_accuracy_score(far, x[:, 1] > 0.5) for x in (p, q))
        ),
        "log_loss": log_loss(far, p) - log_loss(far, q),
        "brier": ((p[:, 1] - far) ** 2).mean() - ((q[:, 1] - far) ** 2).mean(),
    }
    covered: dict[str, list[bool]] = {figure: [] for figure in truths}
    for _ in range(800):
        frame = compare(("A", "B"), truth, *map(probabilities, two(truth))).frame()
        for row in frame[frame["figure"].isin(truths)].itertuples():
            covered[row.figure].append(row.low <= truths[row.figure] <= row.high)
    # Bonett and Price's covers more where the models differ on but a few images of a class.
    most = 0.975 if rare > 50 else 1.0
    for figure, marks in covered.items():
        assert 0.925 <= np.mean(marks) <= most, figure


def test_classes_that_are_all_right_or_all_wrong_leave_much_open() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    sure = np.eye(3) * 0.8 + 0.1
    # The second model says class 0 to all of class 1, and all of class 2.
    comparison = compare(("A", "B"), truth, sure[truth], sure[np.zeros(9, int)])
    found = comparison.differences[1]
    assert found.figure == "balanced_accuracy"
    assert found.value == pytest.approx(2 / 3)
    assert found.interval.low < 0.5
    assert found.interval.high > 0.7


def test_a_model_without_an_error_does_not_show_what_one_costs() -> None:
    truth = np.arange(10) % 2
    sure, guessed = answered(truth, np.ones(10)), answered(truth, np.arange(10) > 0, sure=0.6)
    gaps = {d.figure: d for d in compare(("A", "B"), truth, sure, guessed).differences}
    for figure in ("log_loss", "brier"):
        low, high = gaps[figure].interval
        assert gaps[figure].method == "Zou-Donner, not paired"
        assert low < gaps[figure].value < 0 < high  # One error of the sure model would cost more.


def test_a_class_without_images_has_no_say() -> None:
    truth = np.array([0, 0, 1, 1])
    sure = np.eye(3) * 0.8 + 0.1
    found = compare(("A", "B"), truth, sure[truth], sure[[0, 0, 1, 2]]).differences[1]
    assert found.value == pytest.approx(0.25)
    assert found.interval.low < 0 < found.interval.high


def test_several_labels_an_image() -> None:
    targets = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
    perfect = targets * 0.8 + 0.1
    comparison = compare(("A", "B"), targets, perfect, 1 - perfect)
    assert (comparison.first_only, comparison.both) == (4, 0)
    assert [d.figure for d in comparison.differences] == [
        "accuracy",
        "balanced_accuracy",
        "log_loss",
        "brier",
        "auroc",
    ]
    balanced, area = comparison.differences[1], comparison.differences[-1]
    assert (balanced.value, balanced.method) == (1, "mean of classes' Bonett-Price")
    assert balanced.interval.low < 0.7  # Two images of each class.
    assert area.value == 1
    assert area.interval.low < 0.9  # Four images can't make anybody sure.


def test_different_images_are_refused() -> None:
    with pytest.raises(UsageError, match="they judged 3 and 2 images, and 3 are labelled"):
        compare(("A", "B"), np.zeros(3, int), np.full((3, 2), 0.5), np.full((2, 2), 0.5))
