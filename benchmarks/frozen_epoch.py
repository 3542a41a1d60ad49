"""What an epoch of fine-tuning costs where lower stages stay frozen, against a full one.

A frozen stage's output is computed once and kept; an epoch should then cost what its unfrozen
stages cost. For each stage of a network at which the freezing may end this prints the median time
of an epoch (after the first, with validation), its share of a full epoch's, and the share of the
full epoch's multiply-adds that the unfrozen stages hold: the two shares should agree.

    python benchmarks/frozen_epoch.py ../shared/data/hello_world
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from tutorial_vs_keras import SHARED, processor

from firstread.backbones import build, entry, measure
from firstread.learning import Epoch
from firstread.training import training


def epoch_seconds(data: Path, backbone: str, frozen: str, epochs: int) -> float:
    """Return the median time of an epoch but the first."""
    with tempfile.TemporaryDirectory() as folder:
        events = training(
            data,
            Path(folder) / "RUN",
            backbone=backbone,
            strategy="scratch",
            image_size=224,
            augment="none",
            epochs=epochs,
            precision="float32",
            frozen=frozen or None,
        )
        seconds = [event.seconds for event in events if isinstance(event, Epoch)]
    return median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED / "data" / "hello_world")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    print(__doc__.split("\n\n")[1], flush=True)
    stages = measure(entry(arguments.backbone), 224).stages
    names = list(build(arguments.backbone)[0].stages)
    whole = epoch_seconds(arguments.data, arguments.backbone, "", arguments.epochs)
    macs = {stage.name: stage.macs for stage in stages}
    full = sum(macs[name] for name in names)
    print(f"{'frozen up to':14} {'s an epoch':>10} {'share':>7} {'share of multiply-adds':>24}")
    print(f"{'nothing':14} {whole:10.2f} {1:7.0%} {1:24.0%}")
    for place, name in enumerate(names[:-1]):
        seconds = epoch_seconds(arguments.data, arguments.backbone, name, arguments.epochs)
        left = sum(macs[other] for other in names[place + 1 :]) / full
        print(f"{name:14} {seconds:10.2f} {seconds / whole:7.0%} {left:24.0%}", flush=True)
    print(f"{processor()}, {os.cpu_count()} cores, {arguments.backbone}, 224 px, float32.")


if __name__ == "__main__":
    main()
