"""The pixel baseline: against scikit-learn, and on the tutorial's data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from firstread.auditing.pixel_baseline import CROSS_VALIDATION, pixel_baseline
from firstread.auditing.traces import traces
from firstread.datasets import Dataset, load, with_validation


def test_the_tutorials_validation_images_need_no_network(hello_world: Path) -> None:
    dataset = load(hello_world)
    *_, looked = traces(dataset.paths)
    baseline = pixel_baseline(dataset, looked)
    val, crossed = baseline.scores
    assert (val.part, val.right, val.count) == ("val", 10, 10)
    assert val.interval == pytest.approx((beta.ppf(0.025, 10, 1), 1.0))
    assert (crossed.part, crossed.count, baseline.trained) == (CROSS_VALIDATION, 65, 65)
    message = baseline.finding().message
    assert "on the val images: 10 of 10 right (100 %, 95 % interval 69 % to 100 %)" in message


def test_held_out_answers_are_scikit_learns(two_classes: Path) -> None:
    dataset = with_validation(load(two_classes), 0)
    *_, looked = traces(dataset.paths)
    val, _ = pixel_baseline(dataset, looked).scores
    pixels = np.array([trace.small.ravel() for trace in looked])
    held_out = (dataset.cases["split"] == "val").to_numpy()
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=300, class_weight="balanced")
    ).fit(pixels[~held_out], dataset.targets[~held_out])
    np.testing.assert_allclose(val.probabilities, model.predict_proba(pixels[held_out]), rtol=1e-5)
    assert val.paths == tuple(dataset.cases["path"][held_out])


def test_noise_is_not_told_apart(write_image: Callable[..., Path]) -> None:
    rows = [(str(write_image(f"{n}.png", 128, n)), "ab"[n % 2], None, "") for n in range(60)]
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"], dtype=object)
    dataset = Dataset(cases, ("a", "b"))
    *_, looked = traces(dataset.paths)
    (crossed,) = pixel_baseline(dataset, looked).scores
    assert crossed.interval[0] < 0.5 < crossed.interval[1]
    assert crossed.probabilities.sum(axis=1) == pytest.approx(1)


def test_one_image_a_class_is_too_few(write_image: Callable[..., Path]) -> None:
    rows = [(str(write_image(f"{n}.png", 128, n)), "ab"[n], None, "train") for n in range(2)]
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"], dtype=object)
    dataset = Dataset(cases, ("a", "b"))
    *_, looked = traces(dataset.paths)
    assert pixel_baseline(dataset, looked).finding().severity == "not applicable"
