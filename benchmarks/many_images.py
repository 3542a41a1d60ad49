"""How time, memory and disk grow with the number of images: 1,000 to 60,000 of 64 x 64 pixels.

For each size a process of its own extracts pooled features of all the images, from files on disk
into an empty cache, and again from the full one. It tells its time, start-up left out, and its
largest resident memory, start-up and libraries included. A line is fitted to the times: its
slope, and how far any size is from it.

    python benchmarks/many_images.py
    python benchmarks/many_images.py --sizes 1000 4000 --backbone resnet18
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image

SIZES = (1_000, 5_000, 20_000, 60_000)
SIDE = 64
LIMIT_MIB = 1536
FOLDER_FILES = 1_000


def write(folder: Path, first: int, last: int) -> None:
    """Write gray JPEG files of blurred noise, no two alike."""
    for number in range(first, last):
        rng = np.random.default_rng(number)
        small = PIL.Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8))
        path = folder / f"{number // FOLDER_FILES:03d}" / f"{number:06d}.jpeg"
        path.parent.mkdir(exist_ok=True)
        small.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC).save(path, quality=90)


def measure(arguments: argparse.Namespace) -> None:
    """Extract once, in this process, and print what it took as JSON."""
    from firstread.backbones import build, torch
    from firstread.learning import FeatureCache, Features, extract

    torch.manual_seed(0)
    backbone = build(arguments.backbone, image_size=SIDE)[0]
    paths = sorted(arguments.images.rglob("*.jpeg"))[: arguments.count]
    start = time.perf_counter()
    for event in extract(backbone, paths, cache=FeatureCache(arguments.cache)):
        result = event
    assert isinstance(result, Features)
    assert len(result.paths) == arguments.count
    (features,) = result.stages.values()
    record = {
        "seconds": time.perf_counter() - start,
        "computed": result.computed,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "width": features.shape[-1],
    }
    print(json.dumps(record))


def apart(arguments: argparse.Namespace, images: Path, cache: Path, count: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--backbone", arguments.backbone]
    command += ["--images", str(images), "--cache", str(cache), "--count", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def compare(arguments: argparse.Namespace) -> None:
    sizes = sorted(arguments.sizes)
    with tempfile.TemporaryDirectory() as made:
        images, written, rows = Path(made) / "images", 0, []
        images.mkdir()
        print(f"{arguments.backbone} at {SIDE} px, pooled features of its last stage\n")
        print("images\tseconds\tpeak MiB\tcache MiB\tagain: seconds\tpeak MiB")
        for size in sizes:
            write(images, written, size)
            written = size
            cache = Path(made) / f"cache{size}"
            first = apart(arguments, images, cache, size)
            again = apart(arguments, images, cache, size)
            assert (first["computed"], again["computed"]) == (size, 0)
            disk = sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) / 2**20
            rows.append((size, first["seconds"], max(first["peak_mib"], again["peak_mib"])))
            print(
                f"{size:,}\t{first['seconds']:.1f}\t{first['peak_mib']:.0f}\t{disk:.1f}\t"
                f"{again['seconds']:.1f}\t{again['peak_mib']:.0f}",
                flush=True,
            )
    counts, seconds, peaks = (np.array(column, float) for column in zip(*rows, strict=True))
    if len(sizes) > 2:
        slope, start = np.polyfit(counts, seconds, 1, w=1 / seconds)
        off = np.abs((slope * counts + start) / seconds - 1).max()
        print(
            f"\ntime: {start:.1f} s and {slope * 1e3:.2f} ms an image "
            f"({1 / slope:.0f} images/s); no size is further than {off:.0%} from that line"
        )
    verdict = "under" if peaks.max() < LIMIT_MIB else "OVER"
    print(f"memory: {peaks.max():.0f} MiB at most, {verdict} {LIMIT_MIB} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--images", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.images is None:
        compare(arguments)
    else:
        measure(arguments)


if __name__ == "__main__":
    main()
