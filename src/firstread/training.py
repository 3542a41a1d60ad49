"""The main job, start to end: read, part, advise, train, judge, draw, save."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from firstread.auditing import Audit, auditing
from firstread.backbones import Network, at_hand, entry
from firstread.course import Course, repetitions
from firstread.datasets import PIXEL_BUDGET, SPLITS, Dataset, load, with_validation
from firstread.errors import DataError, RunError, UsageError
from firstread.events import Event, Found, Result
from firstread.evidence.crossvalidation import CrossValidation
from firstread.evidence.permutation import Control
from firstread.images import located
from firstread.learning import (
    ALL,
    HERE,
    Executor,
    FeatureCache,
    Material,
    Plan,
    augmentation,
    choose_device,
    network_of,
    propose,
    settle_precision,
)
from firstread.progress import Notice, Step
from firstread.recording import Recorder
from firstread.report.report import write as write_report
from firstread.run import (
    CASES,
    CLUSTER,
    DATA,
    PLAN,
    Run,
    check_free,
    check_unfinished,
    drafting,
)
from firstread.spreading import in_threads

BACKBONE = "mobilenet_v2"
"""What is trained where nobody says: the zoo's fastest network on a CPU."""

SHIPPED_BACKBONE = "phantom_s"
"""What is trained where that one's official weights are not at hand: its own ship with us."""

TUTORIAL_BACKBONE = "inception_v3"


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
    return _finished(training(data, out, **options))


def resume(run: str | Path, **options: Any) -> Run:
    """Go on with a training that was stopped or killed, to the same end.

    Parameters
    ----------
    run
        The unfinished run folder.
    **options
        As of `resuming`.

    Returns
    -------
    run
        Finished, with the weights that it would have had without the stop: on a CPU bit for bit.

    Raises
    ------
    FirstreadError
        If there is no unfinished run there, or its images or weights have gone.
    """
    return _finished(resuming(run, **options))


def training(
    data: str | Path,
    out: str | Path,
    *,
    plan: Plan | None = None,
    skip_unreadable: bool = False,
    device: str = "auto",
    pixel_budget: int = PIXEL_BUDGET,
    budget: float | None = None,
    cache: FeatureCache | None = None,
    audit: bool = True,
    folds: int = 0,
    repeats: int = 1,
    permute: int = 0,
    columns: Sequence[str] = (),
    executor: Executor = HERE,
    **choices: Any,
) -> Iterator[Event]:
    """Do the main job, and yield what happens as it happens.

    Parameters
    ----------
    data, out
        As of `train`.
    plan
        Of another run, to be repeated; what is in `choices` goes before it.
    skip_unreadable
        Leave out files that can't be read, instead of raising before the training starts.
    device
        As torch names it, or `auto`.
    pixel_budget
        Bytes of decoded pixels to keep in memory; where the images need more, they are read
        again every epoch.
    budget
        Seconds that the comparison of strategies may take.
    cache
        Where features are kept between runs; the user's own cache folder if not given.
    audit
        Whether to look for what is wrong with the data first, and to fit rivals without a network
        in the end.
    folds, repeats
        How many folds the whole training is repeated in, choices included, and how often the
        images are parted anew; 0 folds for not at all.
    permute
        How often that is repeated with shuffled labels, in five folds if `folds` is 0.
    columns
        Of DICOM files, as of `datasets.load`.
    executor
        Who does the work; this process, or a cluster (`firstread.cluster`).
    **choices
        Any field of `Plan`: `recipe`, `backbone`, `weights`, `strategy`, `epochs`, `batch_size`,
        `lr` (or `auto`), `image_size`, `slices`, `augment`, `seed`, `precision`, ... None stands
        for "not given".
    """
    check_free(out)
    given = _given(choices)
    seed = given.get("seed", plan.seed if plan else 0)
    slices = given.get("slices", plan.slices if plan else "") or None
    dataset = with_validation(load(data, columns=columns, slices=slices), seed)
    executor.check(dataset.paths)
    plan = replace(plan, data=str(data), **given) if plan else make_plan(str(data), given)
    plan = replace(plan, device=choose_device(device))
    augmentation(plan.augment)
    network, origin = network_of(plan, len(dataset.classes))
    plan = replace(plan, image_size=network.backbone.preprocessing.size)
    audited = (yield from _audited(dataset, executor)) if audit else None
    # Of fixed features; a training by gradients settles its own.
    precision = settle_precision(replace(plan, strategy="probe"), network).precision
    material = Material(
        dataset, cache or FeatureCache(), plan.device, precision, pixel_budget, executor.each
    )
    found, material = yield from read(network, plan, material, skip_unreadable)
    yield found
    with drafting(out) as draft:
        recorder = Recorder(draft)
        recorder.start(found.dataset, plan, found.skipped, _kept(material, network))
        recorder.plan(plan)
        course = Course(material, recorder, audited, given, budget, executor)
        result = yield from course.run(plan, (network, origin))
        repeated: list[CrossValidation | Control] = []
        for work in repetitions(course, plan, folds, repeats, permute):
            repeated.append((yield from work))
            paths = list(found.dataset.cases.loc[found.dataset.cases["split"] != "test", "path"])
            recorder.crossvalidated(repeated[-1], paths)
        write_report(Run(draft.folder))
    yield replace(result, repeated=tuple(repeated))


def resuming(
    run: str | Path,
    *,
    pixel_budget: int = PIXEL_BUDGET,
    cache: FeatureCache | None = None,
    audit: bool = True,
    executor: Executor = HERE,
) -> Iterator[Event]:
    """Go on with an unfinished run, and yield what happens; earlier epochs are told again.

    Parameters
    ----------
    run, pixel_budget, cache, audit, executor
        As of `resume` and `training`.
    """
    check_unfinished(run)
    folder = Path(run)
    if executor is HERE and (folder / CLUSTER).exists():
        raise RunError(
            f"{folder}: was begun on a cluster, and its state is where that one keeps it "
            f"({CLUSTER} says where); add --cluster ADDRESS, or --cluster auto"
        )
    plan = Plan.load(folder / PLAN)
    dataset = _cases(folder)
    executor.check(dataset.paths)
    network, origin = network_of(plan, len(dataset.classes))
    audited = (yield from _audited(dataset, executor)) if audit else None
    material = Material(
        dataset, cache or FeatureCache(), plan.device, plan.precision, pixel_budget, executor.each
    )
    found, material = yield from read(network, plan, material, False)
    yield found
    with drafting(folder, resumed=True) as draft:
        draft.log("resumed")
        course = Course(material, Recorder(draft), audited, executor=executor)
        result = yield from course.run(plan, (network, origin))
        write_report(Run(draft.folder))
    yield result


def make_plan(data: str, given: Mapping[str, Any]) -> Plan:
    """Make a plan of what the user gave and the defaults for this machine's weights.

    Raises
    ------
    UsageError
        If a choice is unknown, out of range, or contradicts another.
    """
    name = given.get("backbone") or _backbone(given)
    row = entry(name)
    maps = [stage for stage in row.stages if stage != row.dense]
    return propose(
        data,
        at_hand=at_hand(row.name),
        last_map=maps[-1] if maps else "",
        given={**given, "backbone": name},
    )


def _backbone(given: Mapping[str, Any]) -> str:
    """Return the network for a user who named none."""
    if given.get("recipe") == "tutorial":
        return TUTORIAL_BACKBONE
    weights = given.get("weights")
    if weights == "phantom":
        return SHIPPED_BACKBONE
    if weights or given.get("strategy") == "scratch" or at_hand(BACKBONE) != "none":
        return BACKBONE
    return SHIPPED_BACKBONE


def read(
    network: Network, plan: Plan, material: Material, skip: bool
) -> Generator[Step | Notice, None, tuple[Found, Material]]:
    """Read every image once, as the plan's strategy needs it; leave out those that can't be.

    Raises
    ------
    DataError
        Naming every file that can't be read, unless `skip`; or the classes that have none left.
    """
    backbone, dataset = network.backbone, material.dataset
    if plan.strategy in ("probe", "auto"):
        stages = [backbone.stage] if plan.stage != ALL else list(backbone.stages)
        features = yield from material.features(backbone, stages)
        errors, shapes, gray = features.errors, features.shapes, bool(features.gray.all())
    else:
        store, errors = yield from material.pixels(backbone.preprocessing)
        shapes, gray = store.shapes, store.gray
    if errors and not skip:
        raise DataError([str(error) for error in errors])
    material = material.without([Path(error.path) for error in errors])
    readable = material.dataset
    parts = [split for split in SPLITS if (dataset.cases["split"] == split).any()]
    counts = readable.counts().reindex(columns=parts, fill_value=0)
    lost = [str(name) for name, row in counts.iterrows() if (row == 0).any()]
    if lost and errors:
        raise DataError(
            [f"class {name!r} has no readable image left in some part" for name in lost],
            "Mend or replace the files that can't be read.",
        )
    (low, narrow), (high, wide) = shapes.min(axis=0), shapes.max(axis=0)
    sizes = (int(narrow), int(wide), int(low), int(high))
    return Found(readable, tuple(str(error) for error in errors), sizes, gray), material


def _given(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices that were made, `lr` as a rate or the wish to find one."""
    given = {name: value for name, value in choices.items() if value is not None}
    rate = given.get("lr")
    if isinstance(rate, str):
        del given["lr"]
        if rate == "auto":
            given["find_lr"] = True
            return given
        try:
            given["lr"] = float(rate)
        except ValueError:
            raise UsageError(f"lr is {rate!r}; give a number, or auto") from None
    return given


def _audited(dataset: Dataset, executor: Executor) -> Generator[Step | Audit, None, Audit]:
    for event in auditing(dataset, each=executor.each or in_threads):
        yield event
    assert isinstance(event, Audit)
    return event


def _kept(material: Material, network: Network) -> str:
    """Say where pixels are while a training runs."""
    store = material.stores.get(network.backbone.preprocessing)
    if store is None:
        return ""
    kept = f"{store.nbytes / 2**20:.1f} MiB kept in memory"
    return kept if store.kept is not None else "read again every epoch"


def _cases(folder: Path) -> Dataset:
    """Return the data set of an unfinished run, as it was parted when the run began."""
    cases = pd.read_csv(folder / CASES, dtype=str, keep_default_na=False)
    cases["patient"] = cases["patient"].where(cases["patient"] != "", None)
    gone = [path for path in cases["path"] if not located(Path(path))[0].is_file()]
    if gone:
        raise DataError(
            [f"{path}: was part of {folder} and has gone" for path in gone],
            "Put it back, or train anew.",
        )
    known = json.loads((folder / DATA).read_text(encoding="utf-8"))
    return Dataset(cases, tuple(known["classes"]), multilabel=known["multilabel"])


def _finished(events: Iterator[Event]) -> Run:
    *_, last = events
    if not isinstance(last, Result):
        raise RunError("the training ended without a result")
    return last.run
