from __future__ import annotations

import json

import pandas as pd
import pytest

from firstread.auditing import Finding
from firstread.report.records import Records
from firstread.report.verdict import Sentence, best_rival, verdict

from .conftest import MakeRun

FINE = (Finding("LAYOUT", "passed", "all well"),)
SHORTCUT = Finding("SHORTCUT-SIZE", "severe", "sizes tell", advice="Pad them.")
FEW = Finding("VALIDATION-SIZE", "warning", "10 images", figures=(("needed", 139),))


def told(make_run: MakeRun, **given: object) -> tuple[Sentence, Sentence, Sentence]:
    return verdict(Records.of(make_run(**given)))


def test_what_is_good_is_said_to_be(make_run: MakeRun) -> None:
    apart, believe, use = told(make_run, n=200, wrong=4, findings=FINE)
    assert apart.question == "Can a network tell “ill” and “well” apart?"
    assert (apart.answer, apart.tone) == ("On these images, yes", "good")
    assert "On 200 validation images" in apart.text
    assert "named 196 right (98 %)" in apart.text
    assert "always giving the most frequent answer gets 50 %" in apart.text
    assert believe.answer == "As far as these data go, yes"
    assert "the network beats logistic regression on 28 x 28 pixels" in believe.text
    assert use.answer == "As a second look"
    assert "another scanner or hospital" in use.text


def test_a_severe_finding_comes_before_the_figures(make_run: MakeRun) -> None:
    apart, believe, use = told(make_run, n=200, wrong=0, findings=[SHORTCUT, FEW])
    assert apart.tone == "careful"
    assert believe.answer == "No, not as it stands"
    assert believe.text.startswith(
        "The audit found 1 severe fault (image size tells the classes apart), besides 1 warning"
    )
    assert use.answer == "Not yet"


def test_few_images_leave_it_open_and_the_number_needed_is_named(make_run: MakeRun) -> None:
    apart, believe, use = told(make_run, n=10, wrong=0, findings=[FEW])
    assert "anything from 69 % to 100 %" in apart.text
    assert believe.answer == "With care"
    assert "10 images leave the accuracy open from 69 % to 100 %" in believe.text
    assert "Judge it on some 140 images" in use.text


def test_no_better_than_guessing(make_run: MakeRun) -> None:
    apart, _, use = told(make_run, n=20, wrong=9, findings=FINE)
    assert apart.answer == "Not shown"
    assert use.answer == "Not yet"
    worse, _, _ = told(make_run, name="WORSE", n=200, wrong=150, findings=FINE)
    assert worse.answer == "No"


def test_better_than_guessing_is_no_yes(make_run: MakeRun) -> None:
    apart, _, _ = told(make_run, n=200, wrong=60, findings=FINE)
    assert (apart.answer, apart.tone) == ("Better than guessing", "careful")


def test_a_rival_that_does_as_well_is_named(make_run: MakeRun) -> None:
    _, believe, use = told(make_run, n=200, wrong=4, rival=0.98, findings=FINE)
    assert believe.answer == "With care"
    assert "isn't shown that the network adds anything to logistic regression" in believe.text
    assert use.text.startswith("Take logistic regression on 28 x 28 pixels where it does as well")


def test_data_without_an_audit_are_said_to_have_none(make_run: MakeRun) -> None:
    _, believe, _ = told(make_run, n=200, wrong=4)
    assert believe.text.startswith("The data were not audited")


@pytest.mark.parametrize(("low", "beaten"), [(0.97, True), (0.9, False)])
def test_without_a_ladder_the_advices_control_serves(
    make_run: MakeRun, low: float, beaten: bool
) -> None:
    run = make_run(evidence=False)
    assert best_rival(Records.of(run)) is None
    control = {"candidate": "raw pixels, 28 x 28 (control)", "accuracy": 0.9, "high": 0.95}
    chosen = {"candidate": "probe: stage last, softmax", "accuracy": 0.99, "low": low}
    table = pd.DataFrame([control, chosen]).assign(images=100, chosen=[False, True], note="")
    table.to_csv(run.folder / "advice.csv", index=False)
    rival = best_rival(Records.of(run))
    assert rival is not None
    assert rival.beaten is beaten
    assert "90 % right, the network 99 %" in rival.figures


def test_a_ladder_without_cheap_rungs_names_no_rival(make_run: MakeRun) -> None:
    run = make_run()
    ladder = json.loads((run.folder / "ladder.json").read_text())
    ladder["rungs"], ladder["comparisons"] = ladder["rungs"][-1:], []
    (run.folder / "ladder.json").write_text(json.dumps(ladder))
    assert best_rival(Records.of(run)) is None
