from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from firstread.report.charts import MOST_CELLS, MOST_CURVES, judged, learned, parted, rungs
from firstread.report.figures import learning_curve_figure
from firstread.report.records import Records

from .conftest import MakeRun


def drawing(src: str) -> bytes:
    return base64.b64decode(src.split(",")[1])


def test_each_figure_says_what_it_shows(make_run: MakeRun) -> None:
    records = Records.of(make_run(wrong=3))
    roc, precision, reliability, confusion = judged(records)
    assert roc.src.startswith("data:image/svg+xml;base64,")
    assert b"<svg" in drawing(roc.src)
    table = records.predictions
    area = roc_auc_score(table["truth"] == "well", table["p_well"])
    assert f"Area under the curve: well {area:.3f} (" in roc.alt
    # All 20 of the class are found only when these are called, too.
    least = table.loc[table["truth"] == "well", "p_well"].min()
    called = table[table["p_well"] >= least]
    share = (called["truth"] == "well").mean()
    assert precision.alt.endswith(f"so are right: well {100 * share:.0f} %.")
    assert reliability.alt.startswith("Reliability on 40 images")
    assert "37 right; 2 ill called well and 1 well called ill." in confusion.alt


def test_a_figure_is_the_same_whenever_it_is_drawn(make_run: MakeRun) -> None:
    records = Records.of(make_run())
    assert [c.src for c in judged(records)] == [c.src for c in judged(records)]


def test_without_calibration_there_is_no_reliability(make_run: MakeRun) -> None:
    charts = list(judged(Records.of(make_run(evidence=False))))
    assert [chart.alt.split()[0] for chart in charts] == ["ROC", "Precision", "Confusion"]


def test_of_many_classes_the_worst_ranked_are_drawn(make_run: MakeRun) -> None:
    classes = [f"class {k:02}" for k in range(MOST_CELLS + 1)]
    records = Records.of(make_run(classes=classes, n=102, wrong=30, evidence=False))
    roc, precision = judged(records)
    areas = {
        name: roc_auc_score(records.answers.yes[:, k], records.answers.probabilities[:, k])
        for k, name in enumerate(classes)
    }
    worst = sorted(areas, key=lambda name: areas[name])[:MOST_CURVES]
    assert all(f"{name} {areas[name]:.3f}" in roc.alt for name in worst)
    assert f"the {MOST_CURVES} of {len(classes)} classes" in precision.caption


def test_a_class_without_images_has_no_curve(make_run: MakeRun) -> None:
    run = make_run(evidence=False)
    table = pd.read_csv(run.folder / "predictions.csv")
    table["truth"] = "ill"
    table.to_csv(run.folder / "predictions.csv", index=False)
    (confusion,) = judged(Records.of(run))
    assert confusion.alt.startswith("Confusion")


def test_several_labels_have_a_table_each(make_run: MakeRun) -> None:
    *_, confusion = judged(Records.of(make_run(classes=("left", "top"), multilabel=True, wrong=3)))
    assert "left: 2 missed, 1 called wrongly; top: 1 missed, 2 called wrongly" in confusion.alt


def test_how_it_learned(make_run: MakeRun) -> None:
    run = make_run()
    (solved,) = learned(Records.of(run))
    assert solved.alt == (
        "Accuracy and loss for 2 strengths of regularisation; at the chosen one the "
        "cross-validated accuracy is 90 %."
    )
    epochs = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [0.9, 0.4, 0.1], "acc": [0.5, 0.8, 1.0]}
    ).assign(val_loss=[0.8, 0.5, 0.7], val_acc=[0.6, 0.8, 0.75])
    epochs.to_csv(run.folder / "history.csv", index=False)
    measured = pd.DataFrame({"images": [5, 50], "accuracy": [0.7, 0.9], "low": 0.6, "high": 0.95})
    measured.assign(draws=20).to_csv(run.folder / "learning_curve.csv", index=False)
    figure = learning_curve_figure(measured.assign(draws=20), measured, "It grows.", "images")
    figure.savefig(run.folder / "learning_curve.png")
    trained, curve = learned(Records.of(run))
    assert "over 3 epochs: training accuracy ends at 100 %, validation accuracy at 75 %" in (
        trained.alt
    )
    assert "validation loss is lowest in epoch 2" in trained.alt
    assert "70 % after 5 training images, 90 % after 50" in curve.alt
    assert drawing(curve.src) == (run.folder / "learning_curve.png").read_bytes()


def test_the_ladder_and_the_subgroups_say_their_sentence(make_run: MakeRun) -> None:
    records = Records.of(make_run())
    ladder = rungs(records)
    assert ladder is not None
    assert ladder.alt == records.ladder["sentence"]
    assert rungs(Records.of(make_run("PLAIN", evidence=False))) is None
    subgroup = parted(records.subgroups[0])
    assert subgroup.alt.startswith("By sex")


def test_a_part_without_a_figure_is_drawn_as_unknown(make_run: MakeRun) -> None:
    record = json.loads(json.dumps(Records.of(make_run()).subgroups[0]))
    for estimate in record["parts"][0]["figures"]:
        estimate.update(value=None, low=None, high=None)
    assert b"<svg" in drawing(parted(record).src)


@pytest.mark.parametrize("n", [4000])
def test_curves_of_many_images_stay_small(make_run: MakeRun, n: int) -> None:
    run = make_run(n=40, evidence=False)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-rng.normal(truth - 0.5, 1.5)))
    names = np.array(["ill", "well"])
    table = pd.DataFrame({"path": "x.png", "split": "val", "truth": names[truth]})
    table = table.assign(label=names[(p > 0.5).astype(int)], p_ill=1 - p, p_well=p)
    table.to_csv(run.folder / "predictions.csv", index=False)
    assert all(len(chart.src) < 150_000 for chart in judged(Records.of(run)))
