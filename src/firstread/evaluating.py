"""Judges a finished run on labelled images that it may never have seen, start to end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.classifier import Classifier
from firstread.datasets import SPLITS, Dataset, labels_of, load
from firstread.errors import DataError, UsageError
from firstread.evaluation import Evaluated, Looked, Operated
from firstread.evidence import Rule, Temperature, fit_temperature, subgroups
from firstread.evidence import evaluate as all_figures
from firstread.evidence.answers import marks
from firstread.evidence.bootstrap import SAMPLES
from firstread.evidence.operating import check_apart, choose, judge
from firstread.evidence.scoring import coded
from firstread.evidence.subgroups import banded
from firstread.external import known_images, looking, seen_before
from firstread.progress import Step
from firstread.run import PREDICTIONS, Run, check_free

_BATCH = 128

Array = npt.NDArray[Any]
Event = Step | Looked | Evaluated
Labelled = Generator[Step, None, tuple[pd.DataFrame, list[str]]]
Label = Callable[[Classifier, Sequence[Path]], Labelled]
"""Labels images: gives the frame of `Classifier.predict`, and why each other file has no label."""


def label_here(classifier: Classifier, paths: Sequence[Path]) -> Labelled:
    """Label all images, in this process."""
    frames: list[pd.DataFrame] = []
    skipped: list[str] = []
    for first in range(0, len(paths), _BATCH):
        batch = paths[first : first + _BATCH]
        try:
            frame = classifier.predict(batch, skip_unreadable=True)
        except DataError as error:
            skipped += error.problems
        else:
            frames.append(frame)
            skipped += frame.attrs.pop("skipped")
        yield Step("predicting", min(first + _BATCH, len(paths)), len(paths))
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"path": []})
    return table, skipped


def evaluate(run: str | Path, data: str | Path, **options: Any) -> Evaluated:
    """Judge a finished run on labelled images.

    Parameters
    ----------
    run, data
        As of `evaluating`.
    **options
        As of `evaluating`.

    Returns
    -------
    evaluated
        Figures with intervals (`evaluated.evaluation.frame()`), what differs from the training
        images (`evaluated.looked`), subgroups, operating points, and `evaluated.sentences()`.

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    *_, last = evaluating(run, data, **options)
    assert isinstance(last, Evaluated)
    return last


def evaluating(
    run: str | Path,
    data: str | Path,
    *,
    by: Sequence[str] = (),
    prevalence: Sequence[str] = (),
    operating: str | None = None,
    positive: str | None = None,
    part: str | None = None,
    columns: Sequence[str] = (),
    slices: str | None = None,
    out: str | Path | None = None,
    skip_unreadable: bool = False,
    samples: int = SAMPLES,
    seed: int = 0,
    label: Label = label_here,
) -> Iterator[Event]:
    """Judge a run on labelled images, and yield what happens; an `Evaluated` comes last.

    Parameters
    ----------
    run
        A finished run folder.
    data
        As of `firstread.train`. Of data in parts the test part is judged, else the validation
        part; of data without parts all.
    by
        Columns of the table to judge subgroups by.
    prevalence
        Share of a class where the classifier is to be used: `CLASS=0.05`, or of two classes
        `0.05` for the positive one.
    operating
        `youden`, `sensitivity=0.95` or `cost=MISS:ALARM`: how to choose a threshold, on the run's
        validation images.
    positive
        Of two classes the one to find; by default the second.
    part
        `train`, `val`, `test` or `all`, instead of the default.
    columns, slices
        Of DICOM and NIfTI files, as of `datasets.load`; a column can be judged by. Slices are
        chosen as in the training if not given.
    out
        A folder to make, for predictions, figures and drawings.
    skip_unreadable
        Leave out files that can't be read.
    samples, seed
        Of the bootstrap.
    label
        Who labels the images: this process, or a cluster.

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    if out is not None:
        check_free(out)
    rule = Rule.parse(operating) if operating is not None else None
    opened = Run.open(run)
    classifier = Classifier.load(opened.folder)
    slices = slices or classifier.slices or None
    dataset, chosen = _part(load(data, columns=columns, slices=slices, trained=False), part)
    _check(dataset, classifier, by)
    found = _positive(classifier, positive)
    shares = _prevalences(prevalence, classifier, found)
    known = known_images(opened.folder)
    seen = seen_before(known, dataset.paths)
    if rule is not None:
        held = [str(path) for path, split in seen.items() if split == "val"]
        check_apart(held, held)
    looked = yield from looking(dataset, chosen, known, seen)
    yield looked
    frame, skipped = yield from label(classifier, dataset.paths)
    if skipped and not (skip_unreadable and len(frame)):
        raise DataError(skipped)
    dataset = dataset.without(
        [Path(path) for path in set(map(str, dataset.paths)) - {*frame["path"]}]
    )
    targets = _targets(dataset.cases["label"], classifier)
    p = frame[[f"p_{name}" for name in classifier.classes]].to_numpy(float)
    yield Step("computing figures", 0, 1)
    options: dict[str, Any] = {"groups": dataset.groups, "samples": samples, "seed": seed}
    evaluation = all_figures(classifier.classes, targets, p, prevalence=shares, **options)
    temperature = None if "val" in seen.values() else _temperature(opened, classifier)
    calibrated = None
    if temperature is not None and temperature.fitted:
        scaled = temperature.apply(p, classifier.multilabel)
        calibrated = all_figures(classifier.classes, targets, scaled, prevalence=shares, **options)
    operated = _operated(rule, opened, classifier, found, (targets, p, dataset.groups), shares)
    parts = tuple(
        subgroups(name, dataset.cases[name], classifier.classes, targets, p, **options)
        for name in by
    )
    frame.insert(1, "truth", dataset.cases["label"].to_numpy())
    evaluated = Evaluated(
        opened.folder,
        str(data),
        looked,
        frame,
        targets,
        p,
        dataset.groups,
        evaluation,
        temperature,
        calibrated,
        operated,
        parts,
        tuple(skipped),
    )
    yield Step("computing figures", 1, 1)
    if out is not None:
        evaluated.write(Path(out))
    yield evaluated


def _part(dataset: Dataset, wanted: str | None) -> tuple[Dataset, str]:
    """Return the cases to judge, and the part that they are."""
    present = [split for split in SPLITS if (dataset.cases["split"] == split).any()]
    if wanted is not None and wanted not in (*SPLITS, "all"):
        raise UsageError(f"--part {wanted}: write one of {', '.join(SPLITS)} or all")
    if wanted in SPLITS and wanted not in present:
        raise UsageError(f"--part {wanted}: the data has {', '.join(present) or 'no parts'}")
    if wanted == "all" or not present:
        return dataset, ""
    chosen = wanted or ("test" if "test" in present else "val" if "val" in present else "train")
    return dataset.part(chosen), chosen


def _check(dataset: Dataset, classifier: Classifier, by: Sequence[str]) -> None:
    """Complain about everything that doesn't fit the classifier, at once."""
    strangers = [name for name in dataset.classes if name not in classifier.classes]
    problems = [
        f"class {name!r} of the data is none that the classifier knows "
        f"({', '.join(classifier.classes)}); rename it or leave it out"
        for name in strangers
    ]
    if dataset.multilabel and not classifier.multilabel:
        problems.append("images of the data have several labels; the classifier gives one")
    columns = [str(c) for c in dataset.cases if c not in ("path", "label", "patient", "split")]
    problems += [
        f"--by {name}: the data has no such column; it has {', '.join(columns) or 'none besides'}"
        for name in by
        if name not in columns
    ]
    if problems:
        raise DataError(problems)
    for name in by:
        banded(name, dataset.cases[name])


def _positive(classifier: Classifier, wanted: str | None) -> str | None:
    """Return the class to find where there are two, else None."""
    if wanted is not None and wanted not in classifier.classes:
        raise UsageError(f"--positive {wanted}: the classes are {', '.join(classifier.classes)}")
    if len(classifier.classes) != 2 or classifier.multilabel:
        return wanted
    return wanted or classifier.classes[1]


def _prevalences(
    texts: Sequence[str], classifier: Classifier, positive: str | None
) -> dict[str, float]:
    """Read `CLASS=0.05`, or `0.05` where it is plain which class is meant."""
    shares: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            raise UsageError(f"--prevalence {text}: write a number, or CLASS=0.05") from None
        if not name and positive is None:
            listed = ", ".join(classifier.classes)
            raise UsageError(f"--prevalence {text}: say of which class, CLASS={text}, of {listed}")
        shares[name or str(positive)] = share
    if len(classifier.classes) == 2 and not classifier.multilabel and len(shares) == 1:
        ((name, share),) = shares.items()
        shares |= {other: 1 - share for other in classifier.classes if other != name}
    return shares


def _targets(labels: pd.Series, classifier: Classifier) -> Array:
    """Return the truth in the order of the classifier's classes."""
    if classifier.multilabel:
        sets = [labels_of(label) for label in labels]
        return np.array([[int(name in held) for name in classifier.classes] for held in sets])
    return np.array([classifier.classes.index(label) for label in labels])


def _validation(run: Run, classifier: Classifier) -> tuple[Array, Array]:
    """Return truth and probabilities of the run's validation images."""
    table = pd.read_csv(
        run.kept(PREDICTIONS),
        dtype={"path": str, "truth": str, "label": str},
        keep_default_na=False,
    )
    held = table[table["split"] == "val"]
    columns = [f"p_{name}" for name in classifier.classes]
    return _targets(held["truth"], classifier), held[columns].to_numpy(float)


def _temperature(run: Run, classifier: Classifier) -> Temperature | None:
    """Fit a temperature on the run's validation images; None where the run came without them."""
    if not (run.folder / PREDICTIONS).exists():
        return None
    truth, p = _validation(run, classifier)
    return fit_temperature(truth, p) if len(truth) else None


def _operated(
    rule: Rule | None,
    run: Run,
    classifier: Classifier,
    positive: str | None,
    judged: tuple[Array, Array, Array],
    shares: Mapping[str, float],
) -> tuple[Operated, ...]:
    """Choose thresholds on validation images, and judge them on these."""
    if rule is None:
        return ()
    truth, p = _validation(run, classifier)
    targets, scores, groups = judged
    codes, _ = coded(groups, len(targets))
    operated = []
    for k, name in enumerate(classifier.classes):
        if positive is not None and name != positive:
            continue
        first, second = (marks(t, len(classifier.classes))[:, k] for t in (truth, targets))
        point = choose(rule, name, first, p[:, k], shares.get(name))
        estimates = judge(point, second, scores[:, k], codes, shares.get(name))
        operated.append(Operated(point, tuple(estimates)))
    return tuple(operated)
