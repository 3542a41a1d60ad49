"""The noun of this room: labelled cases, their classes, their parts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """Labelled images: a frozen value over a table, whose pixels are read when asked for.

    Parameters
    ----------
    cases
        One row an image: `path` (str), `label` (one of `classes`), `patient` (str, or missing)
        and `split` (`train`, `val`, `test`, or empty where nobody has decided yet).
    classes
        Class names in a fixed order; a class is known to the network by its place here.
    unlabelled
        Loose images in a `test/` folder, which can be predicted but not judged.
    passed_over
        Files that are no images by their names, for the user to know of.
    """

    cases: pd.DataFrame
    classes: tuple[str, ...]
    unlabelled: tuple[Path, ...] = ()
    passed_over: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The image files, in the order of `cases`."""
        return tuple(map(Path, self.cases["path"]))

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The classes as numbers from 0, in the order of `cases`."""
        place = {name: number for number, name in enumerate(self.classes)}
        return np.array([place[label] for label in self.cases["label"]], dtype=np.int64)

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
        table = pd.crosstab(self.cases["label"], self.cases["split"])
        present = [split for split in SPLITS if split in table]
        return table.reindex(index=list(self.classes), columns=present, fill_value=0)
