"""How many images a second `firstread pacs listen` takes, classifies, and reports back.

Starts the listener on a run of MobileNetV2 (random weights: they take as long as others), with
dcmtk's `storescp` as the archive that reports go to, and sends CT slices of 512 x 512 pixels by
dcmtk's `storescu` over several associations. Timed is from the first byte sent until the archive
has the last report. Everything, sender and archive too, runs on the same two cores.

    python benchmarks/pacs_listener.py
    python benchmarks/pacs_listener.py --images 200 --associations 1
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

import firstread
from firstread.datasets.films import write_hello_world

SIDE, LIMIT, CORES = 512, 20, 2
PATIENCE = 600


def trained(folder: Path) -> Path:
    """Train MobileNetV2 on the phantoms for one epoch, which is enough to have a run."""
    write_hello_world(folder / "data")
    options = {"backbone": "mobilenet_v2", "weights": "none", "epochs": 1, "image_size": 224}
    return firstread.train(folder / "data", folder / "RUN", **options).folder


def write_slices(folder: Path, count: int) -> None:
    """Write slices of smooth noise, no two alike."""
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    dataset.Rows = dataset.Columns = SIDE
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 2000, (SIDE // 8, SIDE // 8)).astype(np.int16)
        noise = rng.integers(0, 60, (SIDE, SIDE)).astype(np.int16)
        dataset.PixelData = (np.kron(coarse, np.ones((8, 8), np.int16)) + noise).tobytes()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.save_as(folder / f"{number:05d}.dcm")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def measured(folder: Path, run: Path, images: int, associations: int) -> float:
    """Return seconds from the first byte sent to the last report."""
    listener_port, archive_port = free_port(), free_port()
    (folder / "archive").mkdir()
    shares = [folder / f"share-{number}" for number in range(associations)]
    for number, path in enumerate(sorted((folder / "images").iterdir())):
        share = shares[number % associations]
        share.mkdir(exist_ok=True)
        path.rename(share / path.name)
    archive = subprocess.Popen(
        ["storescp", "--output-directory", folder / "archive", str(archive_port)]
    )
    listen = ("listen", run, "--ae", "FIRSTREAD", "--port", listener_port)
    command = [sys.executable, "-m", "firstread", "pacs", *map(str, listen)]
    queue, node = str(folder / "queue"), f"STORESCP@127.0.0.1:{archive_port}"
    listener = subprocess.Popen([*command, "--send-to", node, "--queue", queue])
    try:
        wait_for(archive_port)
        wait_for(listener_port)
        start = time.perf_counter()
        send = ["storescu", "-aec", "FIRSTREAD", "+sd", "127.0.0.1", str(listener_port)]
        senders = [subprocess.Popen([*send, share]) for share in shares]
        while sum(1 for _ in (folder / "archive").iterdir()) < images:
            if listener.poll() is not None or time.perf_counter() - start > PATIENCE:
                raise SystemExit("the listener didn't answer them all")
            time.sleep(0.02)
        taken = time.perf_counter() - start
        for sender in senders:
            sender.wait()
    finally:
        listener.send_signal(signal.SIGTERM)
        listener.wait()
        archive.terminate()
        archive.wait()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--run", type=Path, help="a finished run, instead of training one")
    arguments = parser.parse_args()
    for name in ("storescu", "storescp"):
        if shutil.which(name) is None:
            raise SystemExit(f"{name} is not installed (apt install dcmtk)")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = arguments.run or trained(folder)
        (folder / "images").mkdir()
        write_slices(folder / "images", arguments.images)
        load = os.getloadavg()[0]
        taken = measured(folder, run, arguments.images, arguments.associations)
    print(f"load before: {load:.1f} on {len(os.sched_getaffinity(0))} cores")
    rate = arguments.images / taken
    print(
        f"{arguments.images} images over {arguments.associations} associations: {taken:.1f} s, "
        f"{rate:.1f} images a second; {LIMIT} is the limit"
    )


if __name__ == "__main__":
    main()
