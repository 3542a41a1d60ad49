from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import PIL.Image
import pydicom
import pytest

import firstread as api

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("predict")
    for k in range(6):
        for name, level in [("dark", 40 + k), ("bright", 200 + k)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.new("L", (40, 40), level).save(path)
    options = {"backbone": "resnet18", "weights": "none", "epochs": 1, "image_size": 32}
    return api.train(root / "data", root / "RUN", **options).folder


@pytest.fixture
def images(run: Path) -> Path:
    return run.parent / "data"


def test_a_pipe_gets_tab_separated_lines(firstread: Command, run: Path, images: Path) -> None:
    done = firstread("predict", run, images / "dark" / "0.png", images / "bright" / "1.png")
    header, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert header == ["path", "label", "p(bright)", "p(dark)"]
    assert [row[0] for row in rows] == [str(images / "dark/0.png"), str(images / "bright/1.png")]
    for _, label, bright, dark in rows:
        assert label == ("bright" if float(bright) > float(dark) else "dark")
        assert float(bright) + float(dark) == pytest.approx(1, abs=2e-5)


def test_json_csv_and_table_hold_the_same(
    firstread: Command, run: Path, images: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    done = firstread("predict", run, images, "--json", "--csv", table)
    records = json.loads(done.out)
    frame = pd.read_csv(table)
    assert len(records) == len(frame) == 12
    assert records[0].keys() == {"path", "label", "probabilities"}
    for record, row in zip(records, frame.to_dict("records"), strict=True):
        assert record["path"] == row["path"]
        assert record["label"] == row["label"]
        assert record["probabilities"]["dark"] == pytest.approx(row["p_dark"])


def test_paths_come_from_standard_input(
    firstread: Command, run: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{images / 'dark/2.png'}\n\n"))
    done = firstread("predict", run, "-")
    assert done.code == 0
    assert done.out.splitlines()[1].startswith(str(images / "dark/2.png"))


def test_a_sheet_is_drawn(firstread: Command, run: Path, images: Path, tmp_path: Path) -> None:
    done = firstread("predict", run, images / "dark", "--sheet", tmp_path / "s.png")
    assert done.code == 0
    with PIL.Image.open(tmp_path / "s.png") as picture:
        assert picture.width > 600


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sheet", "s.docx"), "the name must end in one of .png"),
        (("--csv", "no/such/folder/x.csv"), "there is no folder no/such/folder"),
    ],
)
def test_bad_targets_are_refused_before_the_work(
    firstread: Command, run: Path, images: Path, words: tuple[str, ...], message: str
) -> None:
    done = firstread("predict", run, images, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_bad_images_are_all_named(firstread: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("x")
    done = firstread("predict", run, tmp_path / "a.png", tmp_path / "b.png")
    assert done.code == 2
    assert "a.png: is not an image" in done.err
    assert "b.png: does not exist" in done.err


def test_no_run_is_named(firstread: Command, tmp_path: Path) -> None:
    done = firstread("predict", tmp_path / "RUN", "x.png")
    assert done.code == 2
    assert "RUN: no such run folder" in done.err


def test_volumes_get_a_line_a_slice_or_one_for_all(
    firstread: Command, run: Path, tmp_path: Path
) -> None:
    for number, level in enumerate((40, 200)):
        noise = np.random.default_rng(number).integers(0, 20, (40, 40, 30)) + level
        noise[0, 0], noise[0, 1] = 0, 255
        image = nibabel.Nifti1Image(noise.astype(np.int16), np.eye(4))
        nibabel.save(image, tmp_path / f"{number}.nii.gz")
    table = tmp_path / "all.csv"
    done = firstread("predict", run, tmp_path, "--slices", "even:3", "--csv", table)
    assert done.code == 0, done.err
    slices = pd.read_csv(table)
    assert slices["path"].str.split("#").str[1].tolist() == ["slice=6", "slice=16", "slice=26"] * 2
    done = firstread("predict", run, tmp_path, "--slices", "even:3", "--volumes", "mean", "--json")
    volumes = json.loads(done.out)
    assert [volume["images"] for volume in volumes] == [3, 3]
    assert volumes[0]["volume"] == str(tmp_path / "0.nii.gz")
    odds = np.log(slices["p_dark"][:3] / (1 - slices["p_dark"][:3])).mean()
    assert volumes[0]["probabilities"]["dark"] == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-4)
    assert "volume\timages\tlabel" in firstread("predict", run, tmp_path, "--volumes", "top:2").out
    assert "write mean, or top:K" in firstread("predict", run, tmp_path, "--volumes", "max").err


def test_dicom_results(
    firstread: Command, run: Path, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("highdicom")
    values = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
    study = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}
    file = write_dicom(values, "film", **study)
    codes = tmp_path / "codes.csv"
    codes.write_text("label,value,scheme,meaning\ndark,1,99X,Dark\nbright,2,99X,Bright\n")
    folders = ("--dicom-sr", tmp_path / "sr", "--dicom-sc", tmp_path / "sc", "--codes", codes)
    done = firstread("predict", run, file, *folders)
    assert done.code == 0, done.err
    (report,), (capture,) = ([*(tmp_path / name).iterdir()] for name in ("sr", "sc"))
    made = pydicom.dcmread(report)
    assert (made.StudyInstanceUID, made.PatientID) == ("1.2.3", "MRN-4711")
    label = done.out.splitlines()[1].split("\t")[1]
    assert f"'{label.title()}'" in str(made)
    weights = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert weights in str(made)
    assert pydicom.dcmread(capture).pixel_array.shape[2] == 3
    assert "Doe" not in done.out + done.err
    done = firstread("predict", run, file, "--dicom-sc", tmp_path / "over", "--overlay")
    assert done.code == 0, done.err
    (marked,) = (tmp_path / "over").iterdir()
    plain, shown = (pydicom.dcmread(path).pixel_array for path in (capture, marked))
    assert plain.shape == shown.shape
    assert not np.array_equal(plain, shown)


def test_dicom_results_need_dicom_files(firstread: Command, run: Path, images: Path) -> None:
    done = firstread("predict", run, images / "dark" / "0.png", "--dicom-sr", "sr")
    assert (done.code, done.out) == (2, "")
    assert "0.png: is no DICOM file" in done.err
    assert "--codes goes with --dicom-sr" in firstread("predict", run, "x", "--codes", "c").err
    assert "--overlay goes with --dicom-sc" in firstread("predict", run, "x", "--overlay").err


def test_without_the_extra_the_way_to_it_is_named(run: Path) -> None:
    # In a process of its own: what is imported here already can't be taken back cleanly.
    program = (
        "import sys; sys.modules['highdicom'] = None; "
        f"sys.argv = ['firstread', 'predict', {str(run)!r}, 'x.dcm', '--dicom-sr', 'sr']; "
        "from firstread.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert "highdicom is not installed" in done.stderr
    assert "pip install 'firstread[dicom]'" in done.stderr
