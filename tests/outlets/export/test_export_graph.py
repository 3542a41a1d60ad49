from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from firstread.classifier import Classifier
from firstread.datasets import stack
from firstread.errors import ExportError
from firstread.evidence import Interval, Temperature
from firstread.images import Display, Image, prepared
from firstread.outlets.export.checking import LIMIT, batch_of, checking, onnx_run
from firstread.outlets.export.graph import Graph
from firstread.outlets.export.making import onnx_model, program, session
from firstread.outlets.export.samples import Sample
from firstread.progress import returned

NOTES = {"firstread": "0.1.0", "card": {"Intended use": ["None."]}}
SHAPES = [(50, 40), (40, 50, 3), (300, 60), (60, 300, 3), (20, 20), (40, 40)]

Make = Callable[..., Classifier]


def images(dtype: type = np.uint8) -> list[Image]:
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max + 1
    return [Image(rng.integers(0, top, shape).astype(dtype)) for shape in SHAPES]


def said(classifier: Classifier, image: Image) -> np.ndarray:
    return classifier.responded([prepared(image, classifier.preprocessing)])[0].probabilities


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"neutralise": ("size",)},
        {"display": Display(spacing=1.0)},
        {"multilabel": True},
        {"head": "tutorial", "classes": ("a", "b")},
    ],
    ids=["plain", "padded", "placed", "several labels", "one sigmoid"],
)
def test_a_graph_says_what_predict_says(classifier: Make, dtype: type, options: dict) -> None:
    model = classifier(**options)
    temperature = Temperature(1.7, Interval(1.2, 2.5), 80, True)
    graph = Graph(model, temperature.value).eval()
    for image in images(dtype):
        with torch.inference_mode():
            plain, calibrated = graph(torch.tensor(batch_of(image)))
        expected = said(model, image)
        np.testing.assert_allclose(plain[0], expected, atol=LIMIT / 10)
        tempered = temperature.apply(expected[None], model.multilabel)[0]
        np.testing.assert_allclose(calibrated[0], tempered, atol=LIMIT / 10)
        assert np.abs(tempered - expected).max() > LIMIT


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("shape", [(300, 90), (90, 300), (17, 500), (1000, 40), (90, 300, 3)])
def test_a_network_native_to_gray_sees_the_same(classifier: Make, shape: tuple[int, ...]) -> None:
    # Its logits, since random heads are so unsure that a softmax would hide what a trained one,
    # sure of itself, makes of a small difference.
    model = classifier(name="phantom_s")
    image = Image(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    own = stack([prepared(image, model.preprocessing)], image.gray)
    graph, found = Graph(model).eval(), []
    graph.network.register_forward_hook(lambda network, taken, logits: found.append(logits))
    with torch.inference_mode():
        expected = model.network(torch.from_numpy(own))
        graph(torch.tensor(batch_of(image)))
    largest = float(expected.abs().max())
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-5 * largest)


def test_an_onnx_file_takes_any_size_and_number(classifier: Make) -> None:
    # The two ways to fit that the command's own test doesn't take, in 16 bits.
    model = classifier(neutralise=("size",), display=Display(spacing=1.0))
    graph = Graph(model)
    opened = session(onnx_model(program(graph, deep=True), graph, NOTES).SerializeToString())
    run = onnx_run(opened)
    for image in images(np.uint16):
        np.testing.assert_allclose(run(batch_of(image))[0][0], said(model, image), atol=LIMIT)
    both = [image for image in images(np.uint16) if image.shape == (40, 40)] * 3
    batch = np.concatenate([batch_of(image) for image in both])
    assert run(batch)[0].shape == (3, 3)
    described = opened.get_inputs()[0]
    assert (described.name, described.type) == ("pixels", "tensor(uint16)")
    assert described.shape == ["images", "height", "width", "channels"]


@pytest.mark.parametrize("name", ["border", "histogram"])
def test_what_looks_at_each_image_is_no_part_of_a_graph(classifier: Make, name: str) -> None:
    with pytest.raises(ExportError, match=f"neutralises {name}, which depends on what each"):
        Graph(classifier(neutralise=(name, "size")))


def test_an_operator_that_onnx_lacks_is_named(classifier: Make) -> None:
    class Odd(nn.Module):
        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            odd = torch.special.bessel_j0(pixels.float())
            return odd, odd

    traced = torch.export.export(Odd(), (torch.zeros(2, 4, 4, 1, dtype=torch.uint8),))
    lacks = r"resnet18 can't be exported: ONNX has no operator \w+\.(special_)?bessel_j0; choose"
    with pytest.raises(ExportError, match=lacks):
        onnx_model(traced, Graph(classifier()), NOTES)


def test_an_operator_that_onnxruntime_lacks_is_named() -> None:
    from onnx import helper
    from onnx.onnx_pb import TensorProto

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    node = helper.make_node("Fourier", ["x"], ["y"])
    made = helper.make_model(helper.make_graph([node], "odd", value[:1], value[1:]))
    made.ir_version = 10
    with pytest.raises(ExportError, match="onnxruntime has no operator Fourier"):
        session(made.SerializeToString())


def test_a_network_that_can_not_be_traced_is_named() -> None:
    class Choosy(nn.Module):
        name = "choosy"

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels[:, 0] if pixels.sum() > 0 else pixels[:, 1]

    with pytest.raises(ExportError, match=r"choosy can't be exported: .*; choose another"):
        program(Choosy(), deep=False)


@pytest.mark.parametrize("wrong", [0.01, float("nan")])
def test_a_file_that_disagrees_is_refused(classifier: Make, tmp_path: object, wrong: float) -> None:
    model = classifier()
    none = Temperature(1.0, Interval(float("nan"), float("nan")), 0, False)
    held = [Sample(Path(f"{number}.png"), image, "own") for number, image in enumerate(images())]

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        image = Image(pixels[0] if pixels.shape[3] == 3 else pixels[0, ..., 0])
        right = said(model, image)[None]
        return (right + wrong if image.shape == (60, 300) else right), right

    with pytest.raises(ExportError, match=r"differs from PyTorch by .* of 3\.png, and 0\.0001 is"):
        returned(checking("model.onnx", run, model, none, held))
