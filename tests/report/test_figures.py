from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from firstread.datasets import load
from firstread.errors import RunError
from firstread.report.figures import LearningCurves, curves, examples, sheet
from firstread.run import COUNTS, HISTORY, PLAN, drafting

EPOCHS = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [0.7, 0.4, 0.2],
        "acc": [0.5, 0.8, 0.9],
        "val_loss": [0.6, 0.5, 0.4],
        "val_acc": [0.6, 0.7, 1.0],
    }
)


def test_curves_show_the_history_with_units_and_n() -> None:
    above, below = curves(EPOCHS, 65, 10).axes
    lines = {line.get_label(): line for axes in (above, below) for line in axes.lines}
    assert lines["training accuracy (n = 65)"].get_ydata().tolist() == [50.0, 80.0, 90.0]
    assert lines["validation loss (n = 10)"].get_ydata().tolist() == [0.6, 0.5, 0.4]
    assert above.get_ylabel() == "accuracy (%)"
    assert below.get_ylabel() == "cross-entropy loss (nats)"
    assert below.get_xlabel() == "epoch"


def test_curves_have_the_tutorials_colours_apart_by_style() -> None:
    lines = [line for axes in curves(EPOCHS, 65, 10).axes for line in axes.lines]
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


def test_the_curves_of_a_run_are_numbers_and_a_figure(tmp_path: Path) -> None:
    with drafting(tmp_path / "run") as draft:
        draft.write_json(PLAN, {})
        EPOCHS.to_csv(draft.path(HISTORY), index=False)
        draft.path(COUNTS).write_text("label,train,val\ndark,30,6\nbright,35,4\n")
    learned = LearningCurves.of(tmp_path / "run")
    pd.testing.assert_frame_equal(learned.frame(), EPOCHS)
    labels = {line.get_label() for axes in learned.plot().axes for line in axes.lines}
    assert labels >= {"training loss (n = 65)", "validation loss (n = 10)"}
    with pytest.raises(RunError, match="no such run folder"):
        LearningCurves.of(tmp_path / "none")


def test_examples_show_each_class_in_a_row_of_its_own(two_classes: Path) -> None:
    (two_classes / "bright" / "7.png").unlink()
    rows = examples(load(two_classes), each=3).axes
    assert [axes.get_xlabel() for axes in rows] == ["0.png", "1.png", "2.png"] * 2
    assert [axes.get_ylabel() for axes in rows if axes.get_ylabel()] == [
        "bright\n(first 3 of 7)",
        "dark\n(first 3 of 8)",
    ]
    levels = [axes.images[0].get_array().mean() for axes in rows]
    assert min(levels[:3]) > 0.6 > 0.4 > max(levels[3:])


def test_examples_leave_places_empty_where_a_class_has_fewer(two_classes: Path) -> None:
    for number in range(2, 8):
        (two_classes / "dark" / f"{number}.png").unlink()
    figure = examples(load(two_classes), each=4)
    assert [bool(axes.images) for axes in figure.axes] == [True] * 6 + [False] * 2
    assert figure.axes[4].get_ylabel() == "dark\n(first 2 of 2)"
