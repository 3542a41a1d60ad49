from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from firstread.evidence.familiarity import fit_familiar, left_out


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 50)) * np.linspace(0.1, 1, 50) + rng.integers(0, 2, (30, 1))


def test_distances_are_scikit_learns(points: np.ndarray) -> None:
    kinds = np.arange(30) % 2
    means = [points[kinds == k].mean(axis=0) for k in (0, 1)]
    away = points - np.stack(means)[kinds]
    inverse = LedoitWolf(assume_centered=True).fit(away).precision_
    fresh = np.random.default_rng(1).normal(size=(6, 50))
    theirs = [min(mahalanobis(row, mean, inverse) for mean in means) for row in fresh]
    np.testing.assert_allclose(fit_familiar(points, kinds).distance(fresh), theirs, rtol=1e-4)


def test_images_are_left_out_with_their_patients(points: np.ndarray) -> None:
    kinds, groups = np.zeros(30, int), np.repeat(np.arange(5), 6)
    found = left_out(points, kinds, groups)
    held = groups == 2
    alone = fit_familiar(points[~held], kinds[~held]).distance(points[held])
    np.testing.assert_allclose(found[held], alone)
    assert (found > fit_familiar(points, kinds).distance(points)).all()
    assert left_out(points, kinds, np.zeros(30)).size == 0


def test_where_all_images_are_one_another_lies_far() -> None:
    made = fit_familiar(np.ones((8, 5)), np.zeros(8, int))
    same, other = made.distance(np.array([[1.0] * 5, [1.1] * 5]))
    assert same < 1e-3
    assert other > 1000
