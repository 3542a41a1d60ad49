"""How long an audit takes, how much memory, and how both grow with the number of images.

Two measurements:

- the whole audit of a folder of images of 512 x 512 px, half of them PNG and half JPEG, on as many
  cores as there are;
- the search for near copies alone on 64 x 64 px thumbnails (what it works on for images of any
  size), from 1,000 to 50,000: the one part that might grow faster than the number of images.

The images are synthetic films, bent and shaded from 120 originals, so that each image has ever more
neighbours that are nearly alike. Two in a hundred are mirrored copies of earlier ones.

    python benchmarks/audit_speed.py [--images 10000] [--growth 1000,5000,10000,50000]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
from scipy.ndimage import map_coordinates, zoom

from firstread.auditing.lookalikes import Pair, lookalikes
from firstread.datasets.films import radiograph

FILMS = 120
EVERY = 50
"""Every so many images, one is a mirrored copy of an earlier one."""


def is_copy(number: int) -> bool:
    return number >= FILMS and number % EVERY == 0


def originals(side: int) -> list[np.ndarray]:
    return [
        radiograph(("abd", "chst")[k % 2], np.random.default_rng(k), (side, side))
        for k in range(FILMS)
    ]


def bent(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the film of another patient: bent by up to a few percent, shaded anew."""
    side = len(film)
    shift = [zoom(rng.normal(0, 0.03 * side, (6, 6)), side / 6, order=1) for _ in range(2)]
    shade = zoom(rng.normal(1, 0.25, (7, 7)), side / 7, order=1)[:side, :side]
    at = np.indices(film.shape) + np.stack(shift)[:, :side, :side]
    pixels = map_coordinates(film, at, order=1, mode="nearest", output=np.float32)
    return np.clip(pixels * shade + rng.normal(0, 2, film.shape), 0, 255).astype(np.uint8)


def enlarged(film: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return the film at full size, with the grain of a detector."""
    large = PIL.Image.fromarray(film).resize((side, side), PIL.Image.Resampling.BICUBIC)
    grain = rng.integers(-3, 4, (side, side), dtype=np.int16)
    return np.clip(np.asarray(large, dtype=np.int16) + grain, 0, 255).astype(np.uint8)


def write_some(folder: Path, numbers: range, side: int) -> None:
    films = originals(side // 4)
    for number in numbers:
        region = ("abd", "chst")[number % 2]
        split = ("train", "val")[number % 7 == 3]
        copied = is_copy(number)
        source = number - FILMS if copied else number
        rng = np.random.default_rng([1, source])
        pixels = bent(films[source % FILMS], rng)
        pixels = pixels[:, ::-1] if copied else pixels
        suffix = ("png", "jpg")[number // 2 % 2]
        path = folder / split / region / f"{number:06d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        how = {"quality": 90} if suffix == "jpg" else {"compress_level": 1}
        PIL.Image.fromarray(enlarged(pixels, side, rng)).save(path, **how)


def write(folder: Path, count: int, side: int) -> None:
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as workers:
        jobs = [
            workers.submit(write_some, folder, range(k, count, cores), side) for k in range(cores)
        ]
        for job in jobs:
            job.result()


def whole(folder: Path) -> None:
    """Audit a folder in this process, and print seconds and peak memory."""
    from firstread.auditing import Audit, auditing

    start, phases = time.perf_counter(), {}
    for event in auditing(folder):
        if not isinstance(event, Audit):
            phases[event.phase] = time.perf_counter() - start
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    looked = phases["looking at images"]
    print(f"  {event.images:,} images: {seconds:.0f} s ({looked:.0f} s of them decoding), ", end="")
    print(f"{1000 * seconds / event.images:.1f} ms an image, peak memory {peak:.2f} GiB")
    print(f"  {sum(map(is_copy, range(event.images))):,} copies were planted:")
    for finding in event.findings:
        if finding.severity in ("severe", "warning"):
            print(f"    {finding.code}: {finding.message}")


def growth(counts: list[int]) -> None:
    """Time the search for near copies among ever more thumbnails."""
    films = originals(64)
    thumbnails = np.empty((max(counts), 64, 64), np.uint8)
    for number in range(max(counts)):
        rng = np.random.default_rng([2, number])
        thumbnails[number] = (
            thumbnails[number - FILMS][:, ::-1]
            if is_copy(number)
            else bent(films[number % FILMS], rng)
        )
    print("images  seconds  processor s  copies found  others  times the work for times as many")
    before = None
    for count in counts:
        start, worked = time.perf_counter(), time.process_time()
        sides, places = np.full(count, 512), np.arange(count)
        found = {
            (min(e.first, e.second), max(e.first, e.second))
            for e in lookalikes(thumbnails[:count], sides, places)
            if isinstance(e, Pair) and e.same
        }
        seconds = time.perf_counter() - start
        work = time.process_time() - worked
        planted = {(k - FILMS, k) for k in range(count) if is_copy(k)}
        ratio = f"{work / before[1]:.1f} for {count / before[0]:.1f}" if before else ""
        right = f"{len(found & planted):,} of {len(planted):,}"
        print(
            f"{count:6,}  {seconds:7.1f}  {work:11.1f}  {right:>12}  "
            f"{len(found - planted):6,}  {ratio}",
            flush=True,
        )
        before = count, work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--growth", default="1000,5000,10000,50000")
    parser.add_argument("--folder", type=Path, help="images made before, or where to make them")
    parser.add_argument("--audit-only", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.audit_only:
        whole(chosen.audit_only)
        return
    if chosen.images:
        with tempfile.TemporaryDirectory() as temporary:
            folder = chosen.folder or Path(temporary)
            if not any(folder.glob("train")):
                print(f"making {chosen.images:,} images of {chosen.side} x {chosen.side} px ...")
                write(folder, chosen.images, chosen.side)
            print(f"audit on {os.cpu_count()} cores")
            # In a process of its own, so that its memory is its own.
            subprocess.run([sys.executable, __file__, "--audit-only", str(folder)], check=True)
    if chosen.growth:
        print("search for near copies")
        growth([int(count) for count in chosen.growth.split(",")])


if __name__ == "__main__":
    main()
