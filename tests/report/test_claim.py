from __future__ import annotations

import pandas as pd

from firstread.auditing import Finding
from firstread.report.claim import SECTIONS, checklist
from firstread.report.records import Records

from .conftest import MakeRun


def items(records: Records) -> dict[int, object]:
    return {item.number: item for _, some in checklist(records) for item in some}


def test_all_44_items_stand_in_their_order() -> None:
    numbers = [item.number for _, some in SECTIONS for item in some]
    assert numbers == list(range(1, 45))


def test_what_no_record_can_say_is_the_authors(make_run: MakeRun) -> None:
    filled = items(Records.of(make_run()))
    # Background, aims, design, criteria, de-identification, acquisition, reference standard,
    # external data, registration, funding: no file of a run knows them.
    for number in (2, 3, 4, 5, 6, 8, 11, 13, 14, 15, 16, 17, 18, 31, 33, 34, 36, 41, 43, 44):
        assert (filled[number].state, filled[number].answer) == ("open", "")


def test_what_the_records_say_is_filled_in(make_run: MakeRun) -> None:
    run = make_run(findings=[Finding("VALIDATION-SIZE", "warning", "40 images in val/")])
    table = pd.DataFrame({"candidate": ["a", "b", "c"], "images": [9, 9, 0], "accuracy": 0.9})
    table.to_csv(run.folder / "advice.csv", index=False)
    filled = items(Records.of(run))
    assert filled[19].state == "filled"
    assert "(seed 7)" in filled[19].answer
    assert (filled[21].state, filled[21].answer) == ("in part", "40 images in val/")
    assert filled[23].answer == "firstread 0.1.0, python 3.12.1 and torch 2.9.0"
    assert filled[26].answer.startswith("2 ways compared")
    assert "exact (Clopper-Pearson)" in filled[29].answer
    assert filled[32].answer == "40 validation images of the same source."
    assert "ill: sensitivity 90 % (68 % to 99 %)" in filled[38].answer
    assert filled[39].answer.startswith("3 wrong answers")


def test_the_level_of_the_parts_is_open_where_patients_are_not_named(make_run: MakeRun) -> None:
    assert items(Records.of(make_run()))[20].state == "in part"
    named = Records.of(make_run("NAMED", patients=[f"p{k}" for k in range(80)]))
    assert items(named)[20].state == "filled"


def test_a_plain_run_leaves_more_open(make_run: MakeRun) -> None:
    filled = items(Records.of(make_run(evidence=False)))
    assert filled[30].state == filled[21].state == "open"
