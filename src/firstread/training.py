"""The main job, start to end: read, part, train, judge, draw, save."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from firstread.backbones import Network, Origin, assemble, build, entry, is_cached
from firstread.classifier import Classifier
from firstread.datasets import PIXEL_BUDGET, Dataset, PixelStore, decode, load, with_validation
from firstread.errors import DataError
from firstread.evidence import Metrics, score
from firstread.learning import (
    TUTORIAL_NOTES,
    Augmentation,
    Epoch,
    ImageBatches,
    Plan,
    augmentation,
    choose_device,
    choose_precision,
    finetune,
    probe,
    propose,
)
from firstread.progress import Step, returned
from firstread.report.figures import curves
from firstread.run import (
    COUNTS,
    CURVES,
    HISTORY,
    METRICS,
    PLAN,
    PREDICTIONS,
    SKIPPED,
    VERSIONS,
    Draft,
    Run,
    check_free,
    drafting,
    versions,
)

BACKBONE = "mobilenet_v2"
"""What is trained where nobody says: the zoo's fastest network on a CPU."""

TUTORIAL_BACKBONE = "inception_v3"


@dataclass(frozen=True)
class Found:
    """What was found in the data, before training starts.

    Parameters
    ----------
    dataset
        Parted, without the files that can't be read.
    store
        Its pixels.
    skipped
        Why each file that can't be read was left out.
    """

    dataset: Dataset
    store: PixelStore
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Ready:
    """What will be trained.

    Parameters
    ----------
    plan
        Complete.
    origin
        Where the weights came from.
    parameters
        How many numbers the network holds.
    """

    plan: Plan
    origin: Origin
    parameters: int


@dataclass(frozen=True)
class Result:
    """What came out.

    Parameters
    ----------
    run
        On disk.
    metrics
        By part: `val`, and `test` where there are labelled test images.
    """

    run: Run
    metrics: dict[str, Metrics]


Event = Found | Ready | Step | Epoch | Result


def train(data: str | Path, out: str | Path, **options: Any) -> Run:
    """Train a classifier on a folder or table of labelled images.

    Parameters
    ----------
    data
        A folder of class folders, one with `train/` and `val/` of them, or a CSV or TSV with the
        columns `path` and `label`, and perhaps `patient` and `split`.
    out
        The run folder to make.
    **options
        As of `training`.

    Returns
    -------
    run
        The finished run; `firstread.load(out)` gives the classifier.

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    *_, last = training(data, out, **options)
    assert isinstance(last, Result)
    return last.run


def training(
    data: str | Path,
    out: str | Path,
    *,
    skip_unreadable: bool = False,
    device: str = "auto",
    pixel_budget: int = PIXEL_BUDGET,
    **choices: Any,
) -> Iterator[Event]:
    """Do the main job, and yield what happens as it happens.

    Parameters
    ----------
    data, out
        As of `train`.
    skip_unreadable
        Leave out files that can't be read, instead of raising before the training starts.
    device
        As torch names it, or `auto`.
    pixel_budget
        Bytes of decoded pixels to keep in memory; where the images need more, they are read
        again every epoch.
    **choices
        Any field of `Plan`: `recipe`, `backbone`, `weights`, `strategy`, `epochs`, `batch_size`,
        `lr`, `image_size`, `augment`, `seed`, `precision`, ... None stands for "not given".
    """
    check_free(out)
    device = choose_device(device)
    given = {name: value for name, value in choices.items() if value is not None}
    dataset = with_validation(load(data), given.get("seed", 0))
    plan = _plan(str(data), dataset, given)
    augmentation(plan.augment)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network, origin = _network(plan, len(dataset.classes))
    size = network.backbone.preprocessing.size
    plan = replace(plan, image_size=size, device=device)
    found = _found(dataset, network, pixel_budget, skip_unreadable)
    yield found
    plan = replace(plan, precision=choose_precision(plan.precision, device))
    yield Ready(plan, origin, sum(p.numel() for p in network.parameters()))
    with drafting(out) as draft:
        _write_start(draft, found, plan, origin)
        history = []
        for event in _learn(network, plan, found):
            if isinstance(event, Epoch):
                history.append(asdict(event))
                draft.log(_epoch_line(event))
                pd.DataFrame(history).to_csv(draft.path(HISTORY), index=False)
            yield event
        network.drop_auxiliary()
        network = network.to("cpu").eval()
        classifier = Classifier(network, dataset.classes, plan.head, origin)
        metrics = _judge(draft, classifier, found, pd.DataFrame(history))
    yield Result(Run(Path(out)), metrics)


def _plan(data: str, dataset: Dataset, given: dict[str, Any]) -> Plan:
    tutorial = given.get("recipe") == "tutorial"
    row = entry(given.setdefault("backbone", TUTORIAL_BACKBONE if tutorial else BACKBONE))
    maps = [name for name in row.stages if name != row.dense]
    return propose(
        data,
        int(dataset.counts()["train"].min()),
        cached=is_cached(row.name),
        last_map=maps[-1] if maps else "",
        given=given,
    )


def _network(plan: Plan, classes: int) -> tuple[Network, Origin]:
    backbone, origin = build(
        plan.backbone,
        plan.weights,
        stage=plan.stage,
        image_size=plan.image_size or None,
        normalise=plan.normalise,
    )
    return assemble(backbone, plan.head, classes, auxiliary=plan.auxiliary), origin


def _found(dataset: Dataset, network: Network, budget: int, skip: bool) -> Found:
    """Read every image once, and refuse or leave out those that can't be read."""
    store, errors = returned(decode(dataset.paths, network.backbone.preprocessing, budget))
    if errors and not skip:
        raise DataError([str(error) for error in errors])
    readable = dataset.without([Path(error.path) for error in errors])
    counts = readable.counts()
    lost = [str(name) for name, row in counts.iterrows() if (row == 0).any()]
    if lost:
        raise DataError(
            [f"class {name!r} has no readable image left in some part" for name in lost],
            "Mend or replace the files that can't be read.",
        )
    return Found(readable, store, tuple(str(error) for error in errors))


def _learn(network: Network, plan: Plan, found: Found) -> Iterator[Step | Epoch]:
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = {
        split: ImageBatches(
            found.store.part(np.flatnonzero(found.dataset.cases["split"] == split)),
            found.dataset.part(split).targets,
            plan.batch_size,
            augmentation(plan.augment) if split == "train" else Augmentation(),
            plan.seed,
            shuffle=split == "train",
        )
        for split in ("train", "val")
    }
    if plan.strategy == "probe":
        return probe(network, batches["train"], batches["val"], plan)
    aux_weight = entry(plan.backbone).aux_weight
    return finetune(network, batches["train"], batches["val"], plan, aux_weight)


def _write_start(draft: Draft, found: Found, plan: Plan, origin: Origin) -> None:
    """Write what is known before the first epoch."""
    plan.save(draft.path(PLAN))
    draft.write_json(VERSIONS, {**versions(), "seed": str(plan.seed)})
    counts = found.dataset.counts()
    counts.to_csv(draft.path(COUNTS))
    draft.log(f"classes: {', '.join(found.dataset.classes)}")
    for split in counts:
        draft.log(f"{split}: {counts[split].sum()} images ({_listed(counts[split])})")
    kept = f"{found.store.nbytes / 2**20:.1f} MiB kept in memory"
    draft.log(f"pixels: {kept if found.store.kept is not None else 'read again every epoch'}")
    draft.log(f"{plan.strategy} of {plan.backbone} at {plan.image_size} px, {plan.precision}")
    draft.log(f"weights: {origin.kind} {origin.name} {origin.sha256}".rstrip())
    if found.skipped:
        draft.log(f"left out: {len(found.skipped)} files that can't be read, in {SKIPPED}")
        draft.path(SKIPPED).write_text("\n".join(found.skipped) + "\n", encoding="utf-8")
    if plan.recipe == "tutorial":
        for note in TUTORIAL_NOTES:
            draft.log(f"note: {note}")


def _judge(
    draft: Draft, classifier: Classifier, found: Found, history: pd.DataFrame
) -> dict[str, Metrics]:
    """Judge the held-out parts with the classifier as it is saved, and write what came out."""
    dataset = found.dataset
    held_out = [split for split in ("val", "test") if (dataset.cases["split"] == split).any()]
    metrics, frames = {}, []
    for split in held_out:
        part = dataset.part(split)
        frame = classifier.predict(part.paths)
        frame.insert(1, "split", split)
        frame.insert(2, "truth", part.cases["label"])
        frames.append(frame)
        metrics[split] = score(
            dataset.classes,
            part.targets,
            frame[[f"p_{name}" for name in dataset.classes]].to_numpy(),
            dataset.part("train").targets,
        )
        draft.log(f"{split}: {metrics[split].sentence()}")
    pd.concat(frames).to_csv(draft.path(PREDICTIONS), index=False)
    draft.write_json(METRICS, {split: figures.record() for split, figures in metrics.items()})
    counts = dataset.cases["split"].value_counts()
    curves(history, counts["train"], counts["val"]).savefig(draft.path(CURVES), dpi=150)
    classifier.save(draft.folder)
    return metrics


def _epoch_line(epoch: Epoch) -> str:
    return (
        f"epoch {epoch.epoch}  loss {epoch.loss:.4f}  acc {epoch.acc:.4f}  "
        f"val_loss {epoch.val_loss:.4f}  val_acc {epoch.val_acc:.4f}"
    )


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
