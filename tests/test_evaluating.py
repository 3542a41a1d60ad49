from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

import firstread
from firstread.errors import DataError, RunError, UsageError
from firstread.evaluating import evaluate, evaluating
from firstread.evaluation import Evaluated, Looked
from firstread.progress import Step


def write(path: Path, level: int, seed: int, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-40, 40, (side, side))
    PIL.Image.fromarray((level + noise).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on dark and bright images, and other such images in a table with columns."""
    root = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(0)
    for k in range(24):
        write(root / "data" / "dark" / f"{k}.png", int(rng.integers(70, 130)), k)
        write(root / "data" / "bright" / f"{k}.png", int(rng.integers(120, 180)), 100 + k)
    rows = []
    for k in range(40):
        label = "dark" if k % 2 else "bright"
        level = int(rng.integers(70, 130) if k % 2 else rng.integers(120, 180))
        write(root / "other" / f"{k}.jpg", level, 1000 + k, side=64)
        rows.append((f"other/{k}.jpg", label, f"P{k // 2}", "FM"[k % 3 == 0], str(20 + k)))
    columns = ["path", "label", "patient", "sex", "age"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "other.csv", index=False)
    options = {"backbone": "resnet18", "weights": "none", "image_size": 32, "strategy": "scratch"}
    firstread.train(root / "data", root / "RUN", **options, epochs=4, batch_size=8, augment="none")
    return root


@pytest.fixture(scope="module")
def evaluated(root: Path) -> Evaluated:
    return evaluate(
        root / "RUN",
        root / "other.csv",
        by=["sex", "age"],
        prevalence=["0.1"],
        operating="sensitivity=0.9",
        out=root / "OUT",
        samples=200,
    )


def test_figures_are_those_of_the_classifier_on_these_images(
    root: Path, evaluated: Evaluated
) -> None:
    table = pd.read_csv(root / "other.csv")
    classifier = firstread.load(root / "RUN")
    p = classifier.predict_proba([root / path for path in table["path"]])
    truth = (table["label"] == "dark").to_numpy()
    assert classifier.classes == ("bright", "dark")
    figures = evaluated.evaluation
    assert (figures.n, figures.patients) == (40, 20)
    assert figures.get("accuracy").value == pytest.approx(accuracy_score(truth, p[:, 1] > 0.5))
    assert figures.get("auroc").value == pytest.approx(roc_auc_score(truth, p[:, 1]))
    exact = p.astype(float) / p.astype(float).sum(axis=1, keepdims=True)
    assert figures.get("log_loss").value == pytest.approx(log_loss(truth, exact))
    assert figures.prevalence == {"dark": 0.1, "bright": 0.9}


def test_what_differs_is_said_before_the_score(root: Path) -> None:
    events = list(evaluating(root / "RUN", root / "other.csv", samples=100))
    kinds = [type(event) for event in events if not isinstance(event, Step)]
    assert kinds == [Looked, Evaluated]
    (looked,) = [event for event in events if isinstance(event, Looked)]
    clear = {difference.what: difference for difference in looked.shift.clear}
    assert clear["file format"].sentence() == "file format: jpeg 100 % here, png 100 % in training"
    assert clear["width"].here == "64 px"
    phases = {event.phase for event in events if isinstance(event, Step)}
    assert phases >= {"looking at training images", "looking at images", "predicting"}


def test_an_operating_point_is_chosen_on_validation_images_and_judged_on_these(
    root: Path, evaluated: Evaluated
) -> None:
    (operated,) = evaluated.operated
    held = pd.read_csv(root / "RUN" / "predictions.csv")
    held = held[held["split"] == "val"]
    ill = held["truth"] == "dark"
    found = (held["p_dark"] >= operated.point.threshold)[ill].mean()
    assert found >= 0.9
    assert operated.point.positives + operated.point.negatives == len(held)
    here = (evaluated.probabilities[:, 1] >= operated.point.threshold)[evaluated.targets == 1]
    assert operated.get("sensitivity").value == pytest.approx(here.mean())
    assert "at a prevalence of 10 %" in operated.get("ppv").method


def test_subgroups_are_those_of_the_table(evaluated: Evaluated) -> None:
    sex, age = evaluated.parts
    assert sex.names == ("F", "M")
    assert [e.n for e in sex.evaluations] == [26, 14]
    assert age.names == ("20 to 29", "30 to 39", "40 to 49", "50 to 59")


def test_everything_is_written(root: Path, evaluated: Evaluated) -> None:
    names = {path.name for path in (root / "OUT").iterdir()}
    assert names == {
        *("predictions.csv", "figures.csv", "subgroups.csv", "metrics.json"),
        *("roc.png", "precision_recall.png", "reliability.png", "confusion.png"),
        *("by_sex.png", "by_age.png"),
    }
    record = json.loads((root / "OUT" / "metrics.json").read_text())
    assert record["images"] == 40
    assert record["operating_points"][0]["class"] == "dark"
    table = pd.read_csv(root / "OUT" / "predictions.csv")
    assert table["truth"].tolist() == pd.read_csv(root / "other.csv")["label"].tolist()
    written = pd.read_csv(root / "OUT" / "figures.csv", keep_default_na=False)
    assert list(written) == ["figure", "class", "value", "low", "high", "method", "n"]
    everything = "".join(p.read_text() for p in (root / "OUT").iterdir() if p.suffix != ".png")
    assert "P7" not in everything


def test_images_of_the_training_are_found_even_as_copies(root: Path, tmp_path: Path) -> None:
    known = pd.read_csv(root / "RUN" / "cases.csv")
    for split, number in (("train", 3), ("val", 2)):
        for label in ("dark", "bright"):
            held = known[(known["split"] == split) & (known["label"] == label)]
            for place, path in enumerate(held["path"].head(number)):
                (tmp_path / "copies" / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / "copies" / label / f"{split}{place}.png")
    evaluated = evaluate(root / "RUN", tmp_path / "copies", samples=100)
    assert evaluated.looked.seen == {"train": 6, "val": 4}
    said = " ".join(evaluated.looked.sentences())
    assert "6 of these 10 images the run has used already to train: figures on them mean" in said
    assert "4 of these 10 images the run has used already to choose the model" in said
    assert evaluated.temperature is None
    with pytest.raises(UsageError, match="4 of these images served to choose"):
        evaluate(root / "RUN", tmp_path / "copies", operating="youden")


def test_the_test_part_is_judged_where_there_is_one(root: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for k in range(3):
            write(tmp_path / split / "dark" / f"{k}.png", 90, 2000 + k)
            write(tmp_path / split / "bright" / f"{k}.png", 160, 3000 + k)
    assert evaluate(root / "RUN", tmp_path, samples=100).looked.part == "test"
    assert evaluate(root / "RUN", tmp_path, part="all", samples=100).evaluation.n == 12
    with pytest.raises(UsageError, match="--part val: the data has train, test"):
        evaluate(root / "RUN", tmp_path, part="val")


def test_training_images_that_have_gone_are_said_to_have(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "RUN", tmp_path / "RUN")
    known = pd.read_csv(tmp_path / "RUN" / "cases.csv")
    known["path"] = "/nowhere/" + known["path"]
    known.to_csv(tmp_path / "RUN" / "cases.csv", index=False)
    looked = evaluate(tmp_path / "RUN", root / "other.csv", samples=100).looked
    assert looked.shift is None
    assert "aren't where they were" in looked.sentences()[-1]


def test_unreadable_files_are_all_named_or_left_out(
    root: Path, tmp_path: Path, write_image: Callable[..., Path]
) -> None:
    for k in range(4):
        write_image(f"d/dark/{k}.png", 90, k)
        write_image(f"d/bright/{k}.png", 160, k + 9)
    (tmp_path / "d/dark/x.png").write_text("x")
    (tmp_path / "d/bright/y.png").write_text("y")
    with pytest.raises(DataError, match=r"y\.png: is not an image[^$]*\n.*x\.png: is not an image"):
        evaluate(root / "RUN", tmp_path / "d", out=tmp_path / "OUT")
    assert not (tmp_path / "OUT").exists()
    left = evaluate(root / "RUN", tmp_path / "d", skip_unreadable=True, samples=100)
    assert left.evaluation.n == 8
    assert len(left.skipped) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": ["scanner"]}, DataError, "no such column; it has sex, age"),
        ({"operating": "best"}, UsageError, "no rule for an operating point"),
        ({"prevalence": ["ill=0.1"]}, UsageError, "given for 'ill'; the classes are bright, dark"),
        ({"prevalence": ["dark=much"]}, UsageError, "write a number, or CLASS=0.05"),
        ({"positive": "ill"}, UsageError, "--positive ill: the classes are bright, dark"),
        ({"part": "tset"}, UsageError, "write one of train, val, test or all"),
    ],
)
def test_what_cannot_be_is_refused(
    root: Path, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate(root / "RUN", root / "other.csv", **options)


def test_classes_that_the_classifier_never_learned_are_refused(root: Path, tmp_path: Path) -> None:
    for k in range(2):
        write(tmp_path / "dark" / f"{k}.png", 90, k)
        write(tmp_path / "gray" / f"{k}.png", 120, k)
    with pytest.raises(DataError, match=r"'gray' of the data is none .* \(bright, dark\)"):
        evaluate(root / "RUN", tmp_path)


def test_a_folder_in_use_is_refused_before_the_work(root: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds something already"):
        evaluate(root / "RUN", root / "other.csv", out=tmp_path)


def test_several_labels_an_image(tmp_path: Path) -> None:
    rows = []
    rng = np.random.default_rng(1)
    for k in range(60):
        dark, large = k % 2, k // 2 % 2
        write(tmp_path / f"{k}.png", 80 if dark else 170, k, side=80 if large else 30)
        names = ["dark"] * dark + ["large"] * large
        rows.append((f"{k}.png", ";".join(names), rng.choice(["A", "B"])))
    frame = pd.DataFrame(rows, columns=["path", "label", "scanner"])
    frame.head(40).to_csv(tmp_path / "train.csv", index=False)
    frame.tail(20).to_csv(tmp_path / "other.csv", index=False)
    options = {"backbone": "resnet18", "weights": "none", "image_size": 32, "strategy": "scratch"}
    firstread.train(tmp_path / "train.csv", tmp_path / "RUN", **options, epochs=1)
    evaluated = evaluate(
        tmp_path / "RUN",
        tmp_path / "other.csv",
        by=["scanner"],
        operating="youden",
        out=tmp_path / "OUT",
        samples=100,
    )
    assert evaluated.evaluation.multilabel
    assert evaluated.evaluation.confusion.shape == (2, 2, 2)
    assert [o.point.class_name for o in evaluated.operated] == ["dark", "large"]
    assert (tmp_path / "OUT" / "reliability.png").exists()
    assert json.loads((tmp_path / "OUT" / "metrics.json").read_text())["multilabel"]
