from __future__ import annotations

import numpy as np

from firstread.images import Display
from firstread.report.cases import MOST, MOST_UNSURE, least_sure, mistakes
from firstread.report.records import Records
from firstread.report.thumbnails import Album

from .conftest import MakeRun


def test_the_surest_mistakes_come_first(make_run: MakeRun) -> None:
    records = Records.of(make_run(wrong=14))
    cases = mistakes(records, Album(Display(), {}))
    assert len(cases) == MOST
    table = records.predictions
    wrong = table[table["truth"] != table["label"]]
    worst = wrong[["p_ill", "p_well"]].max(axis=1).sort_values(ascending=False)
    assert [case.chances[0][1] for case in cases] == worst[:MOST].tolist()
    assert all(case.truth != case.answer and not case.right for case in cases)
    assert cases[0].answer == cases[0].chances[0][0]


def test_the_least_sure_of_the_right_ones(make_run: MakeRun) -> None:
    records = Records.of(make_run(wrong=3))
    cases = least_sure(records, Album(Display(), {}))
    table = records.predictions
    right = table[table["truth"] == table["label"]]
    lowest = right[["p_ill", "p_well"]].max(axis=1).sort_values()[:MOST_UNSURE]
    assert [case.chances[0][1] for case in cases] == lowest.tolist()
    assert all(case.right for case in cases)


def test_of_several_labels_the_farthest_from_the_truth_counts(make_run: MakeRun) -> None:
    run = make_run(classes=("left", "top"), wrong=0, multilabel=True)
    records = Records.of(run)
    said = np.array(records.answers.probabilities)
    assert mistakes(records, Album(Display(), {})) == ()
    margins = np.abs(said - 0.5).min(axis=1)
    first = least_sure(records, Album(Display(), {}))[0]
    assert first.picture.name == records.answers.paths[int(margins.argmin())][-7:]


def test_no_more_pictures_than_the_page_has_room_for(make_run: MakeRun) -> None:
    records = Records.of(make_run(wrong=14))
    assert len(mistakes(records, Album(Display(), {}, left=2))) == 2
