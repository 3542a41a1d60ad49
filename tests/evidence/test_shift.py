from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from firstread.evidence.shift import compare_images


def measured(
    n: int, seed: int, side: int = 400, mean: float = 0.4, format_: str = "png"
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "path": [f"{k}.png" for k in range(n)],
            "format": format_,
            "channels": 1,
            "bits": 8,
            "width": rng.integers(side - 50, side + 50, n),
            "height": rng.integers(side - 50, side + 50, n),
            "mean": rng.normal(mean, 0.05, n),
            "contrast": rng.normal(0.2, 0.02, n),
            "dark": rng.random(n) * 0.1,
            "bright": rng.random(n) * 0.1,
        }
    )


def test_images_of_one_kind_do_not_differ_clearly() -> None:
    false_alarms = [
        len(compare_images(measured(80, k), measured(40, k + 1000)).clear) for k in range(100)
    ]
    assert sum(false_alarms) <= 2
    assert (
        "None of 10 things looked at differs clearly"
        in compare_images(measured(80, 0), measured(40, 1)).sentence()
    )


def test_what_differs_is_named_with_its_numbers_the_largest_first() -> None:
    training, here = measured(80, 0), measured(40, 1, side=900, mean=0.55, format_="jpeg")
    shift = compare_images(training, here, ({"abd": 40, "chst": 40}, {"abd": 4, "chst": 36}))
    clear = {difference.what: difference for difference in shift.clear}
    assert set(clear) == {"width", "height", "mean gray level", "file format", "classes"}
    assert clear["file format"].sentence() == (
        "file format: jpeg 100 % here, png 100 % in training"
    )
    assert clear["classes"].here == "abd 10 %, chst 90 %"
    assert clear["classes"].distance == pytest.approx(0.4)
    assert clear["mean gray level"].distance == pytest.approx(
        ks_2samp(training["mean"], here["mean"]).statistic
    )
    distances = shift.frame()["distance"].tolist()
    assert distances == sorted(distances, reverse=True)
    assert shift.sentence().startswith("5 of 11 things looked at differ clearly from the 80")
    assert json.dumps(shift.record(), allow_nan=False)


def test_two_images_cannot_show_much() -> None:
    shift = compare_images(measured(80, 0), measured(2, 1, mean=0.55))
    assert shift.clear == ()
    assert "with 2 images" in shift.sentence()
