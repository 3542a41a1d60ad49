from __future__ import annotations

import numpy as np
import pytest

from firstread.evidence.bootstrap import Resampling, percentile


def all_weights(resampling: Resampling) -> np.ndarray:
    return np.concatenate(list(resampling.weights()))


def test_every_sample_has_as_many_of_each_stratum() -> None:
    strata = np.array([0] * 30 + [1] * 5)
    weights = all_weights(Resampling(strata, samples=500))
    assert weights.shape == (500, 35)
    assert (weights[:, :30].sum(axis=1) == 30).all()
    assert (weights[:, 30:].sum(axis=1) == 5).all()
    # A case is drawn as a binomial(30, 1/30) would have it: mean 1, variance 29/30.
    assert weights[:, :30].mean() == pytest.approx(1)
    assert weights[:, :30].var() == pytest.approx(29 / 30, rel=0.05)


def test_a_patient_comes_with_all_its_images_or_not_at_all() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2])
    weights = all_weights(Resampling(np.array([0, 0, 1, 1, 0, 0]), groups, samples=50))
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    # Patient 1 is the only one whose images are mostly of stratum 1.
    assert (weights[:, 3] == 1).all()


def test_samples_are_the_same_for_a_seed_and_come_in_blocks() -> None:
    strata = np.zeros(5000, int)
    resampling = Resampling(strata, samples=900)
    assert [len(block) for block in resampling.weights()] == [400, 400, 100]
    assert (all_weights(resampling) == all_weights(resampling)).all()
    other = Resampling(strata, samples=900, seed=1)
    assert (all_weights(resampling) != all_weights(other)).any()


def test_the_middle_of_all_samples() -> None:
    figures = np.arange(1001.0)
    assert percentile(figures) == pytest.approx((25, 975))
    assert percentile(np.append(figures, [np.nan] * 5)) == pytest.approx((25, 975))
    assert np.isnan(percentile(np.array([np.nan]))).all()


def test_a_skewed_mean_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(600):
        values = rng.exponential(size=150)
        resampling = Resampling(np.zeros(150, int), samples=400, seed=seed)
        means = np.concatenate([block @ values / 150 for block in resampling.weights()])
        low, high = percentile(means)
        covered.append(low <= 1 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97
