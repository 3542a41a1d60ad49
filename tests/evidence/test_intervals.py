from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest, ttest_1samp
from scipy.stats.contingency import relative_risk

from firstread.evidence.intervals import (
    Interval,
    mean,
    on_logit_scale,
    proportion,
    ratio,
    repeated_folds,
    trials,
    weighted_sum,
    wilson,
)


@pytest.mark.parametrize(("right", "count"), [(0, 7), (7, 7), (3, 7), (83, 100), (1, 1)])
@pytest.mark.parametrize(("ours", "theirs"), [(proportion, "exact"), (wilson, "wilson")])
def test_interval_equals_scipys(ours: object, theirs: str, right: int, count: int) -> None:
    reference = binomtest(right, count).proportion_ci(method=theirs)
    assert ours(right, count) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_the_tutorials_ten_of_ten() -> None:
    assert proportion(10, 10).low == pytest.approx(0.025 ** (1 / 10))


def test_breastmnists_156_images_tell_an_accuracy_to_within_some_5_points() -> None:
    low, high = proportion(round(0.863 * 156), 156)
    assert (high - low) / 2 == pytest.approx(0.055, abs=0.002)


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_exact_coverage_is_at_least_95_percent(truth: float) -> None:
    outcomes = np.arange(41)
    covered = [proportion(k, 40).low <= truth <= proportion(k, 40).high for k in outcomes]
    assert binom.pmf(outcomes[covered], 40, truth).sum() >= 0.95


@pytest.mark.parametrize(("method", "count"), [(proportion, 400), (wilson, 40)])
def test_mean_coverage_is_93_to_97_percent(method: object, count: int) -> None:
    outcomes = np.arange(count + 1)
    limits = np.array([method(k, count) for k in outcomes])
    shares = np.linspace(0.5, 0.95, 46)
    covered = [
        binom.pmf(outcomes[(limits[:, 0] <= p) & (p <= limits[:, 1])], count, p).sum()
        for p in shares
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_one_image_a_patient_counts_as_it_is() -> None:
    hit = np.array([1, 0, 1, 1])
    tried = np.array([1, 1, 1, 0])
    assert trials(hit, tried) == trials(hit, tried, np.arange(4)) == (2, 3)


def test_copies_of_patients_add_no_information() -> None:
    rng = np.random.default_rng(0)
    hit = rng.random(60) < 0.8
    copied = trials(np.repeat(hit, 5), np.ones(300), np.repeat(np.arange(60), 5))
    assert copied.share == pytest.approx(hit.mean())
    assert 50 < copied.total <= 60


def test_images_of_a_patient_that_are_independent_count_nearly_each() -> None:
    rng = np.random.default_rng(1)
    hit = rng.random(3000) < 0.8
    assert 2600 < trials(hit, np.ones(3000), np.repeat(np.arange(1000), 3)).total <= 3000


def test_all_right_counts_patients() -> None:
    groups = np.repeat(np.arange(4), 25)
    assert proportion(*trials(np.ones(100), np.ones(100), groups)) == proportion(4, 4)


def test_nothing_tried_has_no_interval() -> None:
    nothing = trials(np.zeros(3), np.zeros(3), np.zeros(3, int))
    assert np.isnan([nothing.share, *proportion(*nothing), *wilson(*nothing)]).all()


def test_clustered_coverage_is_93_to_97_percent() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(80), 5)
    covered = []
    for _ in range(1500):
        # Beta(8, 2): patients differ in how easy they are; their mean share is 0.8.
        hit = rng.random(400) < rng.beta(8, 2, 80)[groups]
        low, high = proportion(*trials(hit, np.ones(400), groups))
        covered.append(low <= 0.8 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_difference_of_proportions_is_newcombes_worked_example() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10: 56/70 - 48/80.
    found = weighted_sum([1, -1], [56 / 70, 48 / 80], [wilson(56, 70), wilson(48, 80)])
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_mean_of_recalls_covers_93_to_97_percent() -> None:
    rng = np.random.default_rng(3)
    truths, counts = np.array([0.95, 0.7, 0.8]), np.array([40, 30, 60])
    covered = []
    for _ in range(1500):
        right = rng.binomial(counts, truths)
        limits = [wilson(r, n) for r, n in zip(right, counts, strict=True)]
        low, high = weighted_sum([1 / 3] * 3, list(right / counts), limits)
        covered.append(low <= truths.mean() <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_ratio_of_many_is_scipys() -> None:
    reference = relative_risk(900, 1000, 2000, 10000).confidence_interval()
    found = ratio(0.9, wilson(900, 1000), 0.2, wilson(2000, 10000))
    assert found == pytest.approx((reference.low, reference.high), rel=0.002)


def test_a_ratio_over_nothing_is_open_above() -> None:
    low, high = ratio(1.0, wilson(10, 10), 0.0, wilson(0, 50))
    assert 5 < low < 15
    assert high == float("inf")


def test_ratios_cover_93_to_97_percent() -> None:
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(2000):
        top, under = rng.binomial(60, 0.85), rng.binomial(90, 0.1)
        if under == 0:
            continue
        low, high = ratio(top / 60, wilson(top, 60), under / 90, wilson(under, 90))
        covered.append(low <= 8.5 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_mean_is_scipys() -> None:
    values = np.random.default_rng(5).exponential(size=30)
    reference = ttest_1samp(values, 0).confidence_interval()
    assert mean(values) == pytest.approx((reference.low, reference.high))
    assert mean(values, np.arange(30)) == pytest.approx(mean(values))


def test_a_mean_of_copies_is_as_wide_as_of_the_originals() -> None:
    values = np.random.default_rng(6).exponential(size=30)
    copied = mean(np.repeat(values, 4), np.repeat(np.arange(30), 4))
    assert copied == pytest.approx(mean(values))


def test_the_logit_scale_keeps_within_bounds() -> None:
    low, high = on_logit_scale(0.98, 0.02)
    assert 0.85 < low < 0.98 < high < 1
    assert on_logit_scale(0.5, 0.001) == pytest.approx((0.5 - 0.00196, 0.5 + 0.00196), abs=1e-5)


def test_folds_are_widened_as_nadeau_and_bengio_say() -> None:
    figures = np.array([0.8, 0.9, 0.85, 0.75, 0.9, 0.8, 0.95, 0.85, 0.8, 0.9])
    # Worked: mean 0.85, s^2 = 0.035 / 9; (1/10 + 20/80) s^2 = 0.00136111; t_9 = 2.262157.
    half = 2.262157 * 0.00136111**0.5
    assert repeated_folds(figures, 20, 80) == pytest.approx((0.85 - half, 0.85 + half), abs=1e-6)


def test_an_interval_is_a_pair() -> None:
    low, high = Interval(0.1, 0.2)
    assert (low, high) == (0.1, 0.2)
