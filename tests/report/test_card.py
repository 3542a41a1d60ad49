from __future__ import annotations

import json

from firstread.auditing import Finding
from firstread.report.card import card, data, limits, procedure
from firstread.report.records import Records

from .conftest import MakeRun


def test_the_card_names_use_data_procedure_figures_and_limits(make_run: MakeRun) -> None:
    entries = {entry.name: " ".join(entry.lines) for entry in card(Records.of(make_run()))}
    assert list(entries) == ["Intended use", "Data", "Procedure", "Figures", "Limits"]
    assert "Not a medical device" in entries["Intended use"]
    assert "“films of march”: 80 images (40 for training and 40 for validation)" in entries["Data"]
    assert "Weights: net.safetensors (SHA-256 ab12ab12ab12…, licence MIT)." in entries["Procedure"]
    assert "Seed 7, float32 on cpu." in entries["Procedure"]
    assert (
        "Accuracy 92 % (95 % interval 80 % to 98 %) on 40 validation images" in (entries["Figures"])
    )


def test_patients_in_several_parts_are_counted(make_run: MakeRun) -> None:
    apart = [f"p{k // 2}" for k in range(80)]
    assert data(Records.of(make_run(patients=apart)))[1] == "40 patients; each stays in one part."
    mixed = [f"p{k % 40}" for k in range(80)]
    said = data(Records.of(make_run("MIXED", patients=mixed)))[1]
    assert said == "40 patients, 40 of them in several parts."


def test_a_fine_tuning_tells_its_settings(make_run: MakeRun) -> None:
    run = make_run()
    plan = json.loads((run.folder / "plan.json").read_text())
    plan |= {"strategy": "finetune", "epochs": 30, "keep_best": True}
    (run.folder / "plan.json").write_text(json.dumps(plan))
    model = json.loads((run.folder / "model.json").read_text())
    model["preprocessing"]["neutralise"] = ["size"]
    model["origin"] = {"kind": "random", "name": "", "sha256": "", "licence": ""}
    (run.folder / "model.json").write_text(json.dumps(model))
    said = " ".join(procedure(Records.of(run)))
    assert "30 epochs, 16 images a step, learning rate 0.001 (cosine), weight decay 0.05" in said
    assert "figures on them are a little too good" in said
    assert "padded and resized to 224 x 224 px; neutralised: size." in said
    assert "Random; nothing was pretrained." in said


def test_limits_follow_from_what_was_looked_at(make_run: MakeRun) -> None:
    grave = Finding("DUPLICATE-LEAK", "severe", "one")
    bare = limits(Records.of(make_run(evidence=False, n=10, wrong=1, findings=[grave])))
    assert bare[0] == "The same picture in training and in what is judged."
    assert any(text.startswith("10 images can't tell an accuracy of 55 % from") for text in bare)
    assert any("not calibrated" in text for text in bare)
    assert any(text.startswith("Not looked at by sex") for text in bare)
    whole = limits(Records.of(make_run("WHOLE", n=200, wrong=9, split="test", findings=[])))
    assert not any("no test part" in text for text in whole)
    assert not any(text.startswith("Not looked at by sex") for text in whole)
