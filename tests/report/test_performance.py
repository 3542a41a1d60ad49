from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from firstread.report.performance import (
    confusion_figure,
    ladder_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    subgroup_figure,
)

ROC = pd.DataFrame({"fpr": [0, 0.1, 1], "tpr": [0, 0.8, 1]})
PRECISION = pd.DataFrame({"recall": [0, 0.5, 1], "precision": [1, 0.9, 0.3]})
BINS = pd.DataFrame(
    {
        "predicted": [0.2, 0.8],
        "observed": [0.1, 0.9],
        "low": [0.0, 0.7],
        "high": [0.4, 0.95],
        "n": [12, 30],
    }
)


def test_roc_has_labelled_axes_n_and_the_operating_point() -> None:
    axes = roc_figure({"ill": ROC}, 156, (0.1, 0.8), "threshold 0.31").axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["ill"].get_ydata().tolist() == [0, 80, 100]
    assert lines["threshold 0.31"].get_xdata().tolist() == [10]
    assert "sensitivity" in axes.get_ylabel()
    assert "specificity" in axes.get_xlabel()
    assert axes.get_title("left") == "ROC, 156 images"


def test_many_curves_are_apart_by_colour_or_dashes() -> None:
    lines = roc_figure({f"class {k}": ROC for k in range(14)}, 10).axes[0].lines[1:]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 14


def test_precision_and_recall_show_what_guessing_gets() -> None:
    axes = precision_recall_figure({"ill": PRECISION}, [0.3], 50).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [100, 90, 30]
    assert axes.lines[1].get_ydata() == [30, 30]


def test_reliability_before_and_after_has_intervals_and_counts() -> None:
    above, below = reliability_figure(BINS, BINS, 42, "probability of 'ill'").axes
    names = above.get_legend_handles_labels()[1]
    assert names == ["said what came true", "as the network says it", "after temperature scaling"]
    before = above.containers[0]
    segments = before.lines[2][0].get_segments()
    assert [segment[:, 1].tolist() for segment in segments] == [
        pytest.approx([0, 40]),
        pytest.approx([70, 95]),
    ]
    assert [bar.get_height() for bar in below.patches[:2]] == [12, 30]
    assert len(reliability_figure(BINS, None, 42, "p").axes[0].containers) == 1


def test_confusion_counts_are_written_with_their_share_of_the_row() -> None:
    axes = confusion_figure(np.array([[8, 2], [0, 0]]), ["ill", "well"]).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["8\n80 %", "2\n20 %", "0\n0 %", "0\n0 %"]
    assert axes.get_title("left") == "Confusion, 10 images"
    several = confusion_figure(np.tile([[5, 1], [2, 2]], (5, 1, 1)), list("abcde"))
    titles = [axes.get_title() for axes in several.axes if axes.axison]
    assert titles == list("abcde")


def test_the_ladder_shows_each_rung_with_its_interval() -> None:
    rungs = pd.DataFrame(
        {
            "rung": ["majority", "model"],
            "accuracy": [0.5, 0.9],
            "low": [0.4, 0.8],
            "high": [0.6, 0.95],
        }
    )
    axes = ladder_figure(rungs, 60).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["majority", "model"]
    assert [text.get_text() for text in axes.texts] == ["50", "90"]
    assert axes.lines[0].get_xdata() == pytest.approx([40, 60])
    assert "60 images" in axes.get_title("left")


def test_subgroups_are_shown_with_n_and_the_whole() -> None:
    parts = pd.DataFrame(
        {
            "part": ["F", "M", "not given"],
            "images": [70, 1080, 2],
            "value": [0.8, 0.6, np.nan],
            "low": [0.7, 0.5, np.nan],
            "high": [0.9, 0.7, np.nan],
        }
    )
    axes = subgroup_figure(parts, "sex", 0.7).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["F (n = 70)", "M (n = 1,080)", "not given (n = 2)"]
    assert "not known" in [text.get_text() for text in axes.texts]
    assert axes.get_title("left") == "By sex (dotted: all images, 70)"
