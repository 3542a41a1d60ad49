"""Shortcuts: planted ones are named, the tutorial's own is, and clean data have none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import PIL.ImageDraw
import pytest

from firstread.auditing.finding import Finding
from firstread.auditing.label_errors import suspected
from firstread.auditing.pixel_baseline import pixel_baseline
from firstread.auditing.shortcuts import KINDS, shortcuts
from firstread.auditing.traces import traces
from firstread.datasets import Dataset, load
from firstread.images import Preprocessing, neutralisers

Write = Callable[[Path, PIL.Image.Image, int, int], Path]
COUNT = 24


def film(rng: np.random.Generator) -> PIL.Image.Image:
    """Cut a piece out of blurred noise: it looks like nothing, and its borders like its middle."""
    coarse = rng.integers(40, 200, (10, 10)).astype(np.uint8)
    whole = PIL.Image.fromarray(coarse).resize((200, 200), PIL.Image.Resampling.BICUBIC)
    return whole.crop((40, 40, 160, 160))


def png(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    path = stem.with_suffix(".png")
    picture.save(path)
    return path


def made(folder: Path, write: Write, **columns: list[str]) -> Dataset:
    """Make two classes of random films; `write` plants what it likes."""
    rng = np.random.default_rng(5)
    rows = []
    names = rng.permutation(2 * COUNT)
    for number, name in enumerate(names):
        label = number % 2
        path = write(folder / f"{name:04d}", film(rng), label, number)
        rows.append((str(path), "ab"[label], None, ""))
    cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"], dtype=object)
    return Dataset(cases.assign(**columns), ("a", "b"))


def found(dataset: Dataset, seen: Preprocessing | None = None) -> dict[str, Finding]:
    *_, looked = traces(dataset.paths, seen)
    return {finding.code: finding for finding in shortcuts(dataset, looked, 0)}


def test_clean_data_have_none(tmp_path: Path) -> None:
    findings = found(made(tmp_path, png, scanner=["x", "x", "y", "y"] * (COUNT // 2)))
    assert list(findings) == [kind.code for kind in KINDS]
    assert {finding.severity for finding in findings.values()} == {"passed"}


def resized(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    return png(stem, picture.resize((100, 90)) if label else picture, label, number)


def recompressed(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    picture.save(stem.with_suffix(".jpg"), quality=95 if label else 90)
    return stem.with_suffix(".jpg")


def reformatted(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    path = stem.with_suffix(".bmp" if label else ".png")
    picture.save(path)
    return path


def framed(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    if label:
        PIL.ImageDraw.Draw(picture).rectangle((0, 0, 119, 119), outline=0, width=7)
    return png(stem, picture, label, number)


def marked(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    dimmed = picture.point(lambda level: level // 3)
    if label:
        PIL.ImageDraw.Draw(dimmed).text((98, 6), "R", fill=255)
    return png(stem, dimmed, label, number)


def coloured(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    rgb = picture.convert("RGB")
    if label:
        rgb = PIL.Image.merge("RGB", (picture, picture, picture.point(lambda level: level // 2)))
    return png(stem, rgb, label, number)


@pytest.mark.parametrize(
    ("write", "code", "words"),
    [
        (resized, "SHORTCUT-SIZE", "Every `a` image is 120 x 120 px, and no other image is."),
        (recompressed, "SHORTCUT-STORAGE", "has JPEG quality 9"),
        (reformatted, "SHORTCUT-STORAGE", "PNG file"),
        (framed, "SHORTCUT-BORDER", "border"),
        (marked, "SHORTCUT-MARKER", "burned-in text or a marker at the top right"),
        (coloured, "SHORTCUT-CHANNELS", "Every `a` image is gray, and no other image is."),
    ],
)
def test_planted_shortcut_is_severe_and_told_in_words(
    tmp_path: Path, write: Write, code: str, words: str
) -> None:
    finding = found(made(tmp_path, write))[code]
    assert finding.severity == "severe"
    assert words in finding.message
    assert finding.advice
    assert len(finding.groups) == 2
    figures = dict(finding.figures)
    assert figures["p_corrected"] == pytest.approx(0.001)
    assert figures["low"] < figures["balanced_accuracy"] <= figures["high"] <= 1


def brightened(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    return png(stem, picture.point(lambda level: level // 2 + 60 * label), label, number)


def bright_below(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    """Like anatomy that reaches the lower border in one class."""
    if label:
        ramp = np.linspace(0, 120, 120)[:, None].astype(np.uint8)
        picture = PIL.Image.fromarray(np.minimum(np.asarray(picture) // 2 + ramp, 230))
    return png(stem, picture, label, number)


def widened(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
    return png(stem, picture.crop((0, 0, 120, 80)) if label else picture, label, number)


@pytest.mark.parametrize(
    ("write", "code", "neutralise"),
    [(framed, "SHORTCUT-BORDER", "border"), (brightened, "SHORTCUT-HISTOGRAM", "histogram")],
)
def test_neutralised_images_have_the_shortcut_no_more(
    tmp_path: Path, write: Write, code: str, neutralise: str
) -> None:
    dataset = made(tmp_path, write)
    assert found(dataset, Preprocessing(64))[code].severity != "passed"
    neutral = Preprocessing(64, neutralise=neutralisers(neutralise))
    assert found(dataset, neutral)[code].severity == "passed"


def test_padding_leaves_no_bars_to_tell_dimensions_by(tmp_path: Path) -> None:
    dataset = made(tmp_path, widened)
    assert found(dataset)["SHORTCUT-SIZE"].severity == "severe"
    findings = found(dataset, Preprocessing(64, neutralise=("size",)))
    assert findings["SHORTCUT-SIZE"].severity == "passed"
    assert findings["SHORTCUT-BORDER"].severity == "passed"
    assert findings["SHORTCUT-THUMBNAIL"].severity == "passed"


def test_borders_that_anatomy_may_reach_are_no_more_than_a_warning(tmp_path: Path) -> None:
    finding = found(made(tmp_path, bright_below))["SHORTCUT-BORDER"]
    assert finding.severity == "warning"
    assert "where borders are plain black or white" in finding.why


def test_a_column_of_the_table_is_looked_at(tmp_path: Path) -> None:
    scanners = ["Acme", "Bolt"] * COUNT
    finding = found(made(tmp_path, png, scanner=scanners))["SHORTCUT-METADATA"]
    assert finding.severity == "warning"
    assert "has scanner Acme" in finding.message or "has scanner Bolt" in finding.message


def test_identifiers_are_not_looked_at(tmp_path: Path) -> None:
    names = ["Smith", "Jones"] * COUNT
    finding = found(made(tmp_path, png, patient_name=names))["SHORTCUT-METADATA"]
    assert finding.severity == "not applicable"
    assert "Smith" not in str(finding)


def test_values_of_one_patient_are_not_told(tmp_path: Path) -> None:
    dataset = made(tmp_path, png)
    patients = [f"p{min(number // 4, 9)}" for number in range(2 * COUNT)]
    rooms = ["Smith's own" if patient == "p9" else "" for patient in patients]
    cases = dataset.cases.assign(patient=patients, room=rooms)
    finding = found(Dataset(cases, dataset.classes))["SHORTCUT-METADATA"]
    assert finding.severity == "not applicable"


def test_dates_are_looked_at_by_their_years(tmp_path: Path) -> None:
    dates = ["2019-03-04", "20210611"] * COUNT
    finding = found(made(tmp_path, png, study_date=dates))["SHORTCUT-METADATA"]
    assert finding.message.startswith("Every `a` image has study_date in 2019, and no other image")
    assert "2019-03-04" not in str(finding)


def test_numbers_of_a_column_become_a_threshold(tmp_path: Path) -> None:
    ages = [str(20 + number // 2 + 50 * (number % 2)) for number in range(2 * COUNT)]
    finding = found(made(tmp_path, png, age=ages))["SHORTCUT-METADATA"]
    assert finding.message.startswith("Every `a` image has age of at most 43, and no other image")


def test_images_of_one_patient_are_no_shortcut(tmp_path: Path) -> None:
    """Three patients a class with their own brightness: leaky folds would tell them apart."""

    def own(stem: Path, picture: PIL.Image.Image, label: int, number: int) -> Path:
        level = 20 * ((number // 4) % 12) + 10
        return png(stem, PIL.Image.new("L", (120, 120), level), label, number)

    dataset = made(tmp_path, own)
    patients = [f"p{(number // 4) % 12}{number % 2}" for number in range(2 * COUNT)]
    grouped = Dataset(dataset.cases.assign(patient=patients), dataset.classes)
    assert found(grouped)["SHORTCUT-BORDER"].severity == "passed"


def test_too_few_images_are_not_applicable(tmp_path: Path) -> None:
    dataset = made(tmp_path, png)
    few = Dataset(dataset.cases.iloc[:8], dataset.classes)
    findings = found(few)
    assert {finding.severity for finding in findings.values()} == {"not applicable"}
    assert "from 5 a class" in findings["SHORTCUT-SIZE"].message


def test_several_labels_are_not_applicable(tmp_path: Path) -> None:
    dataset = made(tmp_path, resized)
    several = replace(dataset, multilabel=True)
    *_, looked = traces(dataset.paths)
    findings = [
        *shortcuts(several, looked),
        suspected(several, looked),
        pixel_baseline(several, looked).finding(),
    ]
    assert {finding.severity for finding in findings} == {"not applicable"}
    assert all("several labels" in finding.message for finding in findings)


def test_the_tutorials_size_shortcut_is_named(hello_world: Path) -> None:
    finding = found(load(hello_world))["SHORTCUT-SIZE"]
    assert finding.severity == "severe"
    assert finding.message.startswith(
        "Every `chst` image is 512 x 512 px, and so is 1 of 37 `abd` images."
    )
    assert "--neutralise size" in finding.advice


def test_mednist_jpeg_quality_is_named(shared: Path) -> None:
    findings = found(load(shared / "data" / "mednist_small"))
    assert findings["SHORTCUT-STORAGE"].severity == "severe"
    assert findings["SHORTCUT-STORAGE"].message.startswith(
        "Every `ChestCT` image has JPEG quality 95, and no other image has."
    )
    assert findings["SHORTCUT-BORDER"].severity == "severe"
    assert findings["SHORTCUT-NAME"].severity == "passed"


def test_the_same_seed_gives_the_same_findings(tmp_path: Path) -> None:
    dataset = made(tmp_path, resized)
    assert found(dataset) == found(dataset)
