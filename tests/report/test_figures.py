from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from firstread.report.figures import curves, sheet

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [0.7, 0.4, 0.2],
        "acc": [0.5, 0.8, 0.9],
        "val_loss": [0.6, 0.5, 0.4],
        "val_acc": [0.6, 0.7, 1.0],
    }
)


def test_curves_show_the_history_with_units_and_n() -> None:
    above, below = curves(HISTORY, 65, 10).axes
    lines = {line.get_label(): line for axes in (above, below) for line in axes.lines}
    assert lines["training accuracy (n = 65)"].get_ydata().tolist() == [50.0, 80.0, 90.0]
    assert lines["validation loss (n = 10)"].get_ydata().tolist() == [0.6, 0.5, 0.4]
    assert above.get_ylabel() == "accuracy (%)"
    assert below.get_ylabel() == "cross-entropy loss (nats)"
    assert below.get_xlabel() == "epoch"


def test_curves_have_the_tutorials_colours_apart_by_style() -> None:
    lines = [line for axes in curves(HISTORY, 65, 10).axes for line in axes.lines]
    assert len({line.get_color() for line in lines}) == 4
    assert {(line.get_linestyle(), line.get_marker()) for line in lines} == {
        ("-", "o"),
        ("--", "s"),
    }


def predictions(paths: list[Path]) -> pd.DataFrame:
    return pd.DataFrame(
        {"path": list(map(str, paths)), "label": "dark", "p_bright": 0.25, "p_dark": 0.75}
    )


def test_a_sheet_shows_each_image_with_its_name_label_and_scores(
    write_image: Callable[..., Path],
) -> None:
    paths = [write_image(f"{k}.png", seed=k) for k in range(7)]
    figure = sheet(predictions(paths), ["bright", "dark"])
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [f"{k}.png\ndark" for k in range(7)]
    assert shown[0].get_xlabel() == "bright 0.25000\ndark 0.75000"


def test_a_sheet_of_very_many_shows_the_first_and_says_so(write_image: Callable[..., Path]) -> None:
    figure = sheet(predictions([write_image("0.png")] * 61), ["bright", "dark"])
    assert figure.get_suptitle() == "the first 60 of 61 images"
    assert sum(bool(axes.images) for axes in figure.axes) == 60
