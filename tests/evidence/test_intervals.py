from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from firstread.evidence import proportion


@pytest.mark.parametrize(("right", "count"), [(0, 7), (7, 7), (3, 7), (83, 100), (1, 1)])
def test_interval_equals_scipys(right: int, count: int) -> None:
    reference = binomtest(right, count).proportion_ci(method="exact")
    assert proportion(right, count) == pytest.approx((reference.low, reference.high))


def test_the_tutorials_ten_of_ten() -> None:
    assert proportion(10, 10).low == pytest.approx(0.025 ** (1 / 10))


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_coverage_is_at_least_95_percent(truth: float) -> None:
    outcomes = np.arange(41)
    covered = [proportion(k, 40).low <= truth <= proportion(k, 40).high for k in outcomes]
    assert binom.pmf(outcomes[covered], 40, truth).sum() >= 0.95
