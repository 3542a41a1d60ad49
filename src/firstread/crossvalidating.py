"""Repeats a whole training in folds, and with shuffled labels, to see what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.datasets import BETWEEN, Dataset
from firstread.evidence import Control, CrossValidation, cross_validate, folds, permuted
from firstread.learning import Material, fold_of
from firstread.progress import Share, Step, in_turn

Array = npt.NDArray[Any]
Procedure = Callable[[Material], Array]
"""Trains on a data set's parts `train` and `val`, and labels its part `test`: probabilities."""


def crossvalidating(
    material: Material,
    procedure: Procedure,
    *,
    count: int,
    repeats: int,
    seed: int,
    share: Share = in_turn,
) -> Generator[Step, None, CrossValidation]:
    """Repeat a training in folds over all images that aren't in the test part.

    Within each fold the procedure gets the other folds' images to train and to choose on, parted
    anew, and never a label of the fold itself.

    Parameters
    ----------
    material
        Of a data set.
    procedure
        The whole training, choices included.
    count, repeats, seed
        As of `evidence.crossvalidation.folds`.
    share
        Does the folds.

    Raises
    ------
    UsageError
        If a class has fewer patients, or images, than there are folds.
    """
    pool = _pool(material.dataset)
    parted = folds(pool.targets, pool.groups, count=count, repeats=repeats, seed=seed)
    fit = _fit_predict(material, pool, procedure, seed)
    known = (pool.classes, pool.targets, parted, fit)
    return (yield from cross_validate(*known, share=share))


def permuting(
    material: Material,
    procedure: Procedure,
    *,
    count: int,
    times: int,
    seed: int,
    share: Share = in_turn,
) -> Generator[Step, None, Control]:
    """Repeat a cross-validation with the labels shuffled.

    Parameters
    ----------
    material, procedure, count, seed
        As of `crossvalidating`.
    times
        How often labels are shuffled.
    share
        Does the cross-validations.
    """
    pool = _pool(material.dataset)
    parted = folds(pool.targets, pool.groups, count=count, seed=seed)
    fit = _fit_predict(material, pool, procedure, seed)
    known = (pool.classes, pool.targets, parted, fit)
    options: dict[str, Any] = {"groups": pool.groups, "times": times, "seed": seed}
    return (yield from permuted(*known, **options, share=share))


def _pool(dataset: Dataset) -> Dataset:
    """Return the cases that may be trained on."""
    return dataset.take(np.flatnonzero(dataset.cases["split"].to_numpy() != "test"))


def _fit_predict(
    material: Material, pool: Dataset, procedure: Procedure, seed: int
) -> Callable[[Array, Array, Array], Array]:
    def fit_predict(train: Array, targets: Array, test: Array) -> Array:
        labels = pool.cases["label"].to_numpy(dtype=object).copy()
        labels[train] = _labels(pool, targets)
        labels[test] = pool.classes[0]  # What must not be known can't be looked up either.
        relabelled = replace(pool, cases=pool.cases.assign(label=labels))
        return procedure(material.over(fold_of(relabelled, train, test, seed)))

    return fit_predict


def _labels(dataset: Dataset, targets: Array) -> list[str]:
    """Write targets as a data set's labels."""
    if not dataset.multilabel:
        return [dataset.classes[int(number)] for number in targets]
    names = np.array(dataset.classes, dtype=object)
    return [BETWEEN.join(names[row.astype(bool)]) for row in targets]
