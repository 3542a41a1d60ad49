"""From nothing to a judged model: the tutorial's 20 epochs in Keras against firstread's default.

Keras trains as the tutorial does (Inception V3 from random weights, 299 px, batches of 5, Adam at
1e-4, the same augmentation), 20 epochs, in a process of its own; the time is the whole process's,
imports and building the graph included. firstread runs `firstread train DATA --out RUN` with its
default strategy and an empty feature cache, in a process of its own; the time is the whole
process's again, to the saved model with its curves and figures. Both start from random weights, on
the same folder, one after the other. Accuracies are those on the folder's validation images, with
exact intervals.

Needs ``pip install -e '.[bench]'``:

    python benchmarks/time_to_accuracy.py ../shared/data/hello_world
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tutorial_vs_keras import SHARED, processor, train_in_keras

from firstread.evidence import proportion


def keras(data: Path, epochs: int) -> tuple[float, float]:
    """Return seconds and validation accuracy of the tutorial's training in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, __file__, str(data), "--epochs", str(epochs)]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--child", "--answer", str(answer)], check=True, stdout=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - start
        return seconds, float(json.loads(answer.read_text())["accuracies"][-1])


def firstread(data: Path, options: list[str]) -> tuple[float, float, int]:
    """Return seconds, validation accuracy and images judged of a default training."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "RUN"
        environment = {**os.environ, "FIRSTREAD_CACHE": str(Path(folder) / "cache")}
        command = [sys.executable, "-m", "firstread", "train", str(data), "--out", str(run)]
        start = time.perf_counter()
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, env=environment)
        seconds = time.perf_counter() - start
        figures = json.loads((run / "metrics.json").read_text())["val"]
        return seconds, float(figures["accuracy"]), int(figures["images"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED / "data" / "hello_world")
    parser.add_argument("--epochs", type=int, default=20, help="of Keras (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of firstread; the median counts")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    arguments, options = parser.parse_known_args()
    arguments.precision = "auto"
    if arguments.child:
        arguments.answer.write_text(json.dumps(train_in_keras(arguments)), encoding="utf-8")
        return
    print(__doc__.split("\n\n")[1], flush=True)
    before = [firstread(arguments.data, options) for _ in range(arguments.rounds)]
    slow, theirs = keras(arguments.data, arguments.epochs)
    after = [firstread(arguments.data, options) for _ in range(arguments.rounds)]
    times = [seconds for seconds, _, _ in before + after]
    fast, (_, ours, images) = median(times), after[-1]
    for name, seconds, accuracy in (
        (f"Keras, {arguments.epochs} epochs", slow, theirs),
        ("firstread, default", fast, ours),
    ):
        right = round(accuracy * images)
        low, high = proportion(right, images)
        print(
            f"{name:20} {seconds:7.1f} s   {right} of {images} right "
            f"({100 * low:.0f} to {100 * high:.0f} %)"
        )
    print(
        f"firstread is {slow / fast:.0f} times as fast (its {len(times)} runs took "
        f"{min(times):.1f} to {max(times):.1f} s)."
    )
    print(f"{processor()}, {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
