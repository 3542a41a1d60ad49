from __future__ import annotations

import json

import pandas as pd
import pytest

from firstread.errors import RunError
from firstread.report.records import Records

from .conftest import MakeRun


def test_a_run_is_read_as_it_was_written(make_run: MakeRun) -> None:
    records = Records.of(make_run(wrong=3))
    assert records.split == "val"
    assert records.answers.right.tolist() == [False] * 3 + [True] * 37
    assert records.answers.yes[0].tolist() == [True, False]
    accuracy = records.accuracy
    assert accuracy["value"] == 37 / 40
    assert records.estimate("sensitivity", "ill")["n"] == 20
    assert records.estimate("sensitivity", "no such class") is None


def test_what_a_run_lacks_is_none(make_run: MakeRun) -> None:
    run = make_run(evidence=False)
    (run.folder / "history.csv").unlink()
    records = Records.of(run)
    nothing = (records.audit, records.ladder, records.subgroups)
    assert nothing == (None,) * 3
    assert records.history is None
    # R's binom.test(37, 40)
    assert records.accuracy["low"] == pytest.approx(0.7961, abs=5e-5)
    assert records.accuracy["high"] == pytest.approx(0.9843, abs=5e-5)


def test_test_images_count_where_there_are_any(make_run: MakeRun) -> None:
    assert Records.of(make_run(split="test")).split == "test"


def test_class_names_that_look_like_numbers_or_nothing_stay_names(make_run: MakeRun) -> None:
    records = Records.of(make_run(classes=("NA", "1")))
    assert records.answers.yes[:2].tolist() == [[True, False], [False, True]]


def test_several_labels_an_image_are_parted(make_run: MakeRun) -> None:
    run = make_run(classes=("left", "top"), multilabel=True)
    table = pd.read_csv(run.folder / "predictions.csv")
    table.loc[0, ["truth", "label"]] = ["left;top", None]
    table.to_csv(run.folder / "predictions.csv", index=False)
    answers = Records.of(run).answers
    assert answers.yes[0].tolist() == [True, True]
    assert answers.called[0].tolist() == [False, False]


def test_a_missing_or_damaged_record_is_named(make_run: MakeRun) -> None:
    run = make_run()
    (run.folder / "ladder.json").write_text("{")
    with pytest.raises(RunError, match=r"ladder\.json: can't be read"):
        Records.of(run)
    (run.folder / "ladder.json").write_text(json.dumps(None))
    (run.folder / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"metrics\.json: is missing"):
        Records.of(run)
