"""Whether `predict --cluster` needs more memory for more images: a million of them by default.

The images are gray, of 64 x 64 pixels, in tar shards; a thousand different ones, each there many
times under names of its own, because what is read is read again each time. A network of random
weights labels them at 32 pixels with 2 workers of one core each. Told at every tenth part of the
work: the rate since the last, and the resident memory of the driver and of the larger worker. At
the end the answers are counted against the names, from the files that hold them.

    python benchmarks/flat_memory.py
    python benchmarks/flat_memory.py --images 20000
"""

from __future__ import annotations

import argparse
import io
import os
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL.Image
import psutil
import pyarrow.parquet as parquet
from scaling import train_nothing

SIDE, IMAGE_SIZE, SHARD, DIFFERENT = 64, 32, 10_000, 1_000


def write(folder: Path, count: int) -> str:
    """Write shards; return the pattern of their names."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(DIFFERENT):
        held = io.BytesIO()
        pixels = rng.integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(held, "PNG", compress_level=1)
        files.append(held.getvalue())
    last = -(-count // SHARD) - 1
    for shard in range(last + 1):
        with tarfile.open(folder / f"{shard:04d}.tar", "w") as tar:
            for number in range(shard * SHARD, min(count, (shard + 1) * SHARD)):
                member = tarfile.TarInfo(f"{number:08d}.png")
                member.size = len(files[number % DIFFERENT])
                tar.addfile(member, io.BytesIO(files[number % DIFFERENT]))
    return str(folder / f"{{0000..{last:04d}}}.tar")


def memory() -> tuple[float, float]:
    """Return the resident MiB of this process, and of the largest of Ray's workers."""
    workers = [0.0]
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # It ended meanwhile.
            if process.name().startswith("ray::"):
                workers.append(process.memory_info().rss / 2**20)
    return psutil.Process().memory_info().rss / 2**20, max(workers)


def counted(answers: Path, count: int) -> tuple[int, int]:
    """Return how many names have exactly one answer, and how many answers there are."""
    times = np.zeros(count, np.int64)
    for file in sorted(answers.glob("*.parquet")):
        for path in parquet.read_table(file, columns=["path"])["path"].to_pylist():
            times[int(path.removeprefix("tar://").partition(".")[0])] += 1
    return int((times == 1).sum()), int(times.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backbone", default="phantom_s")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # Before PyTorch is there.
    from firstread.cluster import connected
    from firstread.cluster.predicting import Predicted, predicting

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        train_nothing(root / "run", arguments.backbone, IMAGE_SIZE)
        pattern = write(root, arguments.images)
        begun = past = time.monotonic()
        before, told = 0, 0
        print("images\timages/s\tdriver MiB\tworker MiB", flush=True)
        with connected("auto") as cluster:
            for event in predicting(
                cluster,
                root / "run",
                [pattern],
                out=str(root / "answers"),
                workers=arguments.workers,
            ):
                if isinstance(event, Predicted):
                    break
                if event.done * 10 // arguments.images > told:
                    told, now = event.done * 10 // arguments.images, time.monotonic()
                    driver, worker = memory()
                    rate = (event.done - before) / (now - past)
                    print(f"{event.done:,}\t{rate:,.0f}\t{driver:,.0f}\t{worker:,.0f}", flush=True)
                    before, past = event.done, now
            assert isinstance(event, Predicted)
            seconds = time.monotonic() - begun
        once, answers = counted(root / "answers" / "predictions", arguments.images)
        print(
            f"{seconds:.0f} s, {event.errors} unreadable; of {arguments.images:,} names {once:,} "
            f"have one answer, {answers:,} answers in all"
        )


if __name__ == "__main__":
    main()
