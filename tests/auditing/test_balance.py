from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from firstread.auditing import Finding, Survey
from firstread.auditing.balance import (
    all_right,
    balance,
    counted,
    few,
    images_needed,
    judged,
    mix,
)
from firstread.datasets import Dataset

NOTHING = Survey(pd.DataFrame(), np.empty((0, 64, 64), np.uint8))
Find = Callable[[Dataset, Survey], Iterator[Finding]]


def dataset(**parts: dict[str, int]) -> Dataset:
    """A data set of so many images a class a part; `all` stands for images without a part."""
    rows = [
        (f"{split}/{label}/{k}.png", label, None, "" if split == "all" else split)
        for split, counts in parts.items()
        for label, count in counts.items()
        for k in range(count)
    ]
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"])
    return Dataset(cases, tuple(sorted(set(cases["label"]))))


def found(find: Find, **parts: dict[str, int]) -> list[Finding]:
    return list(find(dataset(**parts), NOTHING))


@pytest.mark.parametrize("count", [1, 5, 10, 140, 1000])
def test_all_right_is_the_exact_interval(count: int) -> None:
    exact = binomtest(count, count).proportion_ci(0.95, method="exact")
    assert all_right(count) == pytest.approx(exact.low)


def test_images_needed_narrow_the_interval_to_the_margin() -> None:
    needed = images_needed(0.9, 0.05)
    # z² p (1 - p) / m² = 1.96² x 0.09 / 0.0025 = 138.3
    assert needed == 139
    half = [
        np.ptp(binomtest(round(0.9 * n), n).proportion_ci(0.95, method="wilson")) / 2
        for n in (needed, needed // 2)
    ]
    assert half[0] == pytest.approx(0.05, abs=0.003)
    assert half[1] > 0.06


def test_ten_validation_images_are_told_what_they_can_show() -> None:
    (finding,) = found(judged, train={"abd": 32, "chst": 33}, val={"abd": 5, "chst": 5})
    assert finding.code == "VALIDATION-SIZE"
    assert finding.severity == "warning"
    assert finding.message == (
        "10 images in val/ (abd 5, chst 5): all right would mean 69 % to 100 %; at 90 % accuracy, "
        "an interval of 5 points either way needs about 140."
    )


def test_enough_validation_images_are_a_note() -> None:
    (finding,) = found(judged, train={"a": 50, "b": 50}, val={"a": 200, "b": 200})
    assert finding.severity == "note"
    # 1.96 x sqrt(0.9 x 0.1 / 400) = 2.94 points
    assert "at 90 % accuracy, the interval is about 2.9 points either way" in finding.message


def test_images_that_are_yet_to_be_set_aside_are_counted() -> None:
    (finding,) = found(judged, all={"a": 30, "b": 20})
    assert finding.message.startswith("10 images would be set aside to validate on (a 6, b 4)")


def test_a_test_part_is_judged_by_itself() -> None:
    codes = [f.code for f in found(judged, train={"a": 9}, val={"a": 9}, test={"a": 9})]
    assert codes == ["VALIDATION-SIZE", "TEST-SIZE"]


def test_small_classes_are_named() -> None:
    (finding,) = found(few, train={"a": 50, "rare": 7}, val={"a": 90, "rare": 90})
    assert finding.message == "rare 7: fewer than 20 images to train on."
    assert not found(few, train={"a": 20, "b": 20})


def test_a_skewed_data_set_says_what_guessing_gets() -> None:
    (finding,) = found(balance, train={"sick": 10, "well": 90})
    assert finding.severity == "note"
    assert "always answering 'well' is right 90 % of the time" in finding.message
    (worse,) = found(balance, train={"sick": 5, "well": 95})
    assert worse.severity == "warning"
    assert not found(balance, train={"sick": 40, "well": 60})


def test_parts_with_another_mix() -> None:
    (finding,) = found(mix, train={"a": 80, "b": 20}, val={"a": 20, "b": 80})
    assert "train: a 80 %, b 20 %; val: a 20 %, b 80 %" in finding.message
    # For two by two tables Cramer's V is the phi coefficient: (80 x 80 - 20 x 20) / 100² = 0.6,
    # a little less with Yates' correction.
    assert dict(finding.figures)["Cramer's V"] == pytest.approx(0.6, abs=0.02)
    assert not found(mix, train={"a": 32, "b": 33}, val={"a": 5, "b": 5})
    assert not found(mix, train={"a": 50, "b": 50}, val={"a": 8, "b": 3})


def test_counts_say_every_class_and_part() -> None:
    (finding,) = found(counted, train={"a": 3, "b": 2}, val={"a": 1})
    assert finding.severity == "note"
    assert finding.message == "6 images in 2 classes: train: a 3, b 2; val: a 1, b 0."
