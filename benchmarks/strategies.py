"""Which strategy does best on small data, and how far behind it the automatic choice is.

On each data set, over several draws: every strategy is trained on the same few images a class and
judged on all the others, none of which it or any choice ever saw. Raw pixels (28 x 28, logistic
regression) and the same network with random weights stand beside the pretrained ones. `auto`
chooses by cross-validation on its training images alone. Accuracies are means over the draws with
95 % intervals that allow for the draws' overlap (C. Nadeau and Y. Bengio, "Inference for the
Generalization Error", Machine Learning 52, 2003).

    python benchmarks/strategies.py
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tutorial_vs_keras import SHARED, processor

import firstread
from firstread.datasets import load
from firstread.images import read
from firstread.learning.probe import fit, hits
from firstread.progress import returned

WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet.safetensors"
COMMON = {"backbone": "mobilenet_v2", "image_size": 161}
WAYS = {
    "random weights, probe": {"weights": "none", "strategy": "probe"},
    "pretrained, probe": {"weights": str(WEIGHTS), "strategy": "probe"},
    "pretrained, svm": {"weights": str(WEIGHTS), "strategy": "probe", "classifier": "svm"},
    "pretrained, fine-tuned": {"weights": str(WEIGHTS), "strategy": "finetune"},
    "auto": {"weights": str(WEIGHTS), "strategy": "auto"},
}


def drawn(data: Path, each: int, seed: int) -> pd.DataFrame:
    """Return path, label and split: `each` images a class to train on, the others to judge."""
    cases = load(data).cases[["path", "label"]].copy()
    # A picture that stands there twice must not stand on both sides.
    prints = [hash(read(path).pixels.tobytes()) for path in cases["path"]]
    cases = cases[~pd.Series(prints, index=cases.index).duplicated()].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    cases["split"] = "test"
    for label in cases["label"].unique():
        places = rng.permutation(np.flatnonzero(cases["label"] == label))
        cases.loc[places[:each], "split"] = "train"
        cases.loc[places[: max(1, each // 5)], "split"] = "val"
    return cases


def shrunk(paths: Iterable[str | Path]) -> np.ndarray:
    """Return images as rows of 28 x 28 gray pixels."""
    return np.stack(
        [np.atleast_3d(read(path).resized(28).as_float()).mean(2).ravel() for path in paths]
    )


def pixels(cases: pd.DataFrame) -> float:
    """Return the accuracy of logistic regression on 28 x 28 pixels."""
    rows = shrunk(cases["path"])
    classes = sorted(cases["label"].unique())
    targets = np.array([classes.index(label) for label in cases["label"]])
    known = (cases["split"] != "test").to_numpy()
    linear = returned(
        fit(rows[None, known], targets[known], np.arange(known.sum()), classes=len(classes))
    )
    return float(hits(linear.logits(rows[~known]), targets[~known]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--each", type=int, default=20)
    arguments = parser.parse_args()
    print(__doc__.split("\n\n")[1], flush=True)
    for name in ("mednist_small", "hello_world"):
        found: dict[str, list[float]] = defaultdict(list)
        for seed in range(arguments.draws):
            cases = drawn(SHARED / "data" / name, arguments.each, seed)
            judged = int((cases["split"] == "test").sum())
            found["raw pixels"].append(pixels(cases))
            with tempfile.TemporaryDirectory() as folder:
                table = Path(folder) / "cases.csv"
                cases.assign(path=[str(Path(p).resolve()) for p in cases["path"]]).to_csv(
                    table, index=False
                )
                for way, options in WAYS.items():
                    run = firstread.train(
                        table, Path(folder) / way.replace(" ", ""), seed=seed, **COMMON, **options
                    )
                    found[way].append(float(run.metrics()["test"]["accuracy"]))
                    print(f"{name} {seed} {way}: {found[way][-1]:.4f}", flush=True)
        trained = len(cases) - judged
        print(f"\n{name}: {arguments.each} a class ({trained} images), judged on {judged}")
        for way, accuracies in found.items():
            mean, spread = np.mean(accuracies), np.std(accuracies, ddof=1)
            wide = 1.96 * spread * np.sqrt(1 / len(accuracies) + judged / trained)
            print(f"  {way:24} {mean:.4f} ({mean - wide:.3f} to {min(1, mean + wide):.3f})")
    print(f"{processor()}, {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
