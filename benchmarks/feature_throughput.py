"""Images a second of feature extraction, from image files on disk to pooled features.

Four contenders on the same files, interleaved, round after round, in float32 on the CPU:

loop
    what one writes by hand: Pillow, torchvision's transforms, a DataLoader with a worker a core,
    the network with its last layer taken off, in inference mode, batches of 32;
forward
    the network's own forward alone: firstread's backbone, batches of 32 of pixels that are
    normalised in memory already, channels last, all threads on one batch;
fast forward
    the same on firstread's terms: batch norms folded, one single-threaded pass a core;
firstread
    `extract` with no cache, start to end: hashing, decoding, resizing, folding, computing.

Weights are random: speed doesn't depend on them. Rates and their ratios are medians over the
rounds; a machine that others use at the same time shows in their spread.

    python benchmarks/feature_throughput.py ../shared/data/hello_world
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import PIL.Image
import torch
import torchvision
from torch import nn
from torchvision import transforms

from firstread.backbones import Backbone, build, folded
from firstread.datasets import decode, images_in
from firstread.datasets.films import radiograph
from firstread.learning import Features, extract
from firstread.learning.passes import BATCH
from firstread.progress import returned

NETWORKS = ("inception_v3", "resnet50", "mobilenet_v2")
SYNTHETIC = 200
LOOP_BATCH = 32


def loop(name: str, size: int, paths: Sequence[Path]) -> Callable[[], object]:
    options = {"init_weights": False} if name == "inception_v3" else {}
    network = torchvision.models.get_model(name, weights=None, **options).eval()
    setattr(network, "classifier" if name == "mobilenet_v2" else "fc", nn.Identity())
    prepare = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )

    class Files(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, place: int) -> torch.Tensor:
            return prepare(PIL.Image.open(paths[place]).convert("RGB"))

    def run() -> torch.Tensor:
        loader = torch.utils.data.DataLoader(Files(), LOOP_BATCH, num_workers=os.cpu_count() or 1)
        with torch.inference_mode():
            return torch.cat([network(images) for images in loader])

    return run


def forward(backbone: Backbone, pixels: torch.Tensor) -> Callable[[], object]:
    network = backbone.to(memory_format=torch.channels_last)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([network(some).mean((2, 3)) for some in pixels.split(LOOP_BATCH)])

    return run


def fast_forward(backbone: Backbone, pixels: torch.Tensor) -> Callable[[], object]:
    network = folded(backbone).to(memory_format=torch.channels_last)
    threads = torch.get_num_threads()

    def one(some: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return network(some).mean((2, 3))

    def run() -> torch.Tensor:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            features = torch.cat(list(pool.map(one, pixels.split(BATCH["cpu"]))))
        torch.set_num_threads(threads)
        return features

    return run


def whole(backbone: Backbone, paths: Sequence[Path]) -> Callable[[], object]:
    def run() -> object:
        *_, features = extract(backbone, paths)
        assert isinstance(features, Features)
        assert features.computed == len(paths)
        return features.stages

    return run


def contenders(name: str, paths: Sequence[Path]) -> dict[str, Callable[[], object]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = build(name)[0].eval()
    store, _ = returned(decode(paths, backbone.preprocessing))
    pixels = torch.from_numpy(next(store.batches([np.arange(len(paths))])))
    return {
        "loop": loop(name, backbone.preprocessing.size, paths),
        "forward": forward(backbone, pixels),
        "fast forward": fast_forward(backbone, pixels),
        "firstread": whole(backbone, paths),
    }


def rate(contender: Callable[[], object], images: int) -> float:
    start = time.perf_counter()
    contender()
    return images / (time.perf_counter() - start)


def synthetic(folder: Path) -> Path:
    for number in range(SYNTHETIC):
        rng = np.random.default_rng(number)
        image = radiograph(("abd", "chst")[number % 2], rng, (500, 420))
        PIL.Image.fromarray(image).convert("RGB").save(folder / f"{number:03d}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, help="images; synthetic films if left out")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        data = arguments.data or synthetic(Path(made))
        # extract computes files of the same bytes once: here each must count.
        paths = list({path.read_bytes(): path for path in images_in(data)}.values())
        print(f"{len(paths)} images of {data}, {torch.get_num_threads()} threads, float32;")
        print(f"images a second, median of {arguments.rounds} rounds (lowest to highest)\n")
        print("network\tloop\tforward\tfast forward\tfirstread\tx loop\tx forward\tx fast forward")
        for name in arguments.networks:
            runs = contenders(name, paths)
            rates = {kind: [] for kind in runs}
            for turn in range(arguments.rounds + 1):
                for kind, run in runs.items():
                    measured = rate(run, len(paths))
                    if turn:  # The first warms up.
                        rates[kind].append(measured)
            cells = [
                f"{median(some):.1f} ({min(some):.1f} to {max(some):.1f})"
                for some in rates.values()
            ]
            ours = np.array(rates.pop("firstread"))
            ratios = [f"{np.median(ours / np.array(some)):.2f}" for some in rates.values()]
            print("\t".join([name, *cells, *ratios]), flush=True)


if __name__ == "__main__":
    main()
