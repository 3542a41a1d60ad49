"""What pretraining on computed images is worth on real ones, beside ImageNet's, random and pixels.

Each way learns from a few images a class and is judged on all the others. mednist_small: 20, 10 and
5 a class, several draws of them. hello_world: the different images in folds, each judged by a
classifier that didn't see it (frozen: one by one; fine-tuned: ten folds). Frozen: a linear
classifier on the pooled features of the last stage, its C chosen by inner cross-validation.
Fine-tuned: firstread's default for it; random weights train from scratch. Every network sees images
at the size of its own weights.

Accuracies are means with 95 % intervals of a bootstrap over both draws and images (A. B. Owen, "The
pigeonhole bootstrap", Annals of Applied Statistics 1, 2007). Differences to the way that --against
names are paired: over the draws that both have, and the same images.

    python benchmarks/transfer_table.py --out table.csv --frozen-draws 20 --tuned-draws 3
    python benchmarks/transfer_table.py --out table.csv --tuned-draws 10 --ways phantom_s

What is in the file is not measured again, so that the benchmark may be cut off and go on; with
--processes several measure side by side.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from strategies import drawn, shrunk
from tutorial_vs_keras import SHARED, processor

import firstread
from firstread.backbones import build
from firstread.learning.features import Features, extract
from firstread.learning.probe import fit, folds, hits
from firstread.progress import returned

IMAGENET = str(SHARED / "weights" / "mobilenet_v2_imagenet.safetensors")
EACH = (20, 10, 5)
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
        return shrunk(paths)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone, _ = build(way.backbone, way.weights, image_size=way.size)
    *_, made = extract(backbone, paths)
    assert isinstance(made, Features)
    return next(iter(made.stages.values()))[0].reshape(len(paths), -1)


def frozen(
    rows: np.ndarray, targets: np.ndarray, known: np.ndarray, judged: np.ndarray
) -> np.ndarray:
    """Return which of the judged a linear classifier of the known gets right."""
    linear = returned(
        fit(rows[None, known], targets[known], np.arange(len(known)), classes=targets.max() + 1)
    )
    return hits(linear.logits(rows[judged]), targets[judged])


def tuned(way: Way, cases: pd.DataFrame, seed: int) -> np.ndarray:
    """Return which cases of the part `test` a network that learned from the others gets right."""
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
            audit=False,
        )
        told = firstread.load(run.folder).predict(
            [path for path, part in zip(paths, cases["split"], strict=True) if part == "test"]
        )
        truth = cases.loc[cases["split"] == "test", "label"].to_numpy()
        return (told["label"].to_numpy() == truth).astype(float)


def work(frozen_draws: int, tuned_draws: int) -> Iterator[dict[str, Any]]:
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


@cache
def _bench() -> Bench:
    """Return this process's own."""
    return Bench()


def measured(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for with the outcome and its time."""
    start = time.perf_counter()
    hits = _bench().measure(**asked)
    return asked | {"hits": hits, "seconds": time.perf_counter() - start}


class Bench:
    """Measures one thing after the other; features are computed once a network and data set."""

    def __init__(self) -> None:
        self._cases = {
            name: different(SHARED / "data" / name) for name in ("mednist_small", "hello_world")
        }
        self._features: dict[tuple[str, str, int], np.ndarray] = {}

    def measure(self, data: str, how: str, way: str, each: int, draw: int) -> str:
        """Return a letter an image: 1 right, 0 wrong, . not judged."""
        chosen = next(other for other in WAYS if other.name == way)
        measured = {"frozen": self._frozen, "fine-tuned": self._tuned}[how]
        right = measured(data, chosen, each, draw)
        return "".join("." if np.isnan(hit) else str(int(hit)) for hit in right)

    def _rows(self, data: str, way: Way, draw: int) -> tuple[np.ndarray, np.ndarray]:
        cases = self._cases[data]
        # Random weights are others in each of five draws; the rest doesn't depend on the draw.
        seed = draw % 5 if way.weights == "none" else 0
        key = data, way.name, seed
        if key not in self._features:
            self._features[key] = features(way, [Path(p) for p in cases["path"]], seed)
        return self._features[key], pd.Categorical(cases["label"]).codes.astype(np.int64)

    def _frozen(self, data: str, way: Way, each: int, draw: int) -> np.ndarray:
        rows, targets = self._rows(data, way, draw)
        right, places = np.full(len(targets), np.nan), np.arange(len(targets))
        if data == "hello_world":
            parts = [(np.delete(places, k), places[k : k + 1]) for k in places]
        else:
            known = np.flatnonzero(
                drawn(SHARED / "data" / data, each, draw)["split"].to_numpy() != "test"
            )
            parts = [(known, np.setdiff1d(places, known))]
        for known, judged in parts:
            right[judged] = frozen(rows, targets, known, judged)
        return right

    def _tuned(self, data: str, way: Way, each: int, draw: int) -> np.ndarray:
        if data == "hello_world":
            cases = self._cases[data].copy()
            targets = pd.Categorical(cases["label"]).codes.astype(np.int64)
            parts = folds(targets, np.arange(len(targets)), TUNED_FOLDS, 0)
            cases["split"] = "train"
            cases.loc[parts[draw][1], "split"] = "test"
            cases.loc[parts[(draw + 1) % len(parts)][1], "split"] = "val"
        else:
            cases = drawn(SHARED / "data" / data, each, draw)
        right = np.full(len(cases), np.nan)
        right[np.flatnonzero(cases["split"] == "test")] = tuned(way, cases, draw)
        return right


def table(found: pd.DataFrame, against: str) -> pd.DataFrame:
    """Return one row a setting and way: accuracy, interval, and the paired difference."""
    rows = []
    for setting, group in found.groupby(["data", "how", "each"], sort=False):
        right = {way: judged(hits) for way, hits in group.groupby("way")}
        for way in (way.name for way in WAYS if way.name in right):
            marks = right[way].to_numpy()
            low, high = interval(marks)
            row = dict(zip(("data", "how", "each"), setting, strict=True)) | {
                "way": way,
                "draws": len(marks),
                "accuracy": f"{100 * np.nanmean(marks):.1f}",
                "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}",
            }
            if against in right and way != against:
                shared = right[way].index.intersection(right[against].index)
                gap = right[way].loc[shared].to_numpy() - right[against].loc[shared].to_numpy()
                low, high = interval(gap)
                row[f"minus {against}"] = (
                    f"{100 * np.nanmean(gap):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
                )
            rows.append(row)
    return pd.DataFrame(rows)


def judged(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row a draw and a column an image: 1 right, 0 wrong, nan where not judged."""
    letters = {"0": 0.0, "1": 1.0, ".": np.nan}
    rows = {row.draw: [letters[c] for c in row.hits] for row in found.itertuples()}
    return pd.DataFrame.from_dict(rows, orient="index").sort_index()


def interval(values: np.ndarray, times: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (draws, images), nan where not judged."""
    rng = np.random.default_rng(0)
    draws, images = values.shape
    known, filled = ~np.isnan(values), np.nan_to_num(values)
    # Folds judge every image once between them: then images alone are drawn again.
    crossed = bool((known.sum(0) > 1).any())
    means = []
    for _ in range(times):
        some = rng.multinomial(draws, np.full(draws, 1 / draws)) if crossed else np.ones(draws)
        weight = np.outer(some, rng.multinomial(images, np.full(images, 1 / images))) * known
        means.append((weight * filled).sum() / max(1, weight.sum()))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frozen-draws", type=int, default=20)
    parser.add_argument("--tuned-draws", type=int, default=20)
    parser.add_argument("--against", default=WAYS[-1].name)
    parser.add_argument("--ways", default="", help="only those whose names begin so")
    parser.add_argument("--processes", type=int, default=1, help="how many measure side by side")
    arguments = parser.parse_args()
    columns = ["data", "how", "way", "each", "draw"]
    found = (
        pd.read_csv(arguments.out, dtype={"hits": str})
        if arguments.out.exists()
        else pd.DataFrame(columns=columns)
    )
    done = set(found[columns].itertuples(index=False, name=None))
    missing = [
        asked
        for asked in work(arguments.frozen_draws, arguments.tuned_draws)
        if tuple(asked[name] for name in columns) not in done
        and asked["way"].startswith(arguments.ways)
    ]
    # Not forked: a process that has used a GPU can't be.
    with get_context("spawn").Pool(arguments.processes) as pool:
        for row in pool.imap_unordered(measured, missing):
            found = pd.concat([found, pd.DataFrame([row])], ignore_index=True)
            found.to_csv(arguments.out, index=False)
            if row["how"] == "fine-tuned":
                print(*(row[name] for name in columns), f"{row['seconds']:.0f} s", flush=True)
    print(table(found, arguments.against).to_string(index=False))
    print(f"{processor()}, {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
