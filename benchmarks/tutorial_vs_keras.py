"""The tutorial's training, in Keras/TensorFlow as the tutorial writes it and in firstread.

Both train Inception V3 from random weights under the tutorial's top (global average pooling,
dense 256, dropout, one sigmoid), every layer, on the same folder: 299 px, batches of 5, Adam at
1e-4, the same augmentation, the same validation after every epoch, on the CPU. Each runs in a
process of its own, one after the other, round after round; a third process measures the machine's
matrix-multiply rate beside them. An epoch's time is all that passes between its start and its
end, input and validation included; the first epoch, in which Keras builds its graph, is left out
where there are more.

Needs ``pip install -e '.[bench]'``:

    python benchmarks/tutorial_vs_keras.py ../shared/data/hello_world
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

SHARED = Path(os.environ.get("FIRSTREAD_SHARED", Path(__file__).parents[2] / "shared"))
SIZE, BATCH, LEARNING_RATE = 299, 5, 1e-4
MATRIX, PRODUCTS = 2048, 8


def train_in_keras(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train as the tutorial does, in Keras 3 and its ImageDataGenerator."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    class Clock(keras.callbacks.Callback):
        """Notes the time between an epoch's start and its end, validation included."""

        epochs: list[tuple[float, float]] = []  # noqa: RUF012  # One run a process.

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            wall, busy = self.start
            self.epochs.append((time.perf_counter() - wall, time.process_time() - busy))

    distorted = ImageDataGenerator(
        rescale=1 / 255,
        shear_range=0.2,
        zoom_range=0.2,
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        horizontal_flip=True,
    )
    shape = {"target_size": (SIZE, SIZE), "batch_size": BATCH, "class_mode": "binary"}
    training = distorted.flow_from_directory(arguments.data / "train", **shape)
    validation = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        arguments.data / "val", **shape
    )
    if arguments.precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    base = keras.applications.InceptionV3(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    features = keras.layers.GlobalAveragePooling2D()(base.output)
    dense = keras.layers.Dense(256, activation="relu")(features)
    dropped = keras.layers.Dropout(0.5)(dense)
    score = keras.layers.Dense(1, activation="sigmoid", dtype="float32")(dropped)
    network = keras.Model(base.input, score)
    network.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    clock = Clock()
    fitted = network.fit(
        training,
        validation_data=validation,
        epochs=arguments.epochs,
        callbacks=[clock],
        verbose=0,
    )
    precision = "bfloat16" if arguments.precision == "bfloat16" else "float32"
    outcome = _outcome(clock.epochs, precision, training.samples, validation.samples)
    return {**outcome, "accuracies": fitted.history["val_accuracy"]}


def train_in_firstread(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train as `firstread train --recipe tutorial --weights none` does."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # As the command sets it.
    from firstread.learning import Epoch
    from firstread.training import Found, Ready, training

    epochs, start = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        events = training(
            arguments.data,
            Path(folder) / "run",
            recipe="tutorial",
            weights="none",
            epochs=arguments.epochs,
            precision=arguments.precision,
            device="cpu",
        )
        for event in events:
            if isinstance(event, Found):
                counts = event.dataset.counts().sum()
            if isinstance(event, Ready):
                plan, start = event.plan, time.process_time()
            if isinstance(event, Epoch):
                epochs.append((event.seconds, time.process_time() - start))
                start = time.process_time()
    same = (plan.backbone, plan.image_size, plan.batch_size, plan.lr)
    assert same == ("inception_v3", SIZE, BATCH, LEARNING_RATE), same
    return _outcome(epochs, plan.precision, int(counts["train"]), int(counts["val"]))


def measure_machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the rate of large matrix products, and count the network's multiply-adds."""
    import torch

    from firstread.backbones import entry, measure
    from firstread.learning.precision import has_bfloat16

    def rate(kind: torch.dtype) -> float:
        left, right = torch.ones(MATRIX, MATRIX, dtype=kind), torch.ones(MATRIX, MATRIX, dtype=kind)
        seconds = []
        for _ in range(1 + PRODUCTS):
            start = time.perf_counter()
            left @ right
            seconds.append(time.perf_counter() - start)
        return 2 * MATRIX**3 / min(seconds[1:])

    rates = {"float32": rate(torch.float32)}
    if has_bfloat16("cpu") or arguments.precision == "bfloat16":
        rates["bfloat16"] = rate(torch.bfloat16)
    macs = sum(stage.macs for stage in measure(entry("inception_v3"), SIZE).stages)
    return {"rates": rates, "macs": macs, "threads": torch.get_num_threads()}


CHILDREN: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "machine": measure_machine,
    "keras": train_in_keras,
    "firstread": train_in_firstread,
}


def _outcome(
    epochs: list[tuple[float, float]], precision: str, trained: int, judged: int
) -> dict[str, Any]:
    steady = epochs[1:] or epochs
    return {
        "seconds": [wall for wall, _ in steady],
        "busy": [busy for _, busy in steady],
        "precision": precision,
        "trained": trained,
        "judged": judged,
        "peak": peak_memory(),
    }


def peak_memory() -> int:
    """Return the most memory that this process ever held, in bytes."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _in_a_process(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Do one child's work in a fresh Python, and return what it found."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, __file__, str(arguments.data), "--epochs", arguments.epochs]
        command += ["--precision", arguments.precision, "--child", name, "--answer", answer]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        return json.loads(answer.read_text(encoding="utf-8"))


def _joined(rounds: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Put the epochs of several rounds together: median times, largest memory."""
    rounds = list(rounds)
    return {
        **rounds[0],
        "seconds": median(second for one in rounds for second in one["seconds"]),
        "busy": median(second for one in rounds for second in one["busy"]),
        "epochs": sum(len(one["seconds"]) for one in rounds),
        "peak": max(one["peak"] for one in rounds),
    }


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    keras, ours = _joined(found["keras"]), _joined(found["firstread"])
    table = Table(title="The tutorial's training: Inception V3, 299 px, batch 5, random weights")
    table.add_column("", no_wrap=True)
    heads = ("precision", "s an epoch", "CPU s an epoch", "images/s", "peak memory", "epochs timed")
    for head in heads:
        table.add_column(head, justify="right")
    titles = {
        f"Keras {version('keras')}, TensorFlow {version('tensorflow')}": keras,
        f"firstread {version('firstread')}, PyTorch {version('torch')}": ours,
    }
    for title, row in titles.items():
        table.add_row(
            title,
            row["precision"],
            f"{row['seconds']:.1f}",
            f"{row['busy']:.1f}",
            f"{row['trained'] / row['seconds']:.2f}",
            f"{row['peak'] / 2**30:.2f} GiB",
            str(row["epochs"]),
        )
    console = Console(width=None if sys.stdout.isatty() else 132)
    console.print(table)
    console.print(
        f"firstread is {keras['seconds'] / ours['seconds']:.2f} times as fast by the clock and "
        f"takes {ours['busy'] / keras['busy']:.2f} of the processor time.",
        highlight=False,
    )
    machine = found["machine"]
    # A step is a forward pass and a backward one of twice its work; validation is forward alone.
    passes = 3 * ours["trained"] + ours["judged"]
    reached = 2 * machine[0]["macs"] * passes / ours["seconds"]
    for kind in machine[0]["rates"]:
        rate = median(one["rates"][kind] for one in machine)
        console.print(
            f"Its training computes {reached / 1e9:.0f} GFLOP/s, {reached / rate:.0%} of the "
            f"{rate / 1e9:.0f} GFLOP/s of a {MATRIX} x {MATRIX} matrix product in {kind}.",
            highlight=False,
        )
    console.print(
        f"{processor()}, {os.cpu_count()} cores, {machine[0]['threads']} threads, "
        f"{platform.system()}, Python {platform.python_version()}.",
        highlight=False,
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data",
        nargs="?",
        type=Path,
        default=SHARED / "data" / "hello_world",
        help="folder with train/ and val/ of two class folders (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=3, help="a round (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=2, help="of one training each (default: %(default)s)"
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="auto: firstread measures which is faster, Keras stays at its own default, float32",
    )
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        answer = CHILDREN[arguments.child](arguments)
        arguments.answer.write_text(json.dumps(answer), encoding="utf-8")
        return
    if not (arguments.data / "train").is_dir():
        parser.error(f"{arguments.data} has no folder train/")
    print(__doc__.split("\n\n")[1], flush=True)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CHILDREN}
    for number in range(1, arguments.rounds + 1):
        for name in CHILDREN:
            print(f"round {number} of {arguments.rounds}: {name} ...", file=sys.stderr, flush=True)
            found[name].append(_in_a_process(name, arguments))
    _print(found)


if __name__ == "__main__":
    main()
