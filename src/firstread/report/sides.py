"""Runs that were judged on the same images, as values to draw and to write of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from firstread.images import Display
from firstread.report.records import Answers, Record
from firstread.report.wording import interval_text, value_text


@dataclass(frozen=True)
class Sides:
    """Runs on the same images, as values.

    Parameters
    ----------
    names, models
        Of the runs, and their networks.
    classes
        In the order of the columns of all answers.
    multilabel
        Whether an image can be of several.
    answers
        Of each run, on the same images in the same order.
    figures
        One row a figure: run, figure, class, value, low, high, method, n.
    differences
        One row a figure of a later run less that of the first: run, against, figure, difference,
        low, high, method, p_value.
    comparisons
        Of each later run with the first, as `evidence` records them.
    facts
        Which images these are.
    display
        The window that they are shown through.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    classes: tuple[str, ...]
    multilabel: bool
    answers: tuple[Answers, ...]
    figures: pd.DataFrame
    differences: pd.DataFrame
    comparisons: tuple[Record, ...]
    facts: tuple[str, ...]
    display: Display

    @property
    def apart(self) -> list[int]:
        """Places of the images that the runs don't all call the same, the furthest apart first."""
        called = np.stack([answers.called for answers in self.answers])
        places = np.flatnonzero((called != called[0]).any(axis=(0, 2)))
        said = np.stack([answers.probabilities for answers in self.answers])[:, places]
        gap = np.ptp(said, axis=0).max(axis=1)
        return [int(place) for place in places[np.argsort(-gap, kind="stable")]]

    def disagreements(self) -> pd.DataFrame:
        """Return one row an image that the runs call differently, with what each calls it."""
        first = self.answers[0]
        return pd.DataFrame(
            {
                "path": [first.paths[place] for place in self.apart],
                "truth": [first.truth[place] for place in self.apart],
                **{
                    name: [answers.label[place] for place in self.apart]
                    for name, answers in zip(self.names, self.answers, strict=True)
                },
            }
        )

    def estimate(self, run: str, figure: str, class_name: str = "") -> Record | None:
        """Return one figure of a run, if the images give it."""
        table = self.figures
        rows = table[
            (table["run"] == run) & (table["figure"] == figure) & (table["class"] == class_name)
        ]
        known = rows[rows["value"].notna()].astype(object)
        records = known.where(known.notna(), None).to_dict("records")
        return {str(k): v for k, v in records[0].items()} if records else None

    def area(self, run: str, place: int) -> str:
        """Return the AUROC of a run for a class, in words."""
        record = self.estimate(run, "auroc", self.classes[place])
        if record is None:
            return "AUROC not known"
        limits = interval_text(record)
        return f"AUROC {value_text(record)}{f' ({limits})' if limits else ''}"


def unpaired(row: Record) -> bool:
    """Say whether a difference's interval follows from both runs' own intervals."""
    return str(row["method"]).endswith("not paired")
