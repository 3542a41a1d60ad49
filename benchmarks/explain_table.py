"""How often each way to explain points at the truth, and how quick it is.

Synthetic radiographs of chest and abdomen in equal numbers; half of each have a bright round lesion
of known place, and that is the classes' only difference. A network learns to tell them; then each
method explains unseen images with a lesion for the class `lesion`. The pointing game (J. Zhang et
al., "Top-down neural attention by excitation backprop", ECCV 2016): a hit where the map's greatest
value lies within the lesion or a tolerance around it. Beside it: the share of the image that such a
circle covers, which is what a random point would hit, and a point in the middle. A coarse map has
a plateau around the lesion whose highest place says little, so the area under the ROC curve of the
map's values, pixels in the lesion against all others, stands beside it (0.5: nothing). Networks
that fail to learn the task are marked: an explanation of a guess has no truth to point at. Seconds
of processor time a map on one thread, and how many forward passes that is.

    python benchmarks/explain_table.py --backbone mobilenet_v2 resnet18
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from tutorial_vs_keras import SHARED

import firstread
from firstread.datasets import stack
from firstread.datasets.films import REGIONS, radiograph
from firstread.errors import UsageError
from firstread.explaining import METHODS, Explainer
from firstread.images import prepared, read
from firstread.progress import returned

WEIGHTS = {
    "mobilenet_v2": str(SHARED / "weights" / "mobilenet_v2_imagenet.safetensors"),
    "phantom_s": "phantom",
}
"""What a network is fine-tuned from; the others learn from nothing."""
SIDE, RADIUS, TOLERANCE = 224, 22, 15


def lesion(rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    """Return brightness to add, and the place of its middle."""
    row, column = rng.integers(RADIUS + 12, SIDE - RADIUS - 12, 2)
    rows, columns = np.indices((SIDE, SIDE))
    disc = np.hypot(rows - row, columns - column) <= RADIUS * rng.uniform(0.75, 1.0)
    return 170 * gaussian_filter(disc.astype(float), 2), (int(row), int(column))


def write(folder: Path, counts: dict[str, int], seed: int = 0) -> pd.DataFrame:
    """Write images of both classes; return path, label, split and where the lesion is."""
    rows = []
    rng = np.random.default_rng(seed)
    for split, count in counts.items():
        for number in range(count):
            film = radiograph(REGIONS[number % 2], rng, (SIDE, SIDE)).astype(float)
            sick = number % 4 < 2
            row = column = -1
            if sick:
                added, (row, column) = lesion(rng)
                film = film + added * (1 - film / 400)
            path = folder / f"{split}{number}.png"
            PIL.Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(path)
            label = "lesion" if sick else "none"
            rows.append(
                {"path": str(path), "label": label, "split": split, "row": row, "column": column}
            )
    return pd.DataFrame(rows)


def hits(maps: list[np.ndarray], places: np.ndarray) -> float:
    """Return the share of maps whose greatest value is near enough to the truth."""
    points = [np.unravel_index(one.argmax(), one.shape) for one in maps]
    away = np.hypot(*(np.array(points, float) - places).T)
    return float((away <= RADIUS + TOLERANCE).mean())


def ranking(maps: list[np.ndarray], places: np.ndarray) -> float:
    """Return how often a pixel in the lesion has a greater value than one outside, mean."""
    rows, columns = np.indices((SIDE, SIDE))
    areas = [
        roc_auc_score((np.hypot(rows - r, columns - c) <= RADIUS).ravel(), one.ravel())
        for one, (r, c) in zip(maps, places, strict=True)
    ]
    return float(np.mean(areas))


def forward_seconds(explainer: Explainer, files: list[Path]) -> float:
    """Return processor seconds that one image takes through the network, in batches."""
    network = explainer.lens.network
    pixels = torch.from_numpy(
        stack([prepared(read(f), network.backbone.preprocessing) for f in files], True)
    )
    times = []
    for _ in range(5):
        start = time.process_time()
        with torch.inference_mode():
            network(pixels)
        times.append((time.process_time() - start) / len(files))
    return min(times)


def map_seconds(explainer: Explainer, files: list[Path]) -> float:
    """Return processor seconds that one map takes, in batches, without reading the image."""
    preprocessing = explainer.lens.network.backbone.preprocessing
    pixels = torch.from_numpy(stack([prepared(read(f), preprocessing) for f in files], True))
    places = torch.zeros(len(files), dtype=torch.int64)
    times = []
    for _ in range(5 if explainer.method.cheap else 1):
        start = time.process_time()
        explainer.maps(pixels, places)
        times.append((time.process_time() - start) / len(files))
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", nargs="+", default=["mobilenet_v2", "phantom_s", "resnet18"])
    parser.add_argument("--images", type=int, default=400, help="to train on")
    parser.add_argument("--judged", type=int, default=40, help="with a lesion")
    parser.add_argument("--slow", type=int, default=16, help="of them, for the slow methods")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--image-size", type=int, default=128)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        counts = {"train": arguments.images, "val": 80, "test": 2 * arguments.judged}
        cases = write(root, counts)
        cases[["path", "label", "split"]].to_csv(root / "cases.csv", index=False)
        sick = cases[(cases["split"] == "test") & (cases["label"] == "lesion")]
        files, places = [Path(p) for p in sick["path"]], sick[["row", "column"]].to_numpy(float)
        chance = np.pi * (RADIUS + TOLERANCE) ** 2 / SIDE**2
        middle = np.hypot(*(places - SIDE / 2).T) <= RADIUS + TOLERANCE
        print(f"random point {100 * chance:.0f} %, the middle {100 * middle.mean():.0f} %")
        print("network\taccuracy (%)\tmethod\tpointing game (%)\tAUROC\tn\tforward passes\tseconds")
        for backbone in arguments.backbone:
            run = firstread.train(
                root / "cases.csv",
                root / backbone.replace("/", "_"),
                backbone=backbone,
                weights=WEIGHTS.get(backbone, "none"),
                strategy="finetune" if backbone in WEIGHTS else "scratch",
                epochs=arguments.epochs,
                image_size=arguments.image_size,
                audit=False,
            )
            accuracy = run.metrics()["test"]["accuracy"]
            classifier = firstread.load(run.folder)
            for method, row in METHODS.items():
                explainer = Explainer.of(
                    classifier.network, classifier.classes, classifier.multilabel, method
                )
                count = len(files) if row.cheap else arguments.slow
                try:
                    made = returned(explainer.explaining(files[:count], "lesion"))
                except UsageError:
                    print(
                        f"{backbone}\t{100 * accuracy:.1f}\t{row.title}\tcan't\t\t\t\t", flush=True
                    )
                    continue
                share = hits([one.map for one in made], places[:count])
                each = map_seconds(explainer, files[:8])
                passes = each / forward_seconds(explainer, files[:8])
                doubt = "" if accuracy >= 0.9 else " (not learned)"
                print(
                    f"{backbone}\t{100 * accuracy:.1f}{doubt}\t{row.title}\t{100 * share:.0f}\t"
                    f"{ranking([one.map for one in made], places[:count]):.2f}\t"
                    f"{count}\t{passes:.1f}\t{each:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
