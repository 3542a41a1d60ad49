"""How `predict --cluster` grows with images and workers, and what would stop it from growing.

Labels 1,000 to 60,000 small images with a network of random weights: in a plain process on one
core, and with 1 and 2 workers of one core each on a Ray of this machine. Each run is a process of
its own. Told are its time by the clock, from the start of Ray to the last answer on disk, and its
processor time, that of Ray's own processes and of importing PyTorch included; on a busy machine
only the latter means anything. To the processor times the cost model is fitted,

    seconds = fixed + images * serial + images / part * per part
              + images * (per image + bytes * per byte) / (workers * efficiency)

of which `serial` (writing the manifest) and `per part` (what the driver does for one) are measured
by themselves, because no number of workers divides them. Then it says how long 1e6 to 1e9 images
would take 8 to 512 workers, and what saturates first under the limits given as options: these are
assumptions about somebody else's storage and network, not measurements.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --sizes 1000 4000 --image-size 64
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psutil
from scipy.optimize import nnls

SIZES = (1_000, 10_000, 60_000)
LARGE = 4
"""How many times as wide the images of the set are that tells the cost of a byte."""

PREDICTED = (10**6, 10**8, 10**9)
WORKERS = (8, 64, 512)
PART = 1_024
FOLDER_FILES = 1_000


def write(folder: Path, count: int, side: int) -> None:
    """Write gray PNG files of noise, no two alike."""
    for number in range(count):
        rng = np.random.default_rng(number)
        path = folder / f"{number // FOLDER_FILES:03d}" / f"{number:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (side, side)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(path, compress_level=1)


def train_nothing(folder: Path, backbone: str, image_size: int) -> None:
    """Make a run whose network has random weights."""
    from firstread.classifier import Classifier
    from firstread.learning import network_of
    from firstread.run import PLAN
    from firstread.training import make_plan

    choices = {"weights": "none", "strategy": "scratch"}
    plan = make_plan("none", {**choices, "backbone": backbone, "image_size": image_size})
    network, origin = network_of(plan, 2)
    folder.mkdir()
    Classifier(network.eval(), ("a", "b"), "linear", origin).save(folder)
    plan.save(folder / PLAN)


def listed(images: Path, count: int, table: Path) -> int:
    """Write the manifest of some images; return the bytes that they take."""
    paths = sorted(images.rglob("*.png"))[:count]
    table.write_text("path\n" + "".join(f"{path}\n" for path in paths), encoding="utf-8")
    return sum(path.stat().st_size for path in paths)


def measure(arguments: argparse.Namespace) -> None:
    """Label once, in this process, and print what it took as JSON."""
    from firstread.cluster import connected
    from firstread.cluster.pipeline import peak_memory
    from firstread.cluster.predicting import Predicted, predicting

    begun = time.monotonic()
    used: dict[int, float] = {}
    if not arguments.workers:
        from firstread.classifier import load

        paths = arguments.table.read_text().splitlines()[1:]
        load(arguments.run).predict(paths).to_csv(arguments.out)
        record: dict[str, Any] = {"worker_mib": 0.0}
    else:
        with connected("auto") as cluster:
            started = time.monotonic() - begun
            first = None
            for event in predicting(
                cluster,
                arguments.run,
                [str(arguments.table)],
                out=str(arguments.out),
                workers=arguments.workers,
                size=arguments.part,
            ):
                first = first or time.monotonic() - begun
                last = event
                used |= processor_times()
            assert isinstance(last, Predicted)
            assert last.errors == 0
            record = {
                "ray": started,
                "first": first,
                "busy": last.tally.busy,
                "utilisation": last.tally.utilisation,
                "worker_mib": last.tally.memory / 2**20,
            }
            record["seconds"] = time.monotonic() - begun
    record.setdefault("seconds", time.monotonic() - begun)
    record |= {"driver": time.process_time(), "mib": peak_memory() / 2**20}
    print(json.dumps({**record, "cpu": record["driver"] + sum(used.values())}))


def processor_times() -> dict[int, float]:
    """Return the processor seconds of everything that this process started, by process."""
    seen = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # It ended meanwhile.
            times = process.cpu_times()
            seen[process.pid] = times.user + times.system
    return seen


def run(workers: int, table: Path, folder: Path, network: Path, part: int) -> dict[str, Any]:
    """Measure in a process of its own: the plain one on one core, a cluster on all of them."""
    core = ["taskset", "-c", "0"] if not workers else []
    with tempfile.TemporaryDirectory(dir=folder) as out:
        words = ["--measure", "--workers", workers, "--table", table, "--run", network]
        words += ["--part", part]
        command = [*core, sys.executable, __file__, *words, "--out", Path(out) / "answers"]
        done = subprocess.run(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**record, "workers": workers}


def serial(folder: Path) -> float:
    """Return the seconds that an image takes in the manifest, which the driver alone writes."""
    from firstread.cluster.manifest import Row, Stored
    from firstread.cluster.storage import Storage

    count = 300_000
    begun = time.perf_counter()
    rows = (Row(f"/archive/films/{number:09d}.png") for number in range(count))
    Stored.write(rows, Storage(str(folder / "manifest")), PART)
    return (time.perf_counter() - begun) / count


def measured(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one record for each set of images and number of workers; print them as they come."""
    train_nothing(folder / "run", arguments.backbone, arguments.image_size)
    sets = [("small", size) for size in arguments.sizes] + [("large", arguments.sizes[0])]
    write(folder / "small", max(arguments.sizes), arguments.side)
    write(folder / "large", arguments.sizes[0], LARGE * arguments.side)
    print("load before the start:", *(f"{load:.1f}" for load in os.getloadavg()))
    head = "images     bytes each  workers  seconds  processor s  driver MiB  worker MiB"
    print(head, flush=True)
    for name, size in sets:
        table = folder / f"{name}-{size}.csv"
        total = listed(folder / name, size, table)
        for workers in (0, 1, 2):
            record = run(workers, table, folder, folder / "run", arguments.part)
            record |= {"images": size, "bytes": total, "set": name}
            who = workers or "plain"
            print(
                f"{size:6,d} {total / size:14,.0f} {who!s:>8} {record['seconds']:8.1f} "
                f"{record['cpu']:12.1f} "
                f"{record['mib']:11,.0f} {record['worker_mib']:11,.0f}   "
                f"load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            yield record


def report(records: list[dict[str, Any]], each: float, arguments: argparse.Namespace) -> None:
    """Print efficiency and overhead, the fitted model and what it predicts."""
    small = [record for record in records if record["set"] == "small"]
    by = {(record["images"], record["workers"]): record for record in small}
    for size in arguments.sizes:
        plain, one, two = (by[size, workers] for workers in (0, 1, 2))
        over, more = (100 * (one[key] / plain[key] - 1) for key in ("seconds", "cpu"))
        twice = 100 * one["seconds"] / (2 * two["seconds"])
        steady = [record["seconds"] - record["first"] for record in (one, two)]
        print(
            f"{size:,} images: 1 worker takes {over:+.0f} % against the plain process by the "
            f"clock, {more:+.0f} % in processor time; 2 workers have {twice:.0f} % of twice the "
            f"rate of 1, without their start {100 * steady[0] / (2 * steady[1]):.0f} %"
        )
    slopes = [_slope(by, arguments.sizes, workers, "cpu") for workers in (0, 1, 2)]
    plain, one, two = (1e3 * slope for slope in slopes)
    efficiency = min(1.0, one / two)
    print(
        f"processor time of one more image: plain {plain:.2f}, 1 worker {one:.2f}, 2 workers "
        f"{two:.2f} ms: efficiency {100 * efficiency:.0f} %, overhead "
        f"{100 * (one / plain - 1):+.0f} %"
    )
    spread = [record for record in records if record["workers"]]
    rows = np.array([(1, r["workers"], r["images"], r["bytes"]) for r in spread], float)
    seconds = np.array([record["cpu"] for record in spread])
    (driver, worker, image, byte), _ = nnls(rows, seconds)
    misses = np.abs(rows @ (driver, worker, image, byte) / seconds - 1)
    part = max(0.0, _slope(by, arguments.sizes, 1, "driver") - each) * arguments.part
    print(
        f"model: fixed {driver:.1f} + {worker:.1f} s, {1e3 * image:.2f} ms an image, "
        f"{1e9 * byte:.1f} ns a byte; serial {1e6 * each:.1f} us an image, {1e3 * part:.0f} ms a "
        f"part; no run further than {100 * misses.max():.0f} % from it"
    )
    _predict(arguments, (driver + worker, image, byte, part, each, efficiency))


def _slope(by: dict[Any, Any], sizes: Sequence[int], workers: int, key: str) -> float:
    """Return what one more image takes."""
    return float(np.polyfit(sizes, [by[size, workers][key] for size in sizes], 1)[0])


def _predict(arguments: argparse.Namespace, model: tuple[float, ...]) -> None:
    """Print how long it would take, and what the workers would wait for."""
    fixed, image, byte, part, each, efficiency = model
    size = arguments.bytes_each
    work = image + byte * size
    print(
        f"predicted for images of {size:,.0f} bytes, {arguments.part:,} a part; limits: "
        f"{arguments.requests:,.0f} requests/s and {arguments.storage / 1e9:g} GB/s of storage, "
        f"{arguments.network / 1e9:g} GB/s of network a machine of {arguments.cores} workers"
    )
    print("    images  workers      time  images/s  saturates first")
    for count in PREDICTED:
        for workers in WORKERS:
            machines = -(-workers // arguments.cores)
            limits = {
                "the workers": workers * efficiency / work,
                # pyarrow asks for an object's size before it asks for its bytes.
                "object storage (requests)": arguments.requests / 2,
                "object storage (bytes)": arguments.storage / size,
                "the network": machines * arguments.network / size,
                "the scheduler (the driver)": arguments.part / part if part else np.inf,
            }
            first = min(limits, key=lambda name: limits[name])
            seconds = fixed + count * (each + 1 / limits[first])
            print(f"{count:10,.0e} {workers:8d} {_time(seconds):>9} {limits[first]:9,.0f}  {first}")


def _time(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=SIZES)
    add("--side", type=int, default=64, help="of the images, in pixels")
    add("--backbone", default="phantom_s")
    add("--image-size", type=int, default=128, help="that the network sees")
    add("--part", type=int, default=PART, help="images a part")
    add("--bytes-each", type=float, default=250_000, help="of the images predicted for")
    add("--requests", type=float, default=5_500, help="that storage answers a second")
    add("--storage", type=float, default=5e9, help="bytes/s of storage")
    add("--network", type=float, default=1.25e9, help="bytes/s of a machine's network")
    add("--cores", type=int, default=64, help="workers a machine")
    add("--measure", action="store_true", help=argparse.SUPPRESS)
    for name, kind in (("workers", int), ("table", Path), ("run", Path), ("out", Path)):
        add(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        each = serial(folder)
        report(list(measured(arguments, folder)), each, arguments)


if __name__ == "__main__":
    main()
