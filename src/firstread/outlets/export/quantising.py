"""Static quantisation: weights and activations in 8 bits, their ranges from training images."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from firstread.errors import ExportError, first_line
from firstread.evidence.answers import called
from firstread.evidence.decisions import accuracy
from firstread.evidence.estimate import Estimate
from firstread.outlets.export.checking import Running, batch_of
from firstread.outlets.export.making import INPUT, note, quiet
from firstread.outlets.export.samples import Sample
from firstread.progress import Step

if TYPE_CHECKING:
    import onnx

CALIBRATED_ON = 100
"""Training images that ranges are taken from."""

_QUANTISED = (
    *("Conv", "Gemm", "Add", "Mul", "Concat"),
    *("Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool"),
)
_NETWORK = ("Conv", "Gemm")


@dataclass(frozen=True)
class Judged:
    """What a file is worth on the images that a run is judged on.

    Parameters
    ----------
    accuracy
        With its 95 % interval.
    labels
        Whether each class was called, bool, shape (n, classes).
    """

    accuracy: Estimate
    labels: np.ndarray


def quantised(model: onnx.ModelProto, samples: Sequence[Sample]) -> bytes:
    """Return the model with 8-bit layers, in the QDQ format.

    Weights get a scale a channel, activations one a layer, from their extremes on the samples.
    What lies before the first layer stays exact, and so does the last layer, whose few weights
    say the answer.

    Parameters
    ----------
    model
        As `making.onnx_model` gives it.
    samples
        Training images.

    References
    ----------
    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", CVPR 2018, arXiv:1712.05877.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantise

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands the samples over one by one."""

        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self.left, None)
            return None if sample is None else {INPUT: batch_of(sample.image)}

    nodes = list(model.graph.node)
    layers = [place for place, node in enumerate(nodes) if node.op_type in _NETWORK]
    exact = [*nodes[: layers[0]], *nodes[layers[-1] :]]
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "model.onnx"
        try:
            quantise(
                model,
                path,
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=list(_QUANTISED),
                nodes_to_exclude=[node.name for node in exact],
            )
        except Exception as error:  # onnxruntime's tools raise whatever comes.
            raise ExportError(
                f"the model can't be quantised ({first_line(error)}); leave --int8 out"
            ) from error
        made = onnx.load(path)
    _sort(made.graph)
    note(made, {entry.key: json.loads(entry.value) for entry in model.metadata_props})
    data: bytes = made.SerializeToString()
    return data


def _sort(graph: onnx.GraphProto) -> None:
    """Put nodes into an order in which each comes after what it needs, in place.

    onnxruntime's quantiser sorts them too, and overlooks what branches take from outside.
    """
    nodes = list(graph.node)
    makers = {name: place for place, node in enumerate(nodes) for name in node.output}
    needs = {
        place: {makers[name] for name in _taken(node) if name in makers}
        for place, node in enumerate(nodes)
    }
    order = list(TopologicalSorter(needs).static_order())
    del graph.node[:]
    graph.node.extend(nodes[place] for place in order)


def _taken(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node takes, and its branches from outside."""
    names = set(node.input)
    for attribute in node.attribute:
        inner = attribute.g
        made = {name for each in inner.node for name in each.output}
        made |= {value.name for value in inner.initializer}
        names |= {name for each in inner.node for name in _taken(each)} - made
        names |= {value.name for value in inner.output} - made
    return names


def judging(
    what: str,
    run: Running,
    samples: Sequence[Sample],
    truth: np.ndarray,
    multilabel: bool,
    groups: np.ndarray | None = None,
) -> Generator[Step, None, Judged]:
    """Judge a file on labelled images; yield steps.

    Parameters
    ----------
    what
        The file, for progress.
    run
        Runs it.
    samples, truth
        Images, n of them, and whether each class is true, bool, shape (n, classes).
    multilabel
        Whether an image can be of several classes.
    groups
        Patients, where they are known.
    """
    said = []
    for number, sample in enumerate(samples, start=1):
        said.append(run(batch_of(sample.image))[0][0])
        yield Step(f"judging {what}", number, len(samples))
    labels = called(np.array(said), multilabel)
    return Judged(accuracy("", (labels == truth).all(axis=1), groups), labels)
