"""Speed of exported files on the CPU: ONNX float32 against PyTorch, int8 against float32.

Three contenders on the same synthetic radiographs, in turn, round after round, from the displayed
image (uint8, 500 x 420 px, gray) to the probabilities, on the same number of threads:

torch
    PyTorch's best mode here, as `firstread predict` has it: Pillow's resize, channels last,
    batch norms folded into the convolutions; in one pass on all threads;
onnx
    the exported float32 file in onnxruntime, resizing included;
int8
    its quantised twin.

Weights are random: speed doesn't depend on them. Rates are medians over the rounds, ratios the
medians of each round's; a machine that others use at the same time shows in their spread.

    python benchmarks/export_speed.py
    python benchmarks/export_speed.py --networks resnet18 --batch 16
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from firstread.backbones import Origin, assemble, build
from firstread.classifier import Classifier
from firstread.datasets.films import REGIONS, radiograph
from firstread.images import Image, prepared
from firstread.outlets.export.graph import Graph
from firstread.outlets.export.making import onnx_model, program, session
from firstread.outlets.export.quantising import quantised
from firstread.outlets.export.samples import Sample

NETWORKS = ("mobilenet_v2", "resnet18", "resnet50")
SHAPE = (500, 420)
CALIBRATION = 20
CALLS = 5
"""Timed together, after one that warms up."""
NOTES = {"firstread": "0", "card": {}}


def films(count: int) -> list[Image]:
    return [
        Image(radiograph(REGIONS[k % 2], np.random.default_rng(k), SHAPE)) for k in range(count)
    ]


def contenders(name: str, images: list[Image]) -> tuple[dict[str, Callable[[], object]], list[int]]:
    """Return what runs a batch, and the bytes of the float32 and the int8 file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone, _ = build(name)
        network = assemble(backbone, "linear", 2).eval().to(memory_format=torch.channels_last)
    classifier = Classifier(network, REGIONS, "linear", Origin("none"))
    graph = Graph(classifier)
    model = onnx_model(program(graph, deep=False), graph, NOTES)
    data = model.SerializeToString()
    training = [Sample(Path("film.png"), image, "made") for image in films(CALIBRATION)]
    small = quantised(model, training)
    batch = np.stack([image.pixels[..., None] for image in images])

    def by_torch() -> object:
        prepare = classifier.preprocessing
        return classifier.fast.responded([prepared(image, prepare) for image in images])

    def by_onnx(file: bytes) -> Callable[[], object]:
        opened = session(file)
        return lambda: opened.run(["probabilities"], {"pixels": batch})

    return {
        "torch": by_torch,
        "onnx": by_onnx(data),
        "int8": by_onnx(small),
    }, [len(data), len(small)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    images = films(arguments.batch)
    print(
        f"batches of {arguments.batch}, {torch.get_num_threads()} threads; milliseconds an image, "
        f"median of {arguments.rounds} rounds (lowest to highest)\n"
    )
    print("network\ttorch\tonnx\tint8\ttorch/onnx\tonnx/int8\tMB\tMB int8")
    for name in arguments.networks:
        runs, sizes = contenders(name, images)
        times: dict[str, list[float]] = {kind: [] for kind in runs}
        for _ in range(arguments.rounds):
            for kind, run in runs.items():
                # Until the threads of the one before no longer spin on the cores.
                time.sleep(0.3)
                run()
                start = time.perf_counter()
                for _ in range(CALLS):
                    run()
                each = (time.perf_counter() - start) / CALLS / arguments.batch
                times[kind].append(1000 * each)
        cells = [f"{median(t):.1f} ({min(t):.1f} to {max(t):.1f})" for t in times.values()]
        ratios = [
            f"{median(np.divide(times[slow], times[fast])):.2f}"
            for slow, fast in (("torch", "onnx"), ("onnx", "int8"))
        ]
        megabytes = [f"{size / 1e6:.1f}" for size in sizes]
        print("\t".join([name, *cells, *ratios, *megabytes]), flush=True)


if __name__ == "__main__":
    main()
