from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from firstread.errors import UsageError
from firstread.evidence.subgroups import banded, subgroups


def judged(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(len(right)) % 2
    answer = np.where(right, truth, 1 - truth)
    return truth, np.where(answer[:, None] == np.arange(2), 0.9, 0.1)


def parted(counts: dict[str, tuple[int, int]]) -> tuple[list[str], np.ndarray]:
    """Right and wrong images of each part."""
    parts = [name for name, (r, w) in counts.items() for _ in range(r + w)]
    right = np.concatenate([np.repeat([True, False], pair) for pair in counts.values()])
    return parts, right


def test_a_gap_has_an_interval_and_the_chance_of_fishers_test() -> None:
    parts, right = parted({"F": (56, 14), "M": (48, 32)})
    found = subgroups("sex", parts, ["a", "b"], *judged(right), samples=50)
    gap = found.gap
    assert (gap.best, gap.worst) == ("F", "M")
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
    assert gap.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    reference = fisher_exact([[56, 14], [48, 32]]).pvalue
    assert gap.p_value == pytest.approx(reference, abs=0.005)
    assert found.sentence().startswith(
        "By sex: a gap of 20 points of accuracy (5 to 33) between 'F' and 'M'"
    )
    assert "Ask why" in found.sentence()


def test_chance_gaps_are_said_to_be() -> None:
    parts, right = parted({"F": (18, 2), "M": (16, 4), "X": (3, 0)})
    found = subgroups("sex", parts, ["a", "b"], *judged(right), samples=50)
    assert (found.gap.best, found.gap.worst) == ("F", "M")
    assert "which chance may have made" in found.sentence()
    assert found.sentence().endswith("% of shuffles.")
    assert "e+" not in found.sentence()


def test_the_table_holds_every_figure_of_every_part() -> None:
    parts, right = parted({"old": (30, 10), "young": (20, 5), "": (4, 1)})
    found = subgroups("band", parts, ["a", "b"], *judged(right), samples=50)
    frame = found.frame()
    accuracy = frame[frame["figure"] == "accuracy"].set_index("part")
    assert accuracy["value"].to_dict() == {"old": 0.75, "young": 0.8, "not given": 0.8}
    assert accuracy["images"].to_dict() == {"old": 40, "young": 25, "not given": 5}
    assert (frame["column"] == "band").all()
    assert [e.value for e in found.estimates("accuracy")] == [0.75, 0.8, 0.8]
    assert json.dumps(found.record(), allow_nan=False)


def test_patients_move_whole() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 10)
    # Ten patients right throughout, ten wrong throughout: 200 images tell as much as 20.
    right = np.repeat(np.arange(20) % 2 == 0, 10)
    parts = np.repeat(rng.permutation(["F", "M"] * 10), 10)
    truth, p = judged(right)
    clustered = subgroups("sex", parts, ["a", "b"], truth, p, groups=patients, samples=20)
    alone = subgroups("sex", parts, ["a", "b"], truth, p, samples=20)
    table = [[((parts == s) & (right == r))[::10].sum() for r in (True, False)] for s in "FM"]
    assert clustered.gap.p_value == pytest.approx(fisher_exact(table).pvalue, abs=0.02)
    assert alone.gap.p_value <= clustered.gap.p_value


def test_too_few_images_are_not_compared() -> None:
    parts, right = parted({"F": (30, 5), "M": (5, 4)})
    found = subgroups("sex", parts, ["a", "b"], *judged(right), samples=20)
    assert found.gap is None
    assert "too few to compare" in found.sentence()


def test_numbers_become_bands_of_equal_counts_in_order() -> None:
    ages = pd.Series([str(age) for age in range(20, 100)] + ["", None])
    bands = banded("age", ages)
    assert bands.value_counts().to_dict() == {
        "20 to 39": 20,
        "40 to 59": 20,
        "60 to 79": 20,
        "80 to 99": 20,
        "not given": 2,
    }
    right = np.ones(82, bool)
    found = subgroups("age", ages, ["a", "b"], *judged(right), samples=20)
    assert found.names == ("20 to 39", "40 to 59", "60 to 79", "80 to 99", "not given")


def test_few_numbers_stay_themselves() -> None:
    assert set(banded("field strength", pd.Series(["1.5", "3", "1.5"]))) == {"1.5", "3"}


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(UsageError, match="every image has 'F'"):
        banded("sex", pd.Series(["F", "F"]))
    with pytest.raises(UsageError, match="has 20 values"):
        banded("name", pd.Series([f"x{k}" for k in range(20)]))
