from __future__ import annotations

from firstread import evidence
from firstread.report.wording import FIGURES, counted, interval_text, listed, percent, value_text


def test_every_figure_that_evidence_has_can_be_written() -> None:
    assert list(FIGURES) == list(evidence.FIGURES)
    for name, kind in FIGURES.items():
        assert kind.percent == evidence.FIGURES[name].percent


def test_what_is_not_all_is_never_written_as_all() -> None:
    assert percent(999 / 1000) == "99.9 %"
    assert percent(9999 / 10000) == "over 99.9 %"
    assert percent(1 / 10000) == "under 0.1 %"
    assert percent(1 - 2e-16) == "100 %"
    assert percent(0) == "0 %"


def test_a_figure_without_a_value_is_not_known() -> None:
    record = {"figure": "ppv", "value": None, "low": None, "high": None}
    assert value_text(record) == "not known"
    assert interval_text(record) == ""
    assert interval_text({"figure": "auroc", "value": 0.9}) == ""


def test_numbers_and_lists_read_as_sentences_do() -> None:
    assert counted(1, "wrong answer") == "1 wrong answer"
    assert counted(0, "image") == "0 images"
    assert listed(["one"]) == "one"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
