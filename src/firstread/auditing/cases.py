"""The labelled images of a data set that have a trace, side by side with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.auditing.traces import Trace
from firstread.datasets import Dataset


@dataclass(frozen=True, eq=False)
class Cases:
    """Labelled images with their traces.

    Parameters
    ----------
    table
        Their rows of the data set's table.
    traces
        One a row.
    targets
        Classes as numbers, shape (n,).
    groups
        Patients; an image without one is a patient of its own. Shape (n,).
    """

    table: pd.DataFrame
    traces: tuple[Trace, ...]
    targets: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]

    def patients(self, places: npt.NDArray[np.int64] | None = None) -> dict[int, int]:
        """Count the patients of each class that has any, by its number."""
        some = np.arange(len(self.targets)) if places is None else places
        targets, groups = self.targets[some], self.groups[some]
        return {int(k): len(np.unique(groups[targets == k])) for k in np.unique(targets)}

    def fewest(self, places: npt.NDArray[np.int64] | None = None) -> int:
        """Return the patients of the class with fewest; 0 where there are not two classes."""
        counts = self.patients(places)
        return min(counts.values()) if len(counts) > 1 else 0


SEVERAL = "Images of these data may have several labels; this looks at data of one label an image"


def known_cases(dataset: Dataset, traces: Sequence[Trace]) -> Cases:
    """Return the images of a data set that have a trace, in the data set's order.

    Parameters
    ----------
    dataset
        Of one label an image.
    traces
        Of its images.
    """
    known = {str(trace.path): trace for trace in traces}
    part = dataset.take(np.flatnonzero(dataset.cases["path"].isin(list(known))))
    return Cases(
        part.cases,
        tuple(known[path] for path in part.cases["path"]),
        part.targets,
        part.groups.astype(str),
    )
