from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from firstread.evidence.ranking import (
    auroc,
    delong_test,
    mean_auroc,
    roc_points,
)

# J. A. Hanley and B. J. McNeil, Radiology 143 (1982) 29, table I: 109 CT images, rated from
# 1 (definitely normal) to 5 (definitely abnormal).
NORMAL, ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
RATINGS = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], NORMAL + ABNORMAL)
DISEASED = np.repeat([0, 1], [58, 51])


def simulated(rng: np.random.Generator, n: int = 200, gap: float = 1.5) -> tuple:
    positive = rng.random(n) < 0.4
    return positive, rng.normal(size=n) + gap * positive


def test_hanley_and_mcneils_images() -> None:
    area = auroc(DISEASED, RATINGS)
    # Area 0.893 in the paper; DeLong's error and interval as Stata's roctab prints them for
    # these data (0.0307; 0.83295 to 0.95339).
    assert area.value == pytest.approx(0.8932, abs=5e-5)
    error = area.variance**0.5
    assert error == pytest.approx(0.0307, abs=5e-5)
    z = norm.ppf(0.975)
    assert (area.value - z * error, area.value + z * error) == pytest.approx(
        (0.83295, 0.95339), abs=1e-5
    )
    assert area.interval.low < 0.83295
    assert area.interval.high < 0.95339
    assert area.method == "DeLong on the logit scale"


def test_area_equals_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(0)
    positive, scores = simulated(rng)
    for rounded in (scores, scores.round(1), scores.round()):
        assert auroc(positive, rounded).value == pytest.approx(roc_auc_score(positive, rounded))


def test_variance_equals_delongs_formula_worked_pair_by_pair() -> None:
    positive, scores = simulated(np.random.default_rng(1), 60)
    scores = scores.round(1)
    x, y = scores[positive], scores[~positive]
    wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    expected = wins.mean(1).var(ddof=1) / len(x) + wins.mean(0).var(ddof=1) / len(y)
    assert auroc(positive, scores).variance == pytest.approx(expected)
    alone = auroc(positive, scores, np.arange(60)).variance
    assert alone == pytest.approx(expected)


def test_paired_test_equals_the_covariance_worked_pair_by_pair() -> None:
    rng = np.random.default_rng(2)
    positive, first = simulated(rng, 80)
    second = first + rng.normal(size=80)

    def wins(scores: np.ndarray) -> np.ndarray:
        return (scores[positive][:, None] > scores[~positive]).astype(float)

    a, b = wins(first), wins(second)
    covariance = np.cov(a.mean(1), b.mean(1)) / len(a) + np.cov(a.mean(0), b.mean(0)) / a.shape[1]
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    test = delong_test(auroc(positive, first), auroc(positive, second))
    assert test.difference == pytest.approx(a.mean() - b.mean())
    z = test.difference / variance**0.5
    assert test.p_value == pytest.approx(2 * norm.sf(abs(z)))
    assert (test.interval.high - test.interval.low) / 2 == pytest.approx(
        norm.ppf(0.975) * variance**0.5
    )


def test_scores_compared_with_themselves_do_not_differ() -> None:
    area = auroc(DISEASED, RATINGS)
    assert delong_test(area, area) == (0, (0, 0), 1)


def test_copies_of_patients_add_no_information() -> None:
    positive, scores = simulated(np.random.default_rng(3), 100)
    once = auroc(positive, scores)
    copied = auroc(np.repeat(positive, 3), np.repeat(scores, 3), np.repeat(np.arange(100), 3))
    assert copied.value == pytest.approx(once.value)
    assert copied.variance == pytest.approx(once.variance)
    assert copied.method == "Obuchowski on the logit scale, by patient"


def test_a_perfect_ranking_leaves_much_open() -> None:
    area = auroc(np.repeat([0, 1], 5), np.arange(10))
    assert area.value == 1
    assert area.interval.high == 1
    assert 0.5 < area.interval.low < 0.75
    # The limit solves (1 - a)^2 = z^2 a (1 - a) [1 + 4 ((1 - a)/(2 - a) + a/(1 + a))] / 25.
    a = area.interval.low
    spread = 1 + 4 * ((1 - a) / (2 - a) + a / (1 + a))
    assert (1 - a) ** 2 == pytest.approx(norm.ppf(0.975) ** 2 * a * (1 - a) * spread / 25)
    assert "nothing is ranked wrong" in area.method
    reverse = auroc(np.repeat([1, 0], 5), np.arange(10))
    assert reverse.interval == pytest.approx((0, 1 - a))


def test_one_positive_case_has_a_wide_interval() -> None:
    low, high = auroc(np.array([1, 0, 0, 0, 0]), np.array([3.5, 1, 2, 3, 4])).interval
    assert low < 0.4
    assert high > 0.95


def test_a_missing_kind_has_no_area() -> None:
    area = auroc(np.zeros(4), np.arange(4))
    assert np.isnan([area.value, *area.interval]).all()
    assert np.isnan(mean_auroc([area])[0])
    assert np.isnan(delong_test(area, area).difference)


@pytest.mark.parametrize(("gap", "n"), [(1.0, 80), (2.5, 100)])
def test_area_is_covered_by_93_to_97_percent(gap: float, n: int) -> None:
    rng = np.random.default_rng(4)
    truth = norm.cdf(gap / 2**0.5)
    limits = [auroc(*simulated(rng, n, gap)).interval for _ in range(1500)]
    assert 0.93 <= np.mean([low <= truth <= high for low, high in limits]) <= 0.97


def test_area_of_patients_with_several_images_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(80), 3)
    truth = norm.cdf(1.5 / (2 * 1.5) ** 0.5)
    covered = []
    for _ in range(1000):
        positive = np.repeat(rng.random(80) < 0.5, 3)
        shared = rng.normal(size=80)[groups]
        scores = rng.normal(size=240) * 0.5**0.5 + shared + 1.5 * positive
        low, high = auroc(positive, scores, groups).interval
        covered.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_mean_area_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(6)
    centres = np.array([[1.2, 0, 0], [0, 1.2, 0], [0, 0, 1.2]])

    def areas(n: int) -> list:
        targets = rng.integers(0, 3, n)
        scores = rng.normal(size=(n, 3)) + centres[targets]
        return [auroc(targets == k, scores[:, k]) for k in range(3)]

    truth = mean_auroc(areas(400_000))[0]
    limits = [mean_auroc(areas(150))[1] for _ in range(1000)]
    assert 0.93 <= np.mean([low <= truth <= high for low, high in limits]) <= 0.97


def test_a_mean_with_a_perfect_class_is_as_open_as_the_classes() -> None:
    positive, scores = simulated(np.random.default_rng(10), 40)
    areas = [auroc(positive, scores), auroc(positive, positive * 1.0)]
    value, (low, high), method = mean_auroc(areas)
    assert value == pytest.approx((areas[0].value + 1) / 2)
    assert low == pytest.approx((areas[0].interval.low + areas[1].interval.low) / 2)
    assert high == pytest.approx((areas[0].interval.high + 1) / 2)
    assert method == "mean of the classes' intervals"


def test_difference_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(7)
    truth = norm.cdf(1.5 / 2**0.5) - norm.cdf(1.5 / 4**0.5)
    covered = []
    for _ in range(1500):
        positive, scores = simulated(rng, 150)
        noisy = scores + rng.normal(size=150)
        test = delong_test(auroc(positive, scores), auroc(positive, noisy))
        covered.append(test.interval.low <= truth <= test.interval.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_curves_run_from_corner_to_corner() -> None:
    roc = roc_points(DISEASED, RATINGS)
    assert roc[["fpr", "tpr"]].iloc[0].tolist() == [0, 0]
    assert roc[["fpr", "tpr"]].iloc[-1].tolist() == [1, 1]
    # Called abnormal from a rating of 5: 33 of 51 found, 2 of 58 false.
    at = roc[roc["threshold"] == 5].iloc[0]
    assert (at["tpr"], at["fpr"]) == pytest.approx((33 / 51, 2 / 58))
