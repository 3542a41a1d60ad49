from __future__ import annotations

import numpy as np

from firstread.evidence.turning import Turner, fit_turner, turn_odds

WAYS = 4


def fitted(rng: np.random.Generator, apart: float, n: int = 60, fresh: int = 60) -> Turner:
    upright = rng.normal(0, 1, (n, 12))
    views = upright[:, None] + apart * np.eye(WAYS, 12)
    turned = views.reshape(-1, 12)
    held = rng.normal(0, 1, (fresh, 12))
    groups = np.arange(n) // 2
    return fit_turner(upright, turned, np.arange(n), groups, held, 0.05)


def test_turned_images_are_told_and_upright_ones_left_alone() -> None:
    rng = np.random.default_rng(0)
    turner = fitted(rng, 8.0)
    assert turner.weight.shape == (WAYS + 1, 12)
    assert turner.flagged.shape == (120,)
    assert turner.flagged.sum() <= 1  # A fifth of 5 % of 120 images.
    assert turner.told > 0.95
    upright = rng.normal(0, 1, (4000, 12))
    odds = turn_odds(upright, turner.weight, turner.bias)
    assert (odds.max(axis=1) > turner.limit).mean() < 0.03
    turned = turn_odds(upright + 8 * np.eye(12)[2], turner.weight, turner.bias)
    assert (turned.max(axis=1) > turner.limit).mean() > 0.9
    assert (turned.argmax(axis=1) == 2).mean() > 0.95


def test_images_without_an_up_are_not_judged_by_it() -> None:
    turner = fitted(np.random.default_rng(1), 0.0)
    assert len(turner.weight) == 0
    assert not turner.flagged.any()


def test_too_few_images_are_not_judged_by_it() -> None:
    assert len(fitted(np.random.default_rng(2), 8.0, n=10, fresh=10).weight) == 0
    assert len(fitted(np.random.default_rng(2), 8.0, n=2, fresh=100).weight) == 0
