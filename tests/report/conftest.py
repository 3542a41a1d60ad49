"""Finished runs, made of records alone: no network is trained for the tests of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from firstread.auditing import Finding
from firstread.evidence import (
    Rung,
    climb,
    fit_temperature,
    majority,
    score,
    subgroups,
)
from firstread.evidence.calibration import reliability
from firstread.run import Run

PLAN: dict[str, Any] = {
    "recipe": "firstread",
    "backbone": "mobilenet_v2",
    "strategy": "probe",
    "classifier": "softmax",
    "augment": "mild",
    "epochs": 0,
    "batch_size": 16,
    "lr": 0.001,
    "weight_decay": 0.05,
    "schedule": "cosine",
    "keep_best": False,
    "patience": 0,
    "views": 4,
    "seed": 7,
    "device": "cpu",
    "precision": "float32",
}
MODEL: dict[str, Any] = {
    "backbone": "mobilenet_v2",
    "stage": "last",
    "preprocessing": {
        "size": 224,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "neutralise": [],
        "display": {"window": "first", "spacing": None},
    },
    "origin": {"kind": "file", "name": "net.safetensors", "sha256": "ab12" * 16, "licence": "MIT"},
}

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make a run folder of what a training writes; `wrong` images are called something else."""

    def make(
        name: str = "RUN",
        classes: Sequence[str] = ("ill", "well"),
        n: int = 40,
        wrong: int = 3,
        *,
        multilabel: bool = False,
        split: str = "val",
        evidence: bool = True,
        rival: float = 0.6,
        findings: Sequence[Finding] | None = None,
        patients: Sequence[str] | None = None,
    ) -> Run:
        folder, data = tmp_path / name, tmp_path / "films of march"
        folder.mkdir()
        rng = np.random.default_rng(3)
        k = len(classes)
        rows = []
        for place in range(2 * n):
            part = "train" if place < n else split
            path = data / part / classes[place % k] / f"{place:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                noise = rng.integers(0, 200, (60, 40)).astype(np.uint8)
                PIL.Image.fromarray(noise).save(path)
            rows.append((str(path), classes[place % k], "", part))
        cases = pd.DataFrame(rows, columns=["path", "label", "patient", "split"])
        if patients is not None:
            cases["patient"] = list(patients)
        held = cases[cases["split"] == split]
        truth = np.arange(n, 2 * n) % k
        sure = rng.uniform(0.6, 0.99, n)
        called = np.where(np.arange(n) < wrong, (truth + 1) % k, truth)
        said = np.tile(((1 - sure) / max(1, k - 1))[:, None], k)
        said[np.arange(n), called] = sure
        target: Any = truth[:, None] == np.arange(k) if multilabel else truth
        predictions = pd.DataFrame(
            {
                "path": held["path"],
                "split": split,
                "truth": held["label"],
                "label": [classes[c] for c in called],
                **{f"p_{name}": said[:, i] for i, name in enumerate(classes)},
            }
        )
        records = {
            "plan": {**PLAN, "data": str(data), "weights": "/opt/weights/net.safetensors"},
            "data": {"data": str(data), "classes": list(classes), "multilabel": multilabel},
            "model": {**MODEL, "classes": list(classes), "multilabel": multilabel},
            "versions": {"python": "3.12.1", "firstread": "0.1.0", "torch": "2.9.0", "seed": "7"},
            "metrics": {split: score(classes, target, said, target).record()},
        }
        if evidence:
            records |= _evidence(classes, target, said, split, rival)
        if findings is not None:
            records["audit"] = [finding.record() for finding in findings]
        for file, record in records.items():
            (folder / f"{file}.json").write_text(json.dumps(record))
        cases.to_csv(folder / "cases.csv", index=False)
        predictions.to_csv(folder / "predictions.csv", index=False)
        history = pd.DataFrame(
            {"c": [0.1, 1.0], "loss": [0.5, 0.2], "acc": [0.8, 1.0], "val_loss": [0.6, 0.4]}
        ).assign(val_acc=[0.7, 0.9])
        history.to_csv(folder / "history.csv", index=False)
        return Run.open(folder)

    return make


def _evidence(
    classes: Sequence[str], target: Any, said: np.ndarray, split: str, rival: float
) -> dict[str, Any]:
    n, k = said.shape
    rng = np.random.default_rng(5)
    truth = target.argmax(axis=1) if target.ndim == 2 else target
    answer = np.where(rng.random(n) < rival, truth, (truth + 1) % k)
    cheap = np.where(answer[:, None] == np.arange(k), 0.8, 0.2 / max(1, k - 1))
    ladder = climb(
        target,
        [
            Rung("majority", majority(truth, n, k)),
            Rung("metadata", None, "the table has no further columns"),
            Rung("pixels", cheap),
            Rung("model", said),
        ],
    )
    temperature = fit_temperature(target, said)
    curve = reliability(said.argmax(axis=1) == truth, said.max(axis=1)).to_dict("records")
    parted = subgroups("sex", ["f", "m"] * (n // 2), classes, target, said, samples=200)
    return {
        "ladder": ladder.record(),
        "calibration": {
            "temperature": temperature.record(),
            "reliability": {"images": n, "what": "probability", "before": curve, "after": None},
        },
        "subgroups": [parted.record()],
    }
