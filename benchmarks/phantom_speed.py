"""Measure how long computed pictures take, at 128 x 128 pixels, in processor time on one thread.

Run it with `python benchmarks/phantom_speed.py`: each family is drawn as often in a row as in a
block of the stream that a pretraining learns from; the last rows are the mean over the families,
and that stream itself. Processor time counts what other programs do to the caches, but not what
they do meanwhile: the best of three stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

from firstread.phantoms import DRAWS, stream
from firstread.phantoms.mixing import BLOCK

SIZE, REPEATS, BATCH = 128, 3, 128
EACH = BLOCK // len(DRAWS)


def cost(draw: Callable[[], object], pictures: int) -> float:
    """Return the ms of processor time that a picture takes, after one go to warm up."""
    draw()
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        draw()
        taken.append(time.process_time() - start)
    return 1000 * min(taken) / pictures


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    costs = {name: cost(partial(draw, EACH, SIZE, generator), EACH) for name, draw in DRAWS.items()}
    mean = sum(costs.values()) / len(costs)
    batches = BLOCK // BATCH
    mixed = cost(lambda: list(stream(0, 0, batches, count=BATCH, size=SIZE)), batches * BATCH)
    print(f"{'family':16}{'ms an image':>12}{'a second on 2 cores':>22}")
    for name, ms in {**costs, "all": mean, "stream": mixed}.items():
        print(f"{name:16}{ms:12.2f}{2000 / ms:22.0f}")


if __name__ == "__main__":
    main()
