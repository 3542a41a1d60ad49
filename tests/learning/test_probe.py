from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from firstread.learning.probe import chances, fit, folds, hits, judged, losses, out_of_fold
from firstread.progress import Step, returned

RNG = np.random.default_rng(0)


def blobs(count: int = 90, classes: int = 3, width: int = 8, views: int = 1) -> tuple[Any, Any]:
    targets = np.arange(count) % classes
    centres = np.random.default_rng(1).normal(size=(classes, width)) * 1.5
    features = centres[targets] + RNG.normal(size=(views, count, width))
    return (features * 3 + 5).astype(np.float32), targets


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("width", [8, 200])  # More and fewer images than features.
def test_softmax_is_scikit_learns_on_standardised_features(classes: int, width: int) -> None:
    features, targets = blobs(classes=classes, width=width)
    ours = returned(fit(features, targets, range(90), classes=classes, grid=(0.1,)))
    scaler = StandardScaler().fit(features[0].astype(np.float64))
    theirs = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)
    theirs.fit(scaler.transform(features[0]), targets)
    expected = theirs.predict_proba(scaler.transform(features[0]))
    np.testing.assert_allclose(chances(ours.logits(features[0]), False), expected, atol=5e-3)


def test_an_svm_decides_as_scikit_learns_and_its_chances_are_scaled() -> None:
    features, targets = blobs(classes=2)
    ours = returned(
        fit(features, targets, range(90), classes=2, classifier="svm", grid=(0.01, 0.1))
    )
    scaler = StandardScaler().fit(features[0].astype(np.float64))
    theirs = LinearSVC(C=ours.c).fit(scaler.transform(features[0]), targets)
    logits = ours.logits(features[0])
    assert np.array_equal(logits.argmax(1), theirs.predict(scaler.transform(features[0])))
    margins = logits[:, 1] - logits[:, 0]
    scores = theirs.decision_function(scaler.transform(features[0]))
    assert np.corrcoef(margins, scores)[0, 1] > 0.999


def test_the_strength_is_the_one_with_the_least_loss_on_held_out_images() -> None:
    features, targets = blobs(width=60)
    linear = returned(fit(features, targets, range(90), classes=3))
    best = min(linear.trials, key=lambda trial: trial.val_loss)
    assert linear.c == best.c
    assert [trial.c for trial in linear.trials] == sorted(trial.c for trial in linear.trials)
    assert linear.trials[-1].loss < linear.trials[0].loss


def test_patients_stay_together_when_the_strength_is_chosen() -> None:
    # Features tell patients apart, and nothing else: only a leak makes held-out images right.
    patients = np.arange(80) // 4
    targets = (patients % 2).astype(np.int64)
    marks = np.random.default_rng(3).normal(size=(20, 50))
    features = (marks[patients] + 0.01 * RNG.normal(size=(80, 50)))[None].astype(np.float32)
    grouped = returned(fit(features, targets, patients, classes=2))
    leaky = returned(fit(features, targets, range(80), classes=2))
    assert max(trial.val_acc for trial in leaky.trials) == 1.0
    assert max(trial.val_acc for trial in grouped.trials) < 0.9


def test_several_labels_are_a_classifier_each() -> None:
    features, _ = blobs(count=120, width=5)
    targets = (features[0, :, :2] > np.median(features[0, :, :2], axis=0)).astype(np.int64)
    linear = returned(fit(features, targets, range(120), classes=2))
    assert linear.weight.shape == (2, 5)
    loss, acc = judged(linear.logits(features[0]), targets)
    assert acc > 0.9
    assert loss < 0.4


def test_a_class_that_a_fold_lacks_breaks_nothing() -> None:
    features, targets = blobs(count=30, classes=2)
    targets[:] = 0
    targets[:2] = 1
    linear = returned(fit(features, targets, range(30), classes=3))
    assert np.isfinite(linear.weight).all()
    assert (linear.logits(features[0]).argmax(1) < 2).all()


def test_views_are_learned_from_and_a_constant_feature_is_left_alone() -> None:
    features, targets = blobs(views=3)
    features[..., 0] = 7.0
    linear = returned(fit(features, targets, range(90), classes=3))
    assert (linear.weight[:, 0] == 0).all()
    one = returned(fit(features[:1], targets, range(90), classes=3))
    assert not np.allclose(one.weight, linear.weight)


def test_folds_keep_groups_on_one_side_and_classes_in_proportion() -> None:
    targets = np.array([0] * 40 + [1] * 20)
    groups = np.repeat(np.arange(30), 2)
    parted = folds(targets, groups, 5, seed=0)
    assert len(parted) == 5
    held = np.concatenate([left for _, left in parted])
    assert sorted(held) == list(range(60))
    for learned, left in parted:
        assert not set(groups[learned]) & set(groups[left])
        assert 2 <= targets[left].sum() <= 6
    assert len(folds(targets, groups, 50, seed=0)) == 10
    assert folds(np.array([0, 0, 1]), [1, 2, 3], 5, seed=0) == []


def test_out_of_fold_logits_are_of_classifiers_that_did_not_see_the_image() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(1, 60, 100)).astype(np.float32)
    targets = rng.integers(0, 2, 60)
    groups = np.arange(60).astype(object)
    *steps, logits = out_of_fold(
        features, targets, groups, folds(targets, groups, 5, 0), classes=2, grid=(1.0,)
    )
    assert all(isinstance(step, Step) for step in steps)
    assert 0.25 < float(hits(logits, targets).mean()) < 0.75
    assert losses(logits, targets).shape == (60,)
