from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from firstread.evidence.bootstrap import Resampling
from firstread.evidence.precision_recall import (
    Ranking,
    auprc,
    auprc_interval,
    precision_recall_points,
)


def simulated(rng: np.random.Generator, n: int = 200, gap: float = 1.5) -> tuple:
    positive = rng.random(n) < 0.4
    return positive, rng.normal(size=n) + gap * positive


def test_area_equals_scikit_learns_with_ties() -> None:
    positive, scores = simulated(np.random.default_rng(0))
    for rounded in (scores, scores.round(1), scores.round()):
        expected = average_precision_score(positive, rounded)
        assert auprc(positive, rounded) == pytest.approx(expected)


def test_no_positive_case_has_no_area() -> None:
    assert np.isnan(auprc(np.zeros(4), np.arange(4)))


def test_the_curve_ends_where_everything_is_called() -> None:
    positive, scores = simulated(np.random.default_rng(1))
    curve = precision_recall_points(positive, scores)
    assert curve["recall"].is_monotonic_increasing
    assert curve["precision"].iloc[-1] == pytest.approx(positive.mean())


def test_weighted_precision_equals_scikit_learns() -> None:
    positive, scores = simulated(np.random.default_rng(8), 50)
    scores = scores.round(1)
    weights = next(Resampling(len(positive), samples=20).weights())
    expected = [average_precision_score(positive, scores, sample_weight=w) for w in weights]
    found = Ranking.of(positive, scores).average_precision(weights)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_perfect_precision_is_as_open_as_its_positives_are_few() -> None:
    positive = np.repeat([0, 1], [50, 5])
    interval, method = auprc_interval(positive, 1.0, np.ones(10))
    assert interval == pytest.approx((0.025 ** (1 / 5), 1))
    assert "perfect ranking" in method


def test_precision_is_covered_by_93_to_97_percent() -> None:
    rng = np.random.default_rng(9)

    def drawn(n: int) -> tuple:
        positive = np.arange(n) < 0.3 * n
        return positive, rng.normal(size=n) + 1.5 * positive

    truth = auprc(*drawn(2_000_000))
    covered = []
    for seed in range(500):
        positive, scores = drawn(400)
        blocks = Resampling(400, samples=300, seed=seed).weights()
        ranking = Ranking.of(positive, scores)
        resampled = np.concatenate([ranking.average_precision(block) for block in blocks])
        (low, high), _ = auprc_interval(positive, auprc(positive, scores), resampled)
        covered.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.97
