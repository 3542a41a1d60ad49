from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import PIL.Image
import pytest

import firstread as api
from firstread.outlets.export import exporting as room

Command = Callable[..., Any]

NO_FIRSTREAD = """
import runpy, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("firstread", "torch", "torchvision", "timm", "safetensors"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Made:
    """A run, and what `firstread export --onnx --int8` made of it."""

    run: Path
    out: Path
    printed: str
    images: tuple[Path, ...]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    for k in range(12):
        for name, middle in [("dark", 90), ("bright", 125), ("hell, grün", 160)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = [(50, 40), (150, 30), (64, 64, 3)][k % 3]  # One is tall: Pillow's other order.
            # The classes overlap, or there were nothing to calibrate.
            pixels = middle + rng.normal(0, 20) + rng.integers(-30, 30, shape)
            PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    options = {"backbone": "resnet18", "weights": "none", "strategy": "probe", "image_size": 32}
    run = api.train(root / "data", root / "RUN", audit=False, **options).folder
    words = [sys.executable, "-m", "firstread", "export", "RUN", "--onnx", "model.onnx", "--int8"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return Made(run, root, done.stdout, tuple(sorted((root / "data").rglob("*.png"))))


def probabilities(path: Path, image: Path, output: str = "probabilities") -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with PIL.Image.open(image) as opened:
        pixels = np.atleast_3d(np.asarray(opened))[None]
    return session.run([output], {"pixels": pixels})[0][0]


def test_the_file_says_what_predict_says(made: Made) -> None:
    expected = api.load(made.run).predict_proba(made.images)
    said = [probabilities(made.out / "model.onnx", image) for image in made.images]
    np.testing.assert_allclose(said, expected, atol=1e-4)
    assert "agrees with PyTorch on 100 images, 64 of them made for it (10 DICOM)" in made.printed


def test_its_second_output_is_calibrated(made: Made) -> None:
    record = json.loads((made.run / "calibration.json").read_text())["temperature"]
    assert record["fitted"]
    for image in made.images[::6]:
        plain = probabilities(made.out / "model.onnx", image)
        powers = plain ** (1 / record["value"])
        calibrated = probabilities(made.out / "model.onnx", image, "calibrated")
        np.testing.assert_allclose(calibrated, powers / powers.sum(), atol=1e-4)


def test_the_file_knows_its_classes_and_its_card(made: Made) -> None:
    for name in ("model.onnx", "model.int8.onnx"):
        model = onnx.load(made.out / name)
        onnx.checker.check_model(model)
        held = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
        assert held["classes"] == ["bright", "dark", "hell, grün"]
        assert held["firstread"] == api.__version__
        assert held["card"].keys() == {"Intended use", "Data", "Procedure", "Figures", "Limits"}
        assert any("Accuracy" in line for line in held["card"]["Figures"])
        assert (
            held["figures"]["accuracy"]
            == json.loads((made.run / "metrics.json").read_text())["val"]["accuracy"]
        )
        digest = subprocess.run(
            ["sha256sum", made.run / "model.safetensors"], capture_output=True, text=True
        ).stdout.split()[0]
        assert held["weights_sha256"] == digest
        # Neither where it was made nor with which lines of code.
        held = model.SerializeToString()
        assert str(made.out).encode() not in held
        assert b".py" not in held


def test_int8_is_smaller_and_its_worth_is_printed(made: Made) -> None:
    before, after = (made.out / name for name in ("model.onnx", "model.int8.onnx"))
    assert after.stat().st_size < before.stat().st_size / 3
    model = onnx.load(after)
    kinds = [node.op_type for node in model.graph.node]
    assert "QuantizeLinear" in kinds
    image = made.images[0]
    np.testing.assert_allclose(probabilities(after, image), probabilities(before, image), atol=0.25)
    rows = [line.split("\t") for line in made.printed.splitlines() if "\t" in line]
    table = rows[[row[0] for row in rows].index("file") :]
    assert table[0] == ["file", "MB", "ms an image", "accuracy (%)", "95 % interval"]
    assert [row[0] for row in table[1:]] == ["firstread predict", "model.onnx", "model.int8.onnx"]
    for path, row in zip((before, after), table[2:], strict=True):
        assert float(row[1]) == pytest.approx(path.stat().st_size / 1e6, abs=0.06)
        low, high = map(float, row[4].split(" to "))
        assert low <= float(row[3]) <= high
    assert "int8 changes the label of" in made.printed


def test_the_page_works_without_firstread(made: Made) -> None:
    page = made.out / "model.py"
    assert page.read_text(encoding="utf-8") in made.printed
    words = [sys.executable, "-c", NO_FIRSTREAD, page, *made.images]
    done = subprocess.run(words, capture_output=True, text=True, cwd=made.out.parent)
    assert done.returncode == 0, done.stderr
    header, *rows = csv.reader(io.StringIO(done.stdout), delimiter="\t")
    expected = api.load(made.run).predict(made.images)
    assert header == ["path", "label", "bright", "dark", "hell, grün"]
    assert [row[0] for row in rows] == expected["path"].tolist()
    assert [row[1] for row in rows] == expected["label"].tolist()
    said = np.array([row[2:] for row in rows], float)
    np.testing.assert_allclose(said, expected.iloc[:, 2:].to_numpy(float), atol=2e-4)


def test_the_page_refuses_a_file_that_was_changed(made: Made, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_bytes((made.out / "model.py").read_bytes())
    model = onnx.load(made.out / "model.onnx")
    model.metadata_props[0].value = json.dumps(["dark", "bright", "hell, grün"])
    onnx.save(model, tmp_path / "model.onnx")
    words = [sys.executable, tmp_path / "model.py", made.images[0]]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert "model.onnx: was changed after it was exported" in done.stderr


def test_what_disagrees_is_not_written(
    firstread: Command, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def module(self) -> Callable[..., Any]:
            import torch

            return lambda pixels: (torch.full((1, 3), 0.3), torch.full((1, 3), 0.3))

    monkeypatch.setattr(room, "program", lambda graph, deep: Wrong())
    done = firstread("export", made.run, "--torch", tmp_path / "model.pt2")
    assert done.code == 2
    assert "model.pt2: differs from PyTorch by" in done.err
    assert "nothing was written" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_operator_that_onnx_lacks_is_named_and_nothing_written(
    firstread: Command, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    class Odd(torch.nn.Module):
        def forward(self, logits: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(logits)

    classifier = api.load(made.run)
    classifier.network.head = torch.nn.Sequential(classifier.network.head, Odd())
    monkeypatch.setattr(room, "load", lambda run: classifier)
    done = firstread("export", made.run, "--onnx", tmp_path / "odd.onnx", "--int8")
    assert (done.code, done.out) == (2, "")
    said = r"resnet18 can't be exported: ONNX has no operator \S*bessel_j0; .*export with --torch"
    assert re.search(said, " ".join(done.err.split()))
    assert list(tmp_path.iterdir()) == []


def test_torch_loads_its_program(firstread: Command, made: Made, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "model.pt2"
    done = firstread("export", made.run, "--torch", path)
    assert done.code == 0, done.err
    assert "model.pt2: agrees with PyTorch on 100 images" in done.out
    with PIL.Image.open(made.images[0]) as opened:
        pixels = torch.tensor(np.atleast_3d(np.asarray(opened))[None])
    plain, _ = torch.export.load(path).module()(pixels)
    expected = api.load(made.run).predict_proba(made.images[0])
    np.testing.assert_allclose(plain.detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name a file, as --onnx model.onnx"),
        (("--int8",), "--int8 goes with --onnx"),
        (("--onnx", "OUT/model.pb"), "must end in .onnx"),
        (("--torch", "OUT/model.pt"), "must end in .pt2"),
        (("--onnx", "OUT/none/model.onnx"), "there is no folder"),
        (("--onnx", "OUT/mine.onnx"), "mine.py: is a file of yours"),
    ],
)
def test_mistakes_are_told_before_any_work(
    firstread: Command, made: Made, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "mine.py").write_text("print('mine')")
    done = firstread("export", made.run, *(word.replace("OUT", str(tmp_path)) for word in words))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_int8_without_training_images_ends_before_any_work(
    firstread: Command, made: Made, tmp_path: Path
) -> None:
    run = shutil.copytree(made.run, tmp_path / "RUN")
    cases = pd.read_csv(run / "cases.csv")
    trained = cases["split"] == "train"
    cases.loc[trained, "path"] = "gone/" + cases.loc[trained, "path"]
    cases.to_csv(run / "cases.csv", index=False)
    done = firstread("export", run, "--onnx", tmp_path / "model.onnx", "--int8")
    assert (done.code, done.out) == (2, "")
    assert f"{run}: --int8 takes its ranges from training images, and none of them" in done.err
    assert "put them back, or leave --int8 out" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["RUN"]


@pytest.mark.slow
def test_int8_of_mixed_bit_depths_goes_by_the_more_frequent(
    firstread: Command, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for k in range(40):
        name, deep = ("dark", "bright")[k % 2], k // 2 % 4 == 0  # 10 of 40 have 16 bits.
        pixels = (60 if name == "dark" else 180) + rng.integers(-40, 40, (40, 36))
        scaled = (pixels * 257).astype(np.uint16) if deep else pixels.astype(np.uint8)
        path = tmp_path / "data" / name / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(scaled).save(path)
    options = {"backbone": "resnet18", "weights": "none", "strategy": "probe", "image_size": 32}
    run = api.train(tmp_path / "data", tmp_path / "RUN", audit=False, **options).folder
    done = firstread("export", run, "--onnx", tmp_path / "model.onnx", "--int8")
    assert done.code == 0, done.err
    assert "of 8 bits, as most of the run's are; 10 have 16 and were not checked" in done.out
    eight = tmp_path / "data" / "dark" / "2.png"
    for name in ("model.onnx", "model.int8.onnx"):
        session = onnxruntime.InferenceSession(tmp_path / name, providers=["CPUExecutionProvider"])
        assert session.get_inputs()[0].type == "tensor(uint8)"
        assert probabilities(tmp_path / name, eight).argmax() == 1


def test_without_the_extra_the_way_to_it_is_named(made: Made, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['onnxruntime'] = None; "
        f"sys.argv = ['firstread', 'export', {str(made.run)!r}, '--onnx', 'model.onnx']; "
        "from firstread.cli import main; main()"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "onnxruntime is not installed" in done.stderr
    assert "pip install 'firstread[export]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
