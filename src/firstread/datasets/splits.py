"""Parts training images into training and validation, where nobody has done so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from firstread.datasets.dataset import Dataset
from firstread.errors import DataError

VALIDATION_SHARE = 0.2
_DRAWS = 200


def with_validation(dataset: Dataset, seed: int) -> Dataset:
    """Return the data set with a validation part; unchanged where it has one.

    A fifth of the images that nobody assigned (or of `train/`) is set aside, with the classes in
    proportion. Where a patient is known, all images of a patient stay on one side.

    Parameters
    ----------
    dataset
        Cases whose `split` may be empty.
    seed
        Decides which images go.

    Raises
    ------
    DataError
        If patients are too few for every class to have one on both sides.
    """
    cases = dataset.cases.assign(split=dataset.cases["split"].replace("", "train"))
    if (cases["split"] == "val").any():
        return replace(dataset, cases=cases)
    pool = cases[cases["split"] == "train"]
    if dataset.multilabel:
        trained = replace(dataset, cases=pool)
        chosen = _most_even(trained.targets, trained.groups, seed)
    elif pool["patient"].notna().any():
        # An image without a patient is taken for a patient of its own.
        groups = pool["patient"].fillna(pool["path"])
        chosen = _by_patient(pool["label"].to_numpy(), groups.to_numpy(), seed)
    else:
        share = max(round(VALIDATION_SHARE * len(pool)), len(dataset.classes))
        _, chosen = train_test_split(
            np.arange(len(pool)), test_size=share, stratify=pool["label"], random_state=seed
        )
    split = cases["split"].copy()
    split[pool.index[chosen]] = "val"
    parted = replace(dataset, cases=cases.assign(split=split))
    _check(parted)
    return parted


def _by_patient(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    smallest = min(len(set(groups[labels == label])) for label in set(labels))
    folds = min(round(1 / VALIDATION_SHARE), smallest)
    if folds < 2:
        return np.array([], dtype=int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, chosen = next(iter(splitter.split(labels, labels, groups)))
    return np.asarray(chosen)


def _most_even(targets: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows of that random fifth of the groups whose labels are most in proportion."""
    rng = np.random.default_rng(seed)
    names, places = np.unique(groups.astype(str), return_inverse=True)
    wanted = VALIDATION_SHARE * targets.sum(axis=0)
    best, chosen = np.inf, np.array([], dtype=int)
    for _ in range(_DRAWS):
        picked = rng.permutation(len(names)) < max(1, round(VALIDATION_SHARE * len(names)))
        counts = targets[picked[places]].sum(axis=0)
        # A label that one of the two sides lacks is worse than any lack of proportion.
        missing = ((counts == 0) | (counts == targets.sum(axis=0))).sum() * len(targets)
        distance = float(missing + np.abs(counts - wanted).sum())
        if distance < best:
            best, chosen = distance, np.flatnonzero(picked[places])
    return chosen


def _check(dataset: Dataset) -> None:
    counts = dataset.counts().reindex(columns=["train", "val"], fill_value=0)
    short = [name for name, row in counts.iterrows() if (row == 0).any()]
    if short:
        raise DataError(
            [
                f"class {name!r} can't have images both to train and to validate on "
                "without splitting a patient"
                for name in short
            ],
            "Add patients, or assign the images in a split column or in train/ and val/.",
        )
