"""From a classifier to an exported program, and from that to the bytes of an ONNX file."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.export import Dim, ExportedProgram

from firstread.errors import ExportError, first_line
from firstread.outlets.export.graph import Graph
from firstread.outlets.extra import missing

if TYPE_CHECKING:
    import onnx

OPSET = 20
IR_VERSION = 10
"""Of the ONNX file: what onnxruntime 1.18 and later read."""

INPUT, OUTPUTS = "pixels", ("probabilities", "calibrated")
_SHAPES = {
    INPUT: ("images", "height", "width", "channels"),
    OUTPUTS[0]: ("images", "classes"),
    OUTPUTS[1]: ("images", "classes"),
}
_MISSING = re.compile(r"No ONNX function found for <OpOverload\(op='([^']+)'")
_UNSEEN = re.compile(r"(?:Could not find an implementation for|No Op registered for) (\w+)")


def require() -> None:
    """Refuse to start without the libraries of the extra.

    Raises
    ------
    InstallError
        If one of them is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing(error, "export", "ONNX files need it") from None


def program(graph: Graph, *, deep: bool) -> ExportedProgram:
    """Trace a graph for any number of images of any size, gray or colour.

    Parameters
    ----------
    graph
        In inference mode.
    deep
        Whether it takes uint16; else uint8.

    Raises
    ------
    ExportError
        If the network does what can't be traced.
    """
    pixels = torch.zeros(2, 90, 70, 3, dtype=torch.uint16 if deep else torch.uint8)
    sides = {place: Dim(name, min=2, max=8192) for place, name in ((1, "height"), (2, "width"))}
    shapes = {0: Dim("images", min=1, max=4096), **sides, 3: Dim("channels", min=1, max=3)}
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(graph.eval(), (pixels,), dynamic_shapes=(shapes,))
    except Exception as error:  # torch names no common ancestor of what stops a trace.
        raise ExportError(
            f"{graph.name} can't be exported: {first_line(error)}; choose another network"
        ) from error


def saved(traced: ExportedProgram) -> bytes:
    """Return a program as the bytes of a `.pt2` file."""
    buffer = io.BytesIO()
    with quiet():
        torch.export.save(traced, buffer)
    return buffer.getvalue()


def onnx_model(traced: ExportedProgram, graph: Graph, notes: Mapping[str, Any]) -> onnx.ModelProto:
    """Translate a traced graph into ONNX.

    Parameters
    ----------
    traced, graph
        What `program` made of which graph.
    notes
        What the file says of itself, each as JSON.

    Raises
    ------
    ExportError
        If the network has an operator that ONNX lacks, named.
    """
    try:
        with quiet():
            made = torch.onnx.export(
                traced,
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        found = _MISSING.search(_whole(error))
        what = f"has no operator {found[1]}" if found else f"can't hold it ({first_line(error)})"
        raise ExportError(
            f"{graph.name} can't be exported: ONNX {what}; choose another network, or export "
            "with --torch"
        ) from error
    assert made is not None
    model: onnx.ModelProto = made.model_proto
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "firstread", str(notes["firstread"])
    model.doc_string = _described(notes)
    del model.graph.value_info[:]  # These call the free dimensions by other names.
    for value in (*model.graph.input, *model.graph.output):
        for side, name in zip(value.type.tensor_type.shape.dim, _SHAPES[value.name], strict=True):
            if side.dim_param:
                side.dim_param = name
    for node in nodes_of(model.graph):
        del node.metadata_props[:]  # Where in torch's and this machine's files each came from.
        node.doc_string = ""
    note(model, notes)
    return model


def note(model: onnx.ModelProto, notes: Mapping[str, Any]) -> None:
    """Let a model say some things of itself, each as JSON, and nothing else, in place."""
    del model.metadata_props[:]
    for name, value in notes.items():
        text = json.dumps(value, ensure_ascii=False)
        model.metadata_props.add(key=name, value=text)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield all nodes, those in branches too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes_of(attribute.g)


def session(model: bytes) -> Any:
    """Open an ONNX file's bytes with onnxruntime on the CPU, on as many threads as torch takes.

    Raises
    ------
    ExportError
        If onnxruntime has no kernel for an operator, named.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no ancestor but this.
        found = _UNSEEN.search(str(error))
        what = f"has no operator {found[1]}" if found else f"refuses the file ({first_line(error)})"
        raise ExportError(
            f"the model can't be exported: onnxruntime {what}; choose another network"
        ) from error


def _described(notes: Mapping[str, Any]) -> str:
    parts = [f"{name}\n" + "\n".join(lines) for name, lines in notes["card"].items()]
    return "\n\n".join(parts)


def _whole(error: BaseException) -> str:
    """Return what an error says together with all that it came from."""
    said = [str(error)]
    while (cause := error.__cause__ or error.__context__) is not None:
        said.append(str(cause))
        error = cause
    return "\n".join(said)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters and quantisers from telling of their own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
