"""Runs side by side: which images, which numbers, which pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import PIL.Image
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, roc_auc_score

from firstread.comparing import Compared, compare_runs
from firstread.errors import DataError, RunError, UsageError
from firstread.report.comparison import rendered
from firstread.report.comparison_figures import figures
from firstread.run import Run

from .conftest import MakeRun


def compared(*runs: Run) -> Compared:
    return compare_runs([run.folder for run in runs], samples=100)


def changed(run: Run, table: str, **columns: object) -> None:
    """Change columns of a run's table: by a function of the value, or all of them."""
    frame = pd.read_csv(run.folder / table, dtype={"truth": str, "label": str})
    for name, change in columns.items():
        frame[name] = frame[name].map(change) if callable(change) else change
    frame.to_csv(run.folder / table, index=False)


def test_numbers_are_those_of_scikit_learn_and_scipy(make_run: MakeRun) -> None:
    runs = make_run("A", wrong=3), make_run("B", wrong=10)
    found = compared(*runs)
    (comparison,) = found.comparisons
    assert (comparison.first, comparison.second) == ("B", "A")
    right = (comparison.both, comparison.first_only, comparison.second_only, comparison.neither)
    assert right == (30, 0, 7, 3)
    assert comparison.p_value == pytest.approx(binomtest(0, 7).pvalue)
    areas = []
    for run, evaluation in zip(runs, found.evaluations, strict=True):
        table = run.predictions()
        accuracy = accuracy_score(table["truth"], table["label"])
        assert evaluation.get("accuracy").value == pytest.approx(accuracy)
        areas.append(roc_auc_score(table["truth"] == "well", table["p_well"]))
    gap = next(d for d in comparison.differences if d.figure == "auroc")
    assert gap.value == pytest.approx(areas[1] - areas[0])
    assert found.facts[0] == "All were judged on the same 40 validation images; these are compared."


def test_the_order_of_the_classes_does_not_matter(make_run: MakeRun) -> None:
    a, b = make_run("A"), make_run("B", wrong=8)
    before = compared(a, b).comparisons[0].record()
    for name in ("data.json", "model.json"):
        record = json.loads((b.folder / name).read_text())
        record["classes"].reverse()
        (b.folder / name).write_text(json.dumps(record))
    assert compared(a, b).comparisons[0].record() == before


def test_cases_that_differ_are_said_and_left_out(make_run: MakeRun) -> None:
    a, b = make_run("A"), make_run("B", wrong=8, split="val")
    rows = b.predictions()
    rows[:-10].to_csv(b.folder / "predictions.csv", index=False)
    found = compared(a, b)
    assert len(found.cases) == found.comparisons[0].n == 30
    assert "A on 40 validation images and B on 30 validation images" in found.facts[0]
    assert "Compared are the 30 that all were judged on" in found.facts[0]
    other = {rows["path"][k]: ("well", "ill")[k % 2] for k in range(2)}
    rows["truth"] = rows["path"].map(other).fillna(rows["truth"])
    rows.to_csv(b.folder / "predictions.csv", index=False)
    found = compared(a, b)
    assert len(found.cases) == 38
    assert "Left out: 2 images with another label in another run." in found.facts


def test_images_elsewhere_are_known_by_their_content(make_run: MakeRun, tmp_path: Path) -> None:
    a, b = make_run("A"), make_run("B", wrong=8)
    before = compared(a, b).comparisons[0].record()
    shutil.copytree(tmp_path / "films of march", tmp_path / "copies")

    def moved(path: str) -> str:
        return path.replace("films of march", "copies")

    for table in ("cases.csv", "predictions.csv"):
        changed(b, table, path=moved)
    assert compared(a, b).comparisons[0].record() == before
    cases = pd.read_csv(b.folder / "cases.csv")
    shutil.copy(cases["path"].iloc[-1], cases["path"].iloc[0])
    found = compared(a, b)
    assert len(found.cases) == 39
    assert "Left out: 1 image that one of them learned from." in found.facts


def test_where_nothing_is_common_it_says_so(make_run: MakeRun) -> None:
    a, b = make_run("A"), make_run("B")
    changed(b, "predictions.csv", path=lambda path: f"/gone{path}")
    with pytest.raises(RunError, match="A and B: no image was judged by all of them"):
        compared(a, b)


def test_runs_that_answer_other_questions_are_all_named(make_run: MakeRun) -> None:
    runs = make_run("A"), make_run("B", classes=("cat", "dog")), make_run("C", multilabel=True)
    with pytest.raises(DataError) as error:
        compared(*runs)
    assert "B tells cat and dog apart, and A ill and well" in str(error.value)
    assert "C gives an image several labels, and A one" in str(error.value)


def test_what_is_no_run_or_one_run_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("A")
    with pytest.raises(UsageError, match="name two runs or more"):
        compared(run)
    with pytest.raises(UsageError, match="is named twice"):
        compared(run, run)
    with pytest.raises(RunError, match="is no run of firstread"):
        compare_runs([run.folder, tmp_path / "films of march"])
    pulled = make_run("PULLED")
    for table in ("cases.csv", "predictions.csv"):
        (pulled.folder / table).unlink()
    with pytest.raises(RunError, match=r"PULLED.*is missing.*pulled.*where it was trained"):
        compared(run, pulled)


def test_validation_images_flatter_and_test_images_do_not(make_run: MakeRun) -> None:
    assert "which may have had a say" in " ".join(compared(make_run("A"), make_run("B")).facts)
    tested = compared(make_run("C", split="test"), make_run("D", split="test"))
    assert tested.facts == ("All were judged on the same 40 test images; these are compared.",)


def test_images_of_one_patient_count_as_few(make_run: MakeRun) -> None:
    patients = [f"p{place // 4}" for place in range(80)]
    found = compared(make_run("A", patients=patients), make_run("B", wrong=8, patients=patients))
    (comparison,) = found.comparisons
    assert (comparison.n, comparison.patients) == (40, 10)
    assert comparison.accuracy.method == "Bonett-Price, by patient"


def test_many_comparisons_are_warned_of(make_run: MakeRun) -> None:
    found = compared(make_run("A"), make_run("B", wrong=4), make_run("C", wrong=20))
    assert len(found.comparisons) == 2
    assert "of twenty between equals" in found.sentences()[-1]


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_folder_holds_page_tables_and_figures(
    make_run: MakeRun, tmp_path: Path, multilabel: bool
) -> None:
    classes = ("ill", "well", "<odd>")
    options = {"classes": classes, "n": 42, "multilabel": multilabel, "evidence": False}
    runs = [make_run(name, wrong=wrong, **options) for name, wrong in (("A", 2), ("B", 30))]
    found = compared(*runs)
    out = tmp_path / "OUT"
    found.write(out)
    page = (out / "comparison.html").read_text()
    assert "28 of 42 images are not called the same by all" in page
    assert page.count('<li class="case">') == 18
    assert str(tmp_path) not in page
    assert "films of march" not in page
    assert "<odd>" not in page
    apart = pd.read_csv(out / "disagreements.csv")
    assert len(apart) == 28
    assert (apart["A"] != apart["B"]).all()
    assert (apart["truth"] == apart["A"]).all()
    gaps = pd.read_csv(out / "differences.csv").set_index("figure")
    assert gaps.loc["accuracy", "difference"] == pytest.approx(-28 / 42)
    figures = pd.read_csv(out / "figures.csv")
    assert set(figures["run"]) == {"A", "B"}
    drawn = sorted(path.name for path in out.glob("*.png"))
    assert drawn[:2] == ["differences.png", "figures.png"]
    assert [name[:5] for name in drawn[2:]] == ["roc_0", "roc_1", "roc_2"]
    for name in drawn:
        with PIL.Image.open(out / name) as picture:
            assert picture.width > 600
    with pytest.raises(RunError, match="holds something already"):
        found.write(out)


def test_pictures_that_are_gone_leave_a_page(make_run: MakeRun, tmp_path: Path) -> None:
    found = compared(make_run("A"), make_run("B", wrong=8))
    shutil.rmtree(tmp_path / "films of march")
    found.write(tmp_path / "OUT")
    page = (tmp_path / "OUT" / "comparison.html").read_text()
    assert "5 of these images could not be read for this page" in page


@pytest.mark.parametrize(("wrong", "alone"), [((0, 0), True), ((3, 10), False)])
def test_an_interval_that_is_not_paired_is_not_called_so(
    make_run: MakeRun, wrong: tuple[int, int], alone: bool
) -> None:
    found = compared(*(make_run(name, wrong=w) for name, w in zip("AB", wrong, strict=True)))
    gaps = [
        d for d in found.comparisons[0].differences if d.figure in ("log_loss", "brier", "auroc")
    ]
    for gap in gaps:
        assert gap.interval.low < gap.value < gap.interval.high  # 40 images leave something open.
        assert ("not paired" in gap.method) == alone
    said = "but not for the log loss, Brier score and AUROC (dashed where drawn)"
    assert (said in rendered(found.sides)) == alone
    axes = dict(figures(found.sides))["differences"].axes[0]
    assert ("dashed" in axes.get_xlabel()) == alone
    intervals = [line.get_linestyle() for line in axes.lines if line.get_linewidth() == 2]
    assert ("--" in intervals) == alone
