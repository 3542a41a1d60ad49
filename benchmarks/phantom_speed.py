"""Measure how many computed pictures a second each family gives, at 128 x 128 pixels.

Run it with `python benchmarks/phantom_speed.py [seconds]`: each family is drawn in batches of 32
on two threads for that long (2 by default). The last row is the stream of all families in equal
shares: its rate is the harmonic mean of the others.
"""

from __future__ import annotations

import sys
import time

import torch

from firstread.phantoms import DRAWS

BATCH, SIZE = 32, 128


def rate(family: str, seconds: float) -> float:
    """Return pictures a second, after one batch to warm up."""
    generator = torch.Generator().manual_seed(0)
    DRAWS[family](BATCH, SIZE, generator)
    start, drawn = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        DRAWS[family](BATCH, SIZE, generator)
        drawn += BATCH
    return drawn / (time.perf_counter() - start)


def main() -> None:
    torch.set_num_threads(2)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    rates = {family: rate(family, seconds) for family in DRAWS}
    print(f"{'family':16}{'images/s':>10}{'ms an image':>14}")
    for family, speed in rates.items():
        print(f"{family:16}{speed:10.0f}{1000 / speed:14.2f}")
    mean = len(rates) / sum(1 / speed for speed in rates.values())
    print(f"{'all':16}{mean:10.0f}{1000 / mean:14.2f}")


if __name__ == "__main__":
    main()
