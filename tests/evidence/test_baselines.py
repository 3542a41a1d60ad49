from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.dummy import DummyClassifier

from firstread.errors import UsageError
from firstread.evidence.baselines import STEPS, Ladder, Rung, climb, majority


def right(truth: np.ndarray, count: int) -> np.ndarray:
    """Probabilities that are right on the first `count` images."""
    answer = np.where(np.arange(len(truth)) < count, truth, 1 - truth)
    return np.where(answer[:, None] == np.arange(2), 0.8, 0.2)


def ladder(n: int, counts: dict[str, int]) -> Ladder:
    truth = np.arange(n) % 2
    rungs = [Rung(kind, right(truth, count)) for kind, count in counts.items()]
    return climb(truth, rungs)


def test_the_tutorials_ten_images_show_nothing() -> None:
    found = ladder(10, {"model": 10, "majority": 5, "pixels": 10})
    assert found.rungs == ("majority", "pixels", "model")
    assert found.sentence() == (
        "These 10 images don't show that the network adds anything: the trained model is right on "
        "10 of 10, against 10 by logistic regression on 28 x 28 pixels, a difference of 0.0 "
        "points (-23.1 to 23.1)."
    )


def test_what_the_network_adds_and_whence() -> None:
    found = ladder(
        200, {"majority": 100, "pixels": 120, "random": 125, "pretrained": 180, "model": 184}
    )
    assert found.sentence().startswith(
        "The network adds something: the trained model is right on 184 of 200, against 120 by "
        "logistic regression on 28 x 28 pixels, a difference of 32.0 points"
    )
    assert found.sentence().endswith(
        "Its learned weights do more than random ones. That training it did more than a probe on "
        "its pretrained weights isn't shown."
    )


def test_a_network_that_is_worse_is_said_to_be() -> None:
    assert "worse than what needs none" in ladder(200, {"pixels": 190, "model": 140}).sentence()


def test_the_table_holds_each_rung_and_the_models_lead() -> None:
    frame = ladder(200, {"majority": 100, "pixels": 120, "model": 184}).frame()
    assert frame["kind"].tolist() == ["majority", "pixels", "model"]
    assert frame["rung"].tolist() == [STEPS[kind].title for kind in frame["kind"]]
    limits = binomtest(120, 200).proportion_ci()
    assert frame.loc[1, ["accuracy", "low", "high"]].tolist() == pytest.approx(
        [0.6, limits.low, limits.high]
    )
    assert frame.loc[1, "difference"] == pytest.approx(0.32)
    assert frame.loc[1, "p_value"] == pytest.approx(binomtest(64, 64).pvalue)
    assert np.isnan(frame.loc[2, "difference"])


def test_what_was_not_tried_is_named() -> None:
    truth = np.arange(20) % 2
    found = climb(
        truth,
        [Rung("metadata", None, "the table has no other columns"), Rung("model", right(truth, 15))],
    )
    assert found.missing == (("metadata", "the table has no other columns"),)
    assert "not known" in found.sentence()
    assert (
        json.loads(json.dumps(found.record(), allow_nan=False))["missing"][0]["kind"] == "metadata"
    )


def test_an_unknown_rung_is_refused() -> None:
    with pytest.raises(UsageError, match="Close to it: pixels"):
        Rung("pixel", None)
    with pytest.raises(ValueError, match="the trained model"):
        climb(np.zeros(2, int), [])


def test_majority_is_scikit_learns() -> None:
    trained = np.array([2, 2, 0, 1, 2])
    expected = DummyClassifier(strategy="prior").fit(np.zeros((5, 1)), trained)
    assert majority(trained, 4, 3) == pytest.approx(expected.predict_proba(np.zeros((4, 1))))
    several = np.array([[1, 0], [1, 0], [1, 1], [0, 0]])
    assert majority(several, 2, 2).tolist() == [[0.75, 0.25]] * 2


def test_several_labels_an_image() -> None:
    targets = np.tile([[1, 0], [0, 1], [1, 1], [0, 0]], (10, 1))
    found = climb(
        targets,
        [Rung("majority", majority(targets, 40, 2)), Rung("model", targets * 0.8 + 0.1)],
    )
    assert [e.value for e in found.accuracies] == [0.25, 1.0]
