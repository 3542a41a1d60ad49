from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import log_loss

from firstread.evidence.temperature import fit_temperature


def simulated(seed: int, temperature: float, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Truth drawn from a softmax, and the probabilities of a network with its logits stretched."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, 3))
    truth = (rng.random(n)[:, None] > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    return truth.clip(0, 2), softmax(temperature * logits, axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_a_stretched_network_is_found(temperature: float) -> None:
    truth, p = simulated(0, temperature)
    fitted = fit_temperature(truth, p)
    assert fitted.value == pytest.approx(temperature, rel=0.15)
    assert fitted.interval.low < temperature < fitted.interval.high
    best = minimize(
        lambda t: -log_softmax(np.log(p) / t, axis=1)[np.arange(500), truth].sum(), 1.0, tol=1e-9
    )
    assert fitted.value == pytest.approx(best.x[0], rel=1e-3)
    after = fitted.apply(p)
    assert log_loss(truth, after) <= log_loss(truth, p)
    assert after.sum(axis=1) == pytest.approx(1)
    assert (after.argmax(axis=1) == p.argmax(axis=1)).all()


def test_intervals_cover_93_to_97_percent() -> None:
    intervals = [fit_temperature(*simulated(seed, 2.0, 120)).interval for seed in range(600)]
    assert 0.93 <= np.mean([low <= 2 <= high for low, high in intervals]) <= 0.97


def test_it_is_said_what_the_network_was() -> None:
    for temperature, words in [(0.4, "too unsure"), (1.0, "about as sure"), (3.0, "too sure")]:
        assert words in fit_temperature(*simulated(1, temperature)).sentence()


def test_all_right_fits_nothing() -> None:
    truth = np.array([0, 1, 0, 1])
    p = np.where(truth[:, None] == np.arange(2), 0.8, 0.2)
    fitted = fit_temperature(truth, p)
    assert (fitted.fitted, fitted.value) == (False, 1.0)
    assert fitted.apply(p) == pytest.approx(p)
    assert "left as they are" in fitted.sentence()


def test_several_labels_an_image() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(600, 3))
    targets = (rng.random((600, 3)) < expit(logits)).astype(int)
    fitted = fit_temperature(targets, expit(2 * logits))
    assert fitted.interval.low < 2 < fitted.interval.high
    assert fitted.apply(expit(2 * logits), multilabel=True) == pytest.approx(
        expit(2 * logits / fitted.value), abs=1e-5
    )


def test_certain_probabilities_stay_finite() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.4]], np.float32)
    fitted = fit_temperature(np.array([0, 1, 1, 0]), p)
    assert np.isfinite(fitted.apply(p)).all()


def test_the_record_holds_the_interval_only_where_one_was_fitted() -> None:
    truth = np.array([0, 1] * 20)
    said = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
    unfitted = fit_temperature(truth, said).record()
    assert (unfitted["fitted"], unfitted["value"], unfitted["low"]) == (False, 1.0, None)
    said[:8] = said[:8, ::-1]
    fitted = fit_temperature(truth, said)
    record = fitted.record()
    assert json.loads(json.dumps(record)) == record
    assert (record["low"], record["high"]) == tuple(fitted.interval)
    assert record["images"] == 40
    assert record["sentence"] == fitted.sentence()
