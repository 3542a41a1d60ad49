from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics as reference

from firstread.errors import UsageError
from firstread.evidence import FIGURES, Evaluation, evaluate

CLASSES = ("a", "b", "c")


def simulated(seed: int, n: int = 200, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, k, n)
    scores = rng.normal(size=(n, k)) + 1.2 * np.eye(k)[targets]
    exact = np.exp(1.5 * scores)
    return targets, (exact / exact.sum(axis=1, keepdims=True)).astype(np.float32)


def labelled(seed: int, n: int = 200, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, k)) < [0.2, 0.4, 0.6]).astype(np.int64)
    return targets, 1 / (1 + np.exp(-rng.normal(size=(n, k)) - 2 * targets + 1))


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray, Evaluation]:
    targets, probabilities = simulated(0)
    return targets, probabilities, evaluate(CLASSES, targets, probabilities, samples=500)


def test_figures_of_all_classes_equal_scikit_learns(judged: tuple) -> None:
    targets, p, evaluation = judged
    answers = p.argmax(axis=1)
    exact = p.astype(float) / p.astype(float).sum(axis=1, keepdims=True)
    one_hot = np.eye(3)[targets]
    expected = {
        "accuracy": reference.accuracy_score(targets, answers),
        "balanced_accuracy": reference.balanced_accuracy_score(targets, answers),
        "sensitivity": reference.recall_score(targets, answers, average="macro"),
        "ppv": reference.precision_score(targets, answers, average="macro"),
        "f1": reference.f1_score(targets, answers, average="macro"),
        "auroc": reference.roc_auc_score(targets, exact, multi_class="ovr"),
        "auprc": reference.average_precision_score(one_hot, exact),
        "brier": ((exact - one_hot) ** 2).sum(axis=1).mean(),
        "log_loss": reference.log_loss(targets, exact),
    }
    for figure, value in expected.items():
        assert evaluation.get(figure).value == pytest.approx(value), figure


def test_figures_of_each_class_equal_scikit_learns(judged: tuple) -> None:
    targets, p, evaluation = judged
    answers = p.argmax(axis=1)
    for k, name in enumerate(CLASSES):
        truth, called, score = targets == k, answers == k, p[:, k] / p.sum(axis=1)
        expected = {
            "sensitivity": reference.recall_score(truth, called),
            "specificity": reference.recall_score(~truth, ~called),
            "ppv": reference.precision_score(truth, called),
            "npv": reference.precision_score(~truth, ~called),
            "f1": reference.f1_score(truth, called),
            "auroc": reference.roc_auc_score(truth, score),
            "auprc": reference.average_precision_score(truth, score),
            "brier": reference.brier_score_loss(truth, score),
            "log_loss": reference.log_loss(truth, score.astype(float)),
        }
        for figure, value in expected.items():
            assert evaluation.get(figure, name).value == pytest.approx(value, rel=1e-5), figure


def test_several_labels_an_image_equal_scikit_learns() -> None:
    targets, p = labelled(1)
    evaluation = evaluate(CLASSES, targets, p, samples=200)
    called = p >= 0.5
    expected = {
        "accuracy": reference.accuracy_score(targets, called),
        "f1": reference.f1_score(targets, called, average="macro"),
        "auroc": reference.roc_auc_score(targets, p),
        "auprc": reference.average_precision_score(targets, p),
        "brier": np.mean([reference.brier_score_loss(targets[:, k], p[:, k]) for k in range(3)]),
        "log_loss": np.mean([reference.log_loss(targets[:, k], p[:, k]) for k in range(3)]),
    }
    for figure, value in expected.items():
        assert evaluation.get(figure).value == pytest.approx(value), figure
    expected_tables = reference.multilabel_confusion_matrix(targets, called)
    assert (evaluation.confusion == expected_tables).all()
    assert evaluation.get("accuracy", "b").value == pytest.approx(
        (targets[:, 1] == called[:, 1]).mean()
    )
    assert "have every label right" in evaluation.sentence()


def test_confusion_equals_scikit_learns(judged: tuple) -> None:
    targets, p, evaluation = judged
    expected = reference.confusion_matrix(targets, p.argmax(axis=1))
    assert (evaluation.confusion == expected).all()


def test_every_figure_is_known_inside_its_interval_and_names_its_method(judged: tuple) -> None:
    frame = judged[2].frame()
    assert list(frame) == ["figure", "class", "value", "low", "high", "method", "n"]
    assert set(frame["figure"]) == set(FIGURES)
    assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()
    assert (frame["low"] < frame["high"]).all()
    assert (frame["method"] != "").all()
    assert not frame.duplicated(["figure", "class"]).any()


def test_the_record_is_json(judged: tuple) -> None:
    record = json.loads(json.dumps(judged[2].record(), allow_nan=False))
    assert record["images"] == record["patients"] == 200
    assert record["figures"][0]["figure"] == "accuracy"
    assert np.sum(record["confusion"]["counts"]) == 200


@pytest.mark.parametrize("n", [4, 10])
def test_nothing_wrong_leaves_every_interval_open(n: int) -> None:
    targets = np.arange(n) % 2
    sure = np.where(targets, 0.97, 0.02)
    evaluation = evaluate(["well", "ill"], targets, np.column_stack([1 - sure, sure]), samples=300)
    frame = evaluation.frame()
    shares = frame[frame["figure"].isin(["accuracy", "balanced_accuracy", "f1", "auroc", "ppv"])]
    assert (shares["value"] == 1).all()
    assert (shares["low"] < 0.85).all()
    # As exactly as the share right is known: up to a share of wrong answers at 0.98 or 0.97 each.
    wrong = 1 - 0.025 ** (1 / n)
    brier = evaluation.get("brier")
    assert brier.value == pytest.approx((0.02**2 + 0.03**2) / 2)
    worst = (1 - wrong) * brier.value + wrong * (0.98**2 + 0.97**2) / 2
    assert brier.high == pytest.approx(worst)
    loss = evaluation.get("log_loss")
    costs = -(np.log(0.02) + np.log(0.03)) / 2
    assert loss.high == pytest.approx((1 - wrong) * loss.value + wrong * costs)
    error = evaluation.get("ece")
    assert error.value == pytest.approx(0.025)
    assert error.high == pytest.approx(0.975 - 0.025 ** (1 / n))
    assert not evaluation.get("calibration_slope", "ill").known


def test_a_class_without_images_is_not_known_and_left_out_of_means() -> None:
    targets, p = simulated(2, 60, 2)
    padded = np.column_stack([p, np.full(60, 1e-3)])
    evaluation = evaluate(CLASSES, targets, padded, samples=100)
    assert not evaluation.get("sensitivity", "c").known
    assert not evaluation.get("auroc", "c").known
    assert evaluation.get("balanced_accuracy").value == pytest.approx(
        reference.balanced_accuracy_score(targets, padded.argmax(axis=1))
    )
    assert json.dumps(evaluation.record(), allow_nan=False)


def test_patients_with_several_images_widen_the_intervals() -> None:
    targets, p = simulated(3, 100, 2)
    alone = evaluate(["a", "b"], targets, p, samples=500)
    repeated = evaluate(
        ["a", "b"],
        np.repeat(targets, 4),
        np.repeat(p, 4, axis=0),
        groups=[f"P{i}" for i in np.repeat(np.arange(100), 4)],
        samples=500,
    )
    assert (repeated.n, repeated.patients) == (400, 100)
    assert "400 images of 100 patients right" in repeated.sentence()
    once, four = alone.frame(), repeated.frame()
    assert four["value"].to_numpy() == pytest.approx(once["value"].to_numpy())
    width, wide = once["high"] - once["low"], four["high"] - four["low"]
    assert (wide / width).between(0.8, 1.25).all()
    assert four["method"].str.contains("patient|classes").all()


def test_predictive_values_at_a_prevalence() -> None:
    # Sensitivity 0.9 and specificity 0.95 at a prevalence of 1 %: Bayes gives a PPV of 2 in 13.
    truth = np.repeat([0, 1], [1000, 1000])
    called = np.concatenate([np.repeat([0, 1], [950, 50]), np.repeat([0, 1], [100, 900])])
    p = np.column_stack([1 - called, called]).clip(0.01, 0.99)
    evaluation = evaluate(["well", "ill"], truth, p, prevalence={"ill": 0.01}, samples=200)
    ppv = evaluation.get("ppv", "ill")
    assert ppv.value == pytest.approx(0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.05))
    assert evaluation.get("npv", "ill").value == pytest.approx(0.99 * 0.95 / (0.99 * 0.95 + 0.001))
    assert "at a prevalence of 1 %" in ppv.method
    assert ppv.low < ppv.value < ppv.high
    # The class that none was given for has the images' own.
    assert evaluation.get("ppv", "well").value == pytest.approx(950 / 1050)


def test_of_two_classes_the_area_is_that_of_either() -> None:
    targets, p = simulated(5, 80, 2)
    evaluation = evaluate(["a", "b"], targets, p, samples=50)
    assert evaluation.get("auroc").interval == evaluation.get("auroc", "b").interval


def test_what_cannot_be_judged_is_said() -> None:
    p = np.array([[0.5, 0.5]])
    with pytest.raises(UsageError, match="no images to judge"):
        evaluate(["a", "b"], np.array([], int), np.zeros((0, 2)))
    with pytest.raises(UsageError, match=r"need \(1, 3\)"):
        evaluate(CLASSES, np.array([0]), p)
    with pytest.raises(UsageError, match="not numbers from 0 to 1"):
        evaluate(["a", "b"], np.array([0]), p * np.nan)
    with pytest.raises(UsageError, match=r"'c'; the classes are a, b\n.*'a' is 0; it must"):
        evaluate(["a", "b"], np.array([0]), p, prevalence={"c": 0.1, "a": 0})


@pytest.mark.slow
def test_figures_are_covered_by_93_to_97_percent() -> None:
    wanted = [
        *(("accuracy", ""), ("balanced_accuracy", ""), ("sensitivity", ""), ("f1", "")),
        *(("auroc", ""), ("auprc", ""), ("brier", ""), ("log_loss", ""), ("ece", "")),
        *(("auprc", "a"), ("brier", "a"), ("sensitivity", "a"), ("npv", "a")),
        *(("calibration_slope", "a"), ("calibration_intercept", "a")),
    ]
    large = evaluate(CLASSES, *simulated(99, 300_000), samples=2)
    covered: dict[tuple[str, str], list[bool]] = {name: [] for name in wanted}
    for seed in range(1000):
        evaluation = evaluate(CLASSES, *simulated(seed + 1000, 150), samples=300, seed=seed)
        for name in wanted:
            low, high = evaluation.get(*name).interval
            covered[name].append(low <= large.get(*name).value <= high)
    shares = {name: float(np.mean(found)) for name, found in covered.items()}
    assert {name: share for name, share in shares.items() if not 0.93 <= share <= 0.97} == {}
