from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from firstread.learning.candidates import Candidate, standard_error, winner

SIMPLE = Candidate("simple", (("strategy", "probe"),), 100, 0.90, 0.03)
MIDDLE = Candidate("middle", (("strategy", "probe"),), 100, 0.93, 0.03)
BEST = Candidate("best", (("strategy", "finetune"),), 100, 0.94, 0.02)
CONTROL = Candidate("control", (), 100, 0.99, 0.01)
DEAR = Candidate("dear", (("strategy", "scratch"),), note="not measured")


def test_the_simplest_within_one_standard_error_of_the_best_wins() -> None:
    assert winner((CONTROL, SIMPLE, MIDDLE, BEST, DEAR)) is MIDDLE
    assert winner((CONTROL, SIMPLE, BEST)) is BEST
    assert winner((SIMPLE, DEAR)) is SIMPLE


def test_the_interval_is_wilsons() -> None:
    expected = binomtest(90, 100).proportion_ci(method="wilson")
    assert SIMPLE.interval == pytest.approx((expected.low, expected.high), abs=1e-6)
    low, high = Candidate("all right", (), 10, 1.0, 0.1).interval
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(binomtest(10, 10).proportion_ci(method="wilson").low, abs=1e-6)


def test_the_standard_error_is_of_patients_where_they_repeat() -> None:
    rng = np.random.default_rng(0)
    single = (rng.random(400) < 0.8).astype(float)
    alone = standard_error(single, np.arange(400))
    assert alone == pytest.approx(np.sqrt(0.8 * 0.2 / 400), rel=0.1)
    # Ten copies of each image say nothing new.
    assert standard_error(np.repeat(single, 10), np.repeat(np.arange(400), 10)) == pytest.approx(
        alone, rel=0.05
    )


def test_it_is_not_zero_where_all_are_right() -> None:
    assert standard_error(np.ones(10), np.arange(10)) > 0.05


def test_an_unmeasured_one_has_no_interval() -> None:
    assert not DEAR.measured
    assert np.isnan(DEAR.interval).all()
    assert DEAR.record()["note"] == "not measured"
