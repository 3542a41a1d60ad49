"""Time of an evaluation: 10,000 predictions with 2,000 bootstrap samples.

All figures with their intervals, for two, five and fourteen classes, with one image a patient and
with three; and the comparison of two models.

    python benchmarks/evaluate_speed.py
    python benchmarks/evaluate_speed.py --images 1000
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from firstread.evidence import compare, evaluate

LIMIT_S = 10


def simulated(images: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make targets and softmax probabilities that are right more often than not."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, images)
    scores = np.exp(rng.normal(size=(images, classes)) + 2 * np.eye(classes)[targets])
    return targets, scores / scores.sum(axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=2_000)
    arguments = parser.parse_args()
    print(f"{arguments.images:,} predictions, {arguments.samples:,} bootstrap samples\n")
    print("what\tclasses\timages a patient\tseconds\tprocessor seconds")
    for classes in (2, 5, 14):
        targets, p = simulated(arguments.images, classes, 0)
        names = [f"class {k}" for k in range(classes)]
        for each in (1, 3):
            groups = np.arange(arguments.images) // each
            start, busy = time.perf_counter(), time.process_time()
            evaluation = evaluate(names, targets, p, groups=groups, samples=arguments.samples)
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            verdict = "under" if seconds < LIMIT_S else "OVER"
            times = f"{seconds:.1f} ({verdict} {LIMIT_S} s)\t{busy:.1f}"
            print(f"evaluate\t{classes}\t{each}\t{times}", flush=True)
            assert evaluation.n == arguments.images
    targets, p = simulated(arguments.images, 2, 0)
    start, busy = time.perf_counter(), time.process_time()
    compare(("A", "B"), targets, p, p[:, ::-1], samples=arguments.samples)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"compare\t2\t1\t{seconds:.1f}\t{busy:.1f}")


if __name__ == "__main__":
    main()
