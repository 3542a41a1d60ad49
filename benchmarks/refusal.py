"""What is refused, at how many false alarms, and what that costs in time.

MedNIST, chest radiographs and abdominal CT: over several draws, 36 images a class to train a probe
(the default network with its shipped weights, or another), 12 to validate, 12 that nobody saw.
False alarms are the share of those 12 that are refused; the other rows are shares of hands, heads,
breasts, and of the same 12 turned, inverted, or blank that are refused. The share of unseen images
whose class is in its prediction set stands beside the coverage asked for. Time: processor seconds
of `Classifier.predict` without and with what refusal looks at in the network's stages, and of
`refusing.predict`, on the same files, in turn, medians.

    python benchmarks/refusal.py
    python benchmarks/refusal.py --backbone mobilenet_v2 --image-size 160
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import torch
from tutorial_vs_keras import SHARED

import firstread
from firstread.classifier import Classifier
from firstread.evidence.intervals import proportion
from firstread.evidence.refusal import Refusal
from firstread.progress import returned
from firstread.refusing import TURNS, predict, refusal_of

DATA = SHARED / "data" / "mednist_small"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet.safetensors"
KNOWN, STRANGE = ("CXR", "AbdomenCT"), ("Hand", "HeadCT", "BreastMRI", "ChestCT")
ROUNDS = 25
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **TURNS,
    "black and white swapped": lambda pixels: 255 - pixels,
    "blank": lambda pixels: np.full_like(pixels, 90),
}


def drawn(seed: int) -> pd.DataFrame:
    """Return path, label and split."""
    rng = np.random.default_rng(seed)
    splits = np.repeat(["train", "val", "test"], [36, 12, 12])
    rows = []
    for name in KNOWN:
        files = sorted((DATA / name).iterdir())
        for file, split in zip(files, rng.permutation(splits), strict=True):
            rows.append({"path": str(file), "label": name, "split": split})
    return pd.DataFrame(rows)


def changed(files: list[str], change: Callable[[np.ndarray], np.ndarray], folder: Path) -> Path:
    """Write changed copies of files."""
    folder.mkdir(parents=True)
    for number, file in enumerate(files):
        with PIL.Image.open(file) as picture:
            pixels = np.ascontiguousarray(change(np.asarray(picture.convert("L"))))
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def timed(classifier: Classifier, refusal: Refusal, files: list[str]) -> list[float]:
    """Return median processor seconds of prediction: bare, with what refusal looks at, with all."""
    bare = replace(classifier)
    network = bare.fast.network
    # Without what every stage makes of an image, which nothing but refusal looks at.
    network.described = lambda images: (network.features(images), torch.zeros(len(images), 0))
    ways: list[Callable[[], object]] = [
        lambda: bare.predict(files),
        lambda: classifier.predict(files),
        lambda: predict(classifier, refusal, files),
    ]
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, times in zip(ways, found, strict=True):
            start = time.process_time()
            way()
            times.append(time.process_time() - start)
    return [float(np.median(times)) for times in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--backbone", default="phantom_s")
    parser.add_argument("--image-size", type=int, help="by default that of the weights")
    parser.add_argument("--coverage", type=float, default=0.9)
    arguments = parser.parse_args()
    refused: dict[str, list[bool]] = defaultdict(list)
    inside: list[bool] = []
    for seed in range(arguments.draws):
        with tempfile.TemporaryDirectory() as name:
            root, cases = Path(name), drawn(seed)
            cases.to_csv(root / "cases.csv", index=False)
            run = firstread.train(
                root / "cases.csv",
                root / "RUN",
                backbone=arguments.backbone,
                weights=str(WEIGHTS) if arguments.backbone == "mobilenet_v2" else None,
                strategy="probe",
                image_size=arguments.image_size,
                audit=False,
            ).folder
            classifier = firstread.load(run)
            refusal = returned(refusal_of(run, classifier))
            unseen = cases[cases["split"] == "test"]
            files = unseen["path"].tolist()
            frame = predict(classifier, refusal, files, arguments.coverage)
            refused["unseen, like training (false alarms)"] += (frame["outlier"] > 1).tolist()
            inside += [
                label in held.split(";")
                for label, held in zip(unseen["label"], frame["set"], strict=True)
            ]
            for kind in STRANGE:
                frame = predict(classifier, refusal, DATA / kind)
                refused[kind] += (frame["outlier"] > 1).tolist()
            for kind, change in CHANGES.items():
                folder = changed(files, change, root / kind)
                refused[f"unseen, {kind}"] += (
                    predict(classifier, refusal, folder)["outlier"] > 1
                ).tolist()
            if seed == 0:
                costs = timed(classifier, refusal, cases["path"].tolist())
    print("images\tn\trefused (%)\t95 % interval")
    for kind, marks in refused.items():
        low, high = proportion(sum(marks), len(marks))
        share = 100 * np.mean(marks)
        print(f"{kind}\t{len(marks)}\t{share:.1f}\t{100 * low:.0f} to {100 * high:.0f}")
    low, high = proportion(sum(inside), len(inside))
    print(
        f"class in the set, {100 * arguments.coverage:g} % asked for\t{len(inside)}\t"
        f"{100 * np.mean(inside):.1f}\t{100 * low:.0f} to {100 * high:.0f}"
    )
    bare, plain, careful = costs
    print(
        f"{len(cases)} images, processor seconds: {bare:.3f} without anything for refusal, "
        f"{plain:.3f} with what it looks at, {careful:.3f} with refusal "
        f"({100 * (careful / bare - 1):+.1f} %)"
    )


if __name__ == "__main__":
    main()
