"""The noun of this room: labelled cases, their classes, their parts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

SPLITS = ("train", "val", "test")

BETWEEN = ";"
"""Stands between the labels of an image that may have several."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images: a frozen value over a table, whose pixels are read when asked for.

    Parameters
    ----------
    cases
        One row an image: `path` (str), `label` (one of `classes`; where there may be several,
        all of them with `;` between, or empty for none), `patient` (str, or missing) and `split`
        (`train`, `val`, `test`, or empty where nobody has decided yet). A table's other columns
        stay as they are.
    classes
        Class names in a fixed order; a class is known to the network by its place here.
    unlabelled
        Loose images in a `test/` folder, which can be predicted but not judged.
    passed_over
        Files that are no images by their names, for the user to know of.
    multilabel
        Whether an image may have several labels, or none.
    """

    cases: pd.DataFrame
    classes: tuple[str, ...]
    unlabelled: tuple[Path, ...] = ()
    passed_over: tuple[Path, ...] = ()
    multilabel: bool = False

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The image files, in the order of `cases`."""
        return tuple(map(Path, self.cases["path"]))

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The classes as numbers from 0, shape (n,), or a 0 or 1 for each, shape (n, classes)."""
        if self.multilabel:
            sets = [labels_of(label) for label in self.cases["label"]]
            marks = [[name in labels for name in self.classes] for labels in sets]
            return np.array(marks, dtype=np.int64).reshape(-1, len(self.classes))
        place = {name: number for number, name in enumerate(self.classes)}
        return np.array([place[label] for label in self.cases["label"]], dtype=np.int64)

    @property
    def groups(self) -> npt.NDArray[np.object_]:
        """What must stay together when cases are parted: the patient, or the image itself."""
        return self.cases["patient"].fillna(self.cases["path"]).to_numpy(dtype=object)

    def take(self, places: npt.NDArray[np.int64]) -> Dataset:
        """Return some of the cases, by their places, under the same classes."""
        return replace(self, cases=self.cases.iloc[places].reset_index(drop=True))

    def part(self, split: str) -> Dataset:
        """Return the cases of one split, under the same classes."""
        chosen = self.cases[self.cases["split"] == split]
        return replace(self, cases=chosen.reset_index(drop=True))

    def without(self, paths: Collection[Path]) -> Dataset:
        """Return the data set less some files."""
        left = ~self.cases["path"].isin([str(path) for path in paths])
        return replace(
            self,
            cases=self.cases[left].reset_index(drop=True),
            unlabelled=tuple(path for path in self.unlabelled if path not in paths),
        )

    def counts(self) -> pd.DataFrame:
        """Count images: one row a class, one column a split that has any."""
        present = [split for split in SPLITS if (self.cases["split"] == split).any()]
        table = pd.DataFrame(index=pd.Index(self.classes, name="label"), columns=present, dtype=int)
        for split in present:
            targets = self.part(split).targets
            number = len(self.classes)
            table[split] = (
                targets.sum(axis=0) if self.multilabel else np.bincount(targets, minlength=number)
            )
        return table.rename_axis(columns="split")


def labels_of(label: str) -> tuple[str, ...]:
    """Return the labels that are written in one, with `;` between.

    Examples
    --------
    >>> labels_of("effusion; nodule")
    ('effusion', 'nodule')
    >>> labels_of("")
    ()
    """
    return tuple(name.strip() for name in label.split(BETWEEN) if name.strip())
