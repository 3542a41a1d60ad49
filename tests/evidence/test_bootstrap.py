from __future__ import annotations

import numpy as np
import pytest

from firstread.evidence.bootstrap import Resampling


def all_weights(resampling: Resampling) -> np.ndarray:
    return np.concatenate(list(resampling.weights()))


def test_every_sample_has_as_many_cases() -> None:
    weights = all_weights(Resampling(30, samples=500))
    assert weights.shape == (500, 30)
    assert (weights.sum(axis=1) == 30).all()
    # A case is drawn as a binomial(30, 1/30) would have it: mean 1, variance 29/30.
    assert weights.var() == pytest.approx(29 / 30, rel=0.05)


def test_a_patient_comes_with_all_its_images_or_not_at_all() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2])
    weights = all_weights(Resampling(6, groups, samples=50))
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 3, 4]].sum(axis=1) == 3).all()


def test_samples_are_the_same_for_a_seed_and_come_in_blocks() -> None:
    resampling = Resampling(5000, samples=900)
    assert [len(block) for block in resampling.weights()] == [400, 400, 100]
    assert (all_weights(resampling) == all_weights(resampling)).all()
    other = Resampling(5000, samples=900, seed=1)
    assert (all_weights(resampling) != all_weights(other)).any()


def test_a_skewed_mean_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(600):
        values = rng.exponential(size=150)
        resampling = Resampling(150, samples=400, seed=seed)
        means = np.concatenate([block @ values / 150 for block in resampling.weights()])
        low, high = np.percentile(means, [2.5, 97.5])
        covered.append(low <= 1 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97
