from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from firstread.errors import UsageError
from firstread.evidence.operating import Rule, check_apart, choose, judge


def simulated(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return positive, 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * positive + 0.7))


def rates(positive: np.ndarray, called: np.ndarray) -> tuple[float, float]:
    return called[positive].mean(), (~called)[~positive].mean()


def test_youdens_index_is_the_best_of_scikit_learns_curve() -> None:
    positive, p = simulated(0)
    point = choose(Rule.parse("youden"), "ill", positive, p)
    fpr, tpr, _ = roc_curve(positive, p)
    assert sum(rates(positive, p >= point.threshold)) - 1 == pytest.approx((tpr - fpr).max())


@pytest.mark.parametrize("least", [0.5, 0.9, 0.95, 1.0])
def test_sensitivity_is_reached_with_the_fewest_false_alarms(least: float) -> None:
    positive, p = simulated(1)
    point = choose(Rule.parse(f"sensitivity={least}"), "ill", positive, p)
    found, spared = rates(positive, p >= point.threshold)
    assert found >= least
    fpr, tpr, _ = roc_curve(positive, p, drop_intermediate=False)
    assert 1 - spared == pytest.approx(fpr[tpr >= least].min())


@pytest.mark.parametrize(("miss", "alarm"), [(1, 1), (20, 1), (1, 20)])
@pytest.mark.parametrize("prevalence", [None, 0.05])
def test_cost_is_the_least_of_every_threshold(
    miss: float, alarm: float, prevalence: float | None
) -> None:
    positive, p = simulated(2)
    share = positive.mean() if prevalence is None else prevalence

    def cost(threshold: float) -> float:
        found, spared = rates(positive, p >= threshold)
        return miss * share * (1 - found) + alarm * (1 - share) * (1 - spared)

    point = choose(Rule.parse(f"cost={miss}:{alarm}"), "ill", positive, p, prevalence)
    every = [cost(t) for t in (*p, 0.0, 1.1)]
    assert cost(point.threshold) == pytest.approx(min(every))


def test_the_threshold_lies_midway_in_the_gap() -> None:
    point = choose(
        Rule.parse("youden"), "ill", np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])
    )
    assert point.threshold == pytest.approx(0.4)
    assert point.sentence() == (
        "'ill' is called from a probability of 0.400 on: chosen for Youden's index on 4 "
        "validation images (2 of the class)."
    )


def test_a_point_is_judged_on_other_images_with_intervals() -> None:
    point = choose(Rule.parse("sensitivity=0.9"), "ill", *simulated(3))
    positive, p = simulated(4)
    estimates = {e.figure: e for e in judge(point, positive, p, prevalence=0.02)}
    found, spared = rates(positive, p >= point.threshold)
    assert estimates["sensitivity"].value == pytest.approx(found)
    assert estimates["specificity"].value == pytest.approx(spared)
    bayes = 0.02 * found / (0.02 * found + 0.98 * (1 - spared))
    assert estimates["ppv"].value == pytest.approx(bayes)
    assert estimates["ppv"].low < bayes < estimates["ppv"].high


@pytest.mark.parametrize(
    "text",
    ["", "yuden", "youden=1", "sensitivity", "sensitivity=95", "cost=1", "cost=0:1", "cost=a:b"],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"write youden, sensitivity=0\.95"):
        Rule.parse(text)


def test_rules_are_said_in_words() -> None:
    assert str(Rule.parse("sensitivity=0.95")) == "a sensitivity of at least 95 %"
    assert str(Rule.parse("cost=10:1")) == "the least cost, a miss at 10 and a false alarm at 1"


def test_one_kind_alone_gives_no_point() -> None:
    with pytest.raises(UsageError, match="3 are of the class and 0 are not"):
        choose(Rule.parse("youden"), "ill", np.ones(3), np.ones(3) / 2)


def test_the_same_images_cannot_serve_twice() -> None:
    check_apart(["a.png"], ["b.png"])
    with pytest.raises(UsageError, match=r"1 of these images served to choose .*\(a\.png\)"):
        check_apart(["a.png", "c.png"], ["b.png", "a.png"])
