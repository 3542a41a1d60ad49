"""Reading CT slices: firstread's whole pipeline against pydicom's `pixel_array` alone.

Writes 1,000 uncompressed slices of 512 x 512 pixels, under the header of the CT that pydicom ships,
with a window. pydicom gives stored values; firstread gives what a reader sees: modality rescale,
window and padding done, as 16-bit gray. Both read each file once in turn, warm from the page cache,
in blocks of a hundred.

    python benchmarks/dicom_reading.py
    python benchmarks/dicom_reading.py --slices 200 --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

from firstread.images import read

SLICES, SIDE, BLOCK, LIMIT = 1000, 512, 100, 1.3


def write(folder: Path, count: int) -> list[Path]:
    """Write slices of smooth noise, no two alike."""
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    dataset.Rows = dataset.Columns = SIDE
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 2000, (SIDE // 8, SIDE // 8)).astype(np.int16)
        noise = rng.integers(0, 60, (SIDE, SIDE)).astype(np.int16)
        dataset.PixelData = (np.kron(coarse, np.ones((8, 8), np.int16)) + noise).tobytes()
        dataset.InstanceNumber = number + 1
        paths.append(folder / f"{number:04d}.dcm")
        dataset.save_as(paths[-1])
    return paths


def seconds(reader: Callable[[Path], object], paths: list[Path]) -> float:
    start = time.perf_counter()
    for path in paths:
        reader(path)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    readers: dict[str, Callable[[Path], object]] = {
        "pydicom, stored values": lambda path: pydicom.dcmread(path).pixel_array,
        "firstread, as displayed": read,
    }
    taken: dict[str, list[float]] = {name: [] for name in readers}
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), arguments.slices)
        blocks = [paths[start : start + BLOCK] for start in range(0, len(paths), BLOCK)]
        for reader in readers.values():
            seconds(reader, blocks[0])
        for _ in range(arguments.rounds):
            for block in blocks:
                for name, reader in readers.items():
                    taken[name].append(seconds(reader, block) / len(block))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, median in medians.items():
        print(f"{name:28} {median * 1e3:7.3f} ms a slice")
    ratio = medians["firstread, as displayed"] / medians["pydicom, stored values"]
    print(f"firstread takes {ratio:.2f} times as long; {LIMIT} is the limit")


if __name__ == "__main__":
    main()
