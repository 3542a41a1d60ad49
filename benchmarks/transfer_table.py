"""What pretraining on computed images is worth on real ones, beside ImageNet's, random and pixels.

Each way learns from a few images a class and is judged on all the others. mednist_small: 5, 10 and
20 a class; accuracies are means over draws, with 95 % intervals that allow for the draws' overlap
(C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003).
hello_world: the different images in folds, each judged by a classifier that didn't see it (frozen:
one by one), with Wilson's interval. Frozen: a linear classifier on the pooled features of the last
stage, its C chosen by inner cross-validation. Fine-tuned: firstread's default for it. Every network
sees images at the size of its own weights.

    python benchmarks/transfer_table.py --out table.csv --frozen-draws 20 --tuned-draws 3

What is in the file is not measured again, so that the benchmark may be cut off and go on.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from strategies import drawn
from tutorial_vs_keras import SHARED, processor

import firstread
from firstread.backbones import build
from firstread.images import read
from firstread.learning.features import Features, extract
from firstread.learning.probe import fit, folds, hits
from firstread.progress import returned

IMAGENET = str(SHARED / "weights" / "mobilenet_v2_imagenet.safetensors")
EACH = (5, 10, 20)
TUNED_FOLDS = 10


@dataclass(frozen=True)
class Way:
    """A network and what it starts from; random weights have a seed of their own a draw."""

    name: str
    backbone: str = ""
    weights: str = ""
    size: int = 0


WAYS = (
    Way("raw pixels, 28 x 28"),
    Way("phantom_s, random", "phantom_s", "none", 128),
    Way("phantom_s, computed patients", "phantom_s", "phantom", 128),
    Way("mobilenet_v2, random", "mobilenet_v2", "none", 224),
    Way("mobilenet_v2, ImageNet", "mobilenet_v2", IMAGENET, 224),
)


def different(data: Path) -> pd.DataFrame:
    """Return path and label of the images that differ from one another."""
    return drawn(data, 1, 0)[["path", "label"]]


def features(way: Way, paths: list[Path], seed: int) -> np.ndarray:
    """Return one row an image."""
    if not way.backbone:
        gray = [np.atleast_3d(read(p).resized(28).as_float()).mean(2).ravel() for p in paths]
        return np.stack(gray)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone, _ = build(way.backbone, way.weights, image_size=way.size)
    *_, made = extract(backbone, paths)
    assert isinstance(made, Features)
    return next(iter(made.stages.values()))[0].reshape(len(paths), -1)


def frozen(rows: np.ndarray, targets: np.ndarray, known: np.ndarray, judged: np.ndarray) -> float:
    """Return the share of the judged that a linear classifier of the known gets right."""
    linear = returned(
        fit(rows[None, known], targets[known], np.arange(len(known)), classes=targets.max() + 1)
    )
    return float(hits(linear.logits(rows[judged]), targets[judged]).mean())


def tuned(way: Way, cases: pd.DataFrame, seed: int) -> float:
    """Return the accuracy on the part `test` of a network fine-tuned on the others."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "cases.csv"
        paths = [str(Path(p).resolve()) for p in cases["path"]]
        cases.assign(path=paths).to_csv(table, index=False)
        strategy = "scratch" if way.weights == "none" else "finetune"
        run = firstread.train(
            table,
            Path(folder) / "run",
            backbone=way.backbone,
            weights=way.weights,
            image_size=way.size,
            strategy=strategy,
            seed=seed,
        )
        return float(run.metrics()["test"]["accuracy"])


def work(frozen_draws: int, tuned_draws: int) -> Iterator[dict[str, object]]:
    """Name every measurement that the table rests on."""
    for way in WAYS:
        for each in EACH:
            for draw in range(frozen_draws):
                yield {"data": "mednist_small", "how": "frozen", "way": way.name, "each": each,
                       "draw": draw}  # fmt: skip
        yield {"data": "hello_world", "how": "frozen", "way": way.name, "each": 0, "draw": 0}
    for draw in range(max(tuned_draws, TUNED_FOLDS if tuned_draws else 0)):
        for way in WAYS[1:]:
            for each in EACH if draw < tuned_draws else ():
                yield {"data": "mednist_small", "how": "fine-tuned", "way": way.name,
                       "each": each, "draw": draw}  # fmt: skip
            if draw < TUNED_FOLDS:
                yield {"data": "hello_world", "how": "fine-tuned", "way": way.name, "each": 0,
                       "draw": draw}  # fmt: skip


class Bench:
    """Measures one thing after the other; features are computed once a network and data set."""

    def __init__(self) -> None:
        self._cases = {
            name: different(SHARED / "data" / name) for name in ("mednist_small", "hello_world")
        }
        self._features: dict[tuple[str, str, int], np.ndarray] = {}

    def measure(self, data: str, how: str, way: str, each: int, draw: int) -> tuple[float, int]:
        """Return the share of right answers, and how many images were judged."""
        chosen = next(other for other in WAYS if other.name == way)
        measured = {"frozen": self._frozen, "fine-tuned": self._tuned}[how]
        return measured(data, chosen, each, draw)

    def _rows(self, data: str, way: Way, draw: int) -> tuple[np.ndarray, np.ndarray]:
        cases = self._cases[data]
        # Random weights are others in each of five draws; the rest doesn't depend on the draw.
        seed = draw % 5 if way.weights == "none" else 0
        key = data, way.name, seed
        if key not in self._features:
            self._features[key] = features(way, [Path(p) for p in cases["path"]], seed)
        return self._features[key], pd.Categorical(cases["label"]).codes.astype(np.int64)

    def _frozen(self, data: str, way: Way, each: int, draw: int) -> tuple[float, int]:
        rows, targets = self._rows(data, way, draw)
        if data == "hello_world":
            places = np.arange(len(targets))
            parts = [(np.delete(places, k), places[k : k + 1]) for k in places]
        else:
            known = np.flatnonzero(
                drawn(SHARED / "data" / data, each, draw)["split"].to_numpy() != "test"
            )
            parts = [(known, np.setdiff1d(np.arange(len(targets)), known))]
        right = [frozen(rows, targets, known, judged) * len(judged) for known, judged in parts]
        judged = sum(len(judged) for _, judged in parts)
        return sum(right) / judged, judged

    def _tuned(self, data: str, way: Way, each: int, draw: int) -> tuple[float, int]:
        if data == "hello_world":
            cases = self._cases[data].copy()
            targets = pd.Categorical(cases["label"]).codes.astype(np.int64)
            parts = folds(targets, np.arange(len(targets)), TUNED_FOLDS, 0)
            cases["split"] = "train"
            cases.loc[parts[draw][1], "split"] = "test"
            cases.loc[parts[(draw + 1) % len(parts)][1], "split"] = "val"
        else:
            cases = drawn(SHARED / "data" / data, each, draw)
        return tuned(way, cases, draw), int((cases["split"] == "test").sum())


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row a way, one column a data set, size and manner."""
    cells = {}
    for (data, each, how, way), rows in found.groupby(["data", "each", "how", "way"]):
        accuracy, judged = rows["accuracy"].to_numpy(), int(rows["judged"].sum())
        if data == "hello_world":
            right = (rows["accuracy"] * rows["judged"]).sum()
            low, high = _wilson(right, judged)
            cell = f"{right:.0f} of {judged} ({100 * low:.1f} to {100 * high:.1f} %)"
        else:
            classes = 6
            unseen, seen = rows["judged"].iloc[0], each * classes
            spread = np.std(accuracy, ddof=1) if len(accuracy) > 1 else np.nan
            wide = 1.96 * spread * np.sqrt(1 / len(accuracy) + unseen / seen)
            cell = f"{100 * accuracy.mean():.1f} ± {100 * wide:.1f} (n={len(accuracy)})"
        cells[(f"{data} {each or ''} {how}".replace("  ", " "), way)] = cell
    frame = pd.Series(cells).unstack(0)
    return frame.reindex([way.name for way in WAYS if way.name in frame.index])


def _wilson(right: float, n: int) -> tuple[float, float]:
    z, p = 1.96, right / n
    middle, wide = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - wide) / (1 + z * z / n), (middle + wide) / (1 + z * z / n)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frozen-draws", type=int, default=20)
    parser.add_argument("--tuned-draws", type=int, default=20)
    arguments = parser.parse_args()
    columns = ["data", "how", "way", "each", "draw"]
    found = pd.read_csv(arguments.out) if arguments.out.exists() else pd.DataFrame(columns=columns)
    done = set(found[columns].itertuples(index=False, name=None))
    bench = Bench()
    for asked in work(arguments.frozen_draws, arguments.tuned_draws):
        if tuple(asked[name] for name in columns) in done:
            continue
        start = time.perf_counter()
        accuracy, judged = bench.measure(**asked)
        row = asked | {
            "accuracy": accuracy,
            "judged": judged,
            "seconds": time.perf_counter() - start,
        }
        found = pd.concat([found, pd.DataFrame([row])], ignore_index=True)
        found.to_csv(arguments.out, index=False)
        if asked["how"] == "fine-tuned":
            print(f"{row}", flush=True)
    print(table(found).T.to_string())
    print(f"{processor()}, {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
