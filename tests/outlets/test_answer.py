from __future__ import annotations

from pathlib import Path

import pandas as pd

from firstread.outlets.answer import Answer, answers


def test_a_row_is_an_answer() -> None:
    table = pd.DataFrame(
        {"path": ["a", "b#frame=2"], "label": ["y", "x"], "p_x": [0.25, 0.75], "p_y": [0.75, 0.25]}
    )
    first, second = answers(table, ("x", "y"))
    assert first == Answer(Path("a"), ("y",), (0.25, 0.75))
    assert (first.file, first.frame) == (Path("a"), None)
    assert (second.file, second.frame) == (Path("b"), 2)


def test_several_labels_or_none() -> None:
    table = pd.DataFrame({"path": ["a", "b"], "label": ["x;y", ""], "p_x": 0.5, "p_y": 0.5})
    assert [found.labels for found in answers(table, ("x", "y"), True)] == [("x", "y"), ()]
