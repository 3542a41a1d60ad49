"""Rules: the best condition is found, and said with its exceptions."""

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from firstread.auditing.rules import Rule, best, encoded
from firstread.auditing.traits import Trait

CLASSES = ("abd", "chst", "hand")


def test_sentences_count_the_exceptions() -> None:
    targets = np.array([0, 0, 0, 1, 1, 1, 2, 2])

    def said(*under: int) -> str:
        holds = np.isin(np.arange(8), under)
        return Rule("has JPEG quality 95", 1, holds).sentence(CLASSES, targets)

    assert said(3, 4, 5) == "Every `chst` image has JPEG quality 95, and no other image has."
    assert said(3, 4) == "2 of 3 `chst` images have JPEG quality 95, and no other image has."
    assert said(3, 4, 5, 0) == (
        "Every `chst` image has JPEG quality 95, and so has 1 of 3 `abd` images."
    )
    assert said(3, 4, 5, 0, 1) == (
        "Every `chst` image has JPEG quality 95, and so have 2 of 3 `abd` images."
    )
    assert said(3, 0, 6) == (
        "1 of 3 `chst` images has JPEG quality 95, and so have 2 of 5 other images."
    )


def test_the_threshold_is_where_a_tree_cuts() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 200)
    values = targets * 2.0 + rng.normal(size=200)
    rule = best([Trait("has a mean of {}", values)], targets)
    assert rule is not None
    tree = DecisionTreeClassifier(max_depth=1, class_weight="balanced").fit(
        values[:, None], targets
    )
    answers = tree.predict(values[:, None]) == rule.target
    assert rule.informedness(targets) >= answers[targets == rule.target].mean() - (
        answers[targets != rule.target].mean()
    )
    shown = float(rule.phrase.split()[-1])
    assert ((values > shown) == (rule.under if "more" in rule.phrase else ~rule.under)).all()


def test_a_value_is_preferred_to_a_threshold_that_says_the_same() -> None:
    targets = np.repeat([0, 1], 10)
    sizes = Trait("is {} px", np.array(["300 x 200"] * 10 + ["512 x 512"] * 10, object))
    widths = Trait("is {} px wide", np.array([300.0] * 10 + [512.0] * 10))
    rule = best([widths, sizes], targets)
    assert rule is not None
    assert rule.phrase in ("is 300 x 200 px", "is 512 x 512 px")


def test_alike_images_have_no_rule_and_no_columns() -> None:
    alike = [Trait("is {}", np.array(["gray"] * 6, object)), Trait("has {}", np.ones(6))]
    assert best(alike, np.array([0, 0, 0, 1, 1, 1])) is None
    assert encoded(alike).shape == (6, 0)


def test_values_of_one_image_are_no_columns() -> None:
    names = Trait("is {}", np.array(["x", "x", "x", "y", "y", "y", "z"], object))
    np.testing.assert_array_equal(
        encoded([names]), np.array([[1, 0]] * 3 + [[0, 1]] * 3 + [[0, 0]])
    )
