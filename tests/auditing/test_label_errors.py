"""Label errors: planted ones are found, clean data raise few alarms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstread.auditing.label_errors import doubted, label_errors, suspected
from firstread.auditing.traces import traces
from firstread.datasets import load

CLASSES = ("a", "b", "c")


def answers(rng: np.random.Generator, truth: np.ndarray, sharpness: float) -> np.ndarray:
    """Return probabilities that say the truth more or less surely, as a calibrated model's."""
    logits = rng.normal(size=(len(truth), len(CLASSES)))
    logits[np.arange(len(truth)), truth] += sharpness
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_margins_and_order_worked_by_hand() -> None:
    # Mean self-confidence: of class 0 (0.9 + 0.9 + 0.05) / 3 = 0.62, of class 1 (0.8 + 0.1) / 2.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.05, 0.95], [0.2, 0.8], [0.9, 0.1]])
    places, margins = doubted(np.array([0, 0, 0, 1, 1]), probabilities)
    assert places.tolist() == [2, 4]
    np.testing.assert_allclose(margins, [0.05 - 0.95, 0.1 - 0.9])


def test_a_class_that_is_always_said_weakly_has_a_lower_threshold() -> None:
    """The mean of class 0 is 0.9, so that 0.8 isn't confidently 0."""
    probabilities = np.array([[0.9, 0.1]] * 5 + [[0.2, 0.8]] * 4 + [[0.8, 0.2]])
    places, _ = doubted(np.array([0] * 5 + [1] * 5), probabilities)
    assert places.size == 0


@pytest.mark.parametrize("seed", range(5))
def test_clean_labels_raise_few_alarms(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 300)
    finding = label_errors(CLASSES, truth, answers(rng, truth, 5), [f"{n}" for n in range(300)])
    assert len(finding.files) <= 3


@pytest.mark.parametrize("seed", range(5))
def test_planted_errors_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 300)
    labels = truth.copy()
    planted = rng.choice(300, 12, replace=False)
    labels[planted] = (labels[planted] + 1) % 3
    finding = label_errors(CLASSES, labels, answers(rng, truth, 6), [f"{n}" for n in range(300)])
    assert finding.severity == "warning"
    found = set(map(int, finding.files))
    assert len(found & set(planted.tolist())) >= 10
    assert len(found - set(planted.tolist())) <= 3


def test_a_classifier_that_guesses_cannot_doubt_labels() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    finding = label_errors(CLASSES, truth, answers(rng, truth, 0), [f"{n}" for n in range(300)])
    assert finding.severity == "not applicable"
    assert "too low" in finding.message


def test_few_images_are_not_applicable() -> None:
    finding = label_errors(("a", "b"), np.array([0, 0, 1]), np.full((3, 2), 0.5), ["x", "y", "z"])
    assert finding.severity == "not applicable"


def test_wrong_labels_of_the_tutorials_images_are_found(hello_world: Path) -> None:
    dataset = load(hello_world)
    *_, looked = traces(dataset.paths)
    assert suspected(dataset, looked).severity == "passed"
    labels = dataset.cases["label"].to_numpy().copy()
    planted = [3, 20, 50]
    labels[planted] = ["chst" if label == "abd" else "abd" for label in labels[planted]]
    spoilt = replace(dataset, cases=dataset.cases.assign(label=labels))
    finding = suspected(spoilt, looked)
    assert {str(dataset.paths[n]) for n in planted} <= set(finding.files)
    assert len(finding.files) <= 4
    assert "is labelled" in finding.message
