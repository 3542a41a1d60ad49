from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from firstread.evidence.bootstrap import Resampling
from firstread.evidence.calibration import (
    bin_errors,
    calibration_error,
    calibration_error_interval,
    intercept,
    reliability,
    slope,
)


def simulated(seed: int, n: int = 400, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Truth drawn from probabilities, and those probabilities with logits stretched."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=n) * 1.5
    return rng.random(n) < expit(logits), expit(stretch * logits)


def test_slope_and_its_error_equal_logistic_regressions() -> None:
    truth, p = simulated(0, stretch=2)
    x = logit(p)
    fit = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(x[:, None], truth)
    q = expit(fit.coef_[0, 0] * x + fit.intercept_[0])
    design = np.column_stack([np.ones_like(x), x])
    error = np.linalg.inv(design.T @ (design * (q * (1 - q))[:, None]))[1, 1] ** 0.5
    value, (low, high) = slope(truth, p)
    assert value == pytest.approx(fit.coef_[0, 0], rel=1e-4)
    assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-3)
    assert 0.3 < value < 0.7


def test_intercept_makes_the_mean_right() -> None:
    truth, p = simulated(1)
    shifted = expit(logit(p) - 0.8)
    value, (low, high) = intercept(truth, shifted)
    assert expit(logit(shifted) + value).mean() == pytest.approx(truth.mean())
    assert low < 0.8 < high


@pytest.mark.parametrize("measure", [slope, intercept])
def test_copies_of_patients_add_no_information(measure: object) -> None:
    truth, p = simulated(2)
    value, (low, high) = measure(truth, p)
    again, ends = measure(np.repeat(truth, 3), np.repeat(p, 3), np.repeat(np.arange(400), 3))
    assert again == pytest.approx(value, abs=1e-6)
    assert ends.high - ends.low == pytest.approx(high - low, rel=0.12)


def test_parted_classes_have_no_slope_and_one_class_no_intercept() -> None:
    truth, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.2, 0.9])
    assert np.isnan(slope(truth, p).value)
    assert not np.isnan(intercept(truth, p).value)
    assert np.isnan(intercept(np.ones(4), p).value)
    assert np.isnan(slope(np.ones(4), p).value)


def test_certainty_is_taken_for_nearly_so() -> None:
    truth, p = simulated(3)
    p[:3] = [0, 1, 1]
    assert np.isfinite([slope(truth, p).value, intercept(truth, p).value]).all()


def test_calibration_error_worked_by_hand() -> None:
    # Bin 0.9 to 1: mean 0.95, 1 of 2 right; bin 0.6 to 0.7: mean 0.64, 2 of 2; 0.7 to 0.8: 0.7, 0.
    confidence = np.array([0.92, 0.98, 0.62, 0.66, 0.7])
    right = np.array([1, 0, 1, 1, 0])
    expected = (2 * abs(0.95 - 0.5) + 2 * abs(0.64 - 1) + 0.7) / 5
    assert calibration_error(right, confidence) == pytest.approx(expected)
    assert calibration_error(np.array([True]), np.array([1.0])) == 0


@pytest.mark.parametrize("stretch", [1.0, 1.5, 3.0])
def test_calibration_error_is_covered(stretch: float) -> None:
    truth = calibration_error(*simulated(9, 1_000_000, stretch))
    covered = []
    for seed in range(400):
        right, p = simulated(seed, 300, stretch)
        blocks = Resampling(300, samples=200, seed=seed).weights()
        errors = np.concatenate([np.abs(b @ bin_errors(right, p)).sum(axis=1) for b in blocks])
        low, high = calibration_error_interval(right, p, float(errors.std()) / 300)
        covered.append(low <= truth <= high)
    # Wide where the probabilities are right: 0 is then the end of what can be.
    assert 0.93 <= np.mean(covered) <= (0.97 if stretch > 1 else 1)


def test_reliability_counts_each_bin() -> None:
    truth, p = simulated(4)
    frame = reliability(truth, p)
    assert frame["n"].sum() == 400
    assert frame["predicted"].is_monotonic_increasing
    held = (p >= 0.3) & (p < 0.4)
    row = frame.iloc[3]
    assert row["observed"] == pytest.approx(truth[held].mean())
    limits = binomtest(int(truth[held].sum()), int(held.sum())).proportion_ci()
    assert (row["low"], row["high"]) == pytest.approx((limits.low, limits.high))
