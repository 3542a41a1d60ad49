"""Compares finished runs on the images that all of them were judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from firstread.errors import UsageError
from firstread.evidence import Comparison, Evaluation, compare, evaluate
from firstread.evidence.bootstrap import SAMPLES
from firstread.images import Display
from firstread.matching import check_classes, common, names_of
from firstread.report.comparison import rendered
from firstread.report.comparison_figures import figures
from firstread.report.records import Answers, Records
from firstread.report.sides import Sides
from firstread.run import Run, arriving

PAGE = "comparison.html"
FIGURES_TABLE = "figures.csv"
DIFFERENCES_TABLE = "differences.csv"
DISAGREEMENTS_TABLE = "disagreements.csv"


@dataclass(frozen=True)
class Compared:
    """Runs judged on the same images.

    Parameters
    ----------
    names
        Of the runs.
    cases
        One row an image: path, truth and patient.
    evaluations
        Of each run, on these images alone.
    comparisons
        Of each later run with the first one.
    facts
        Which images these are, as sentences.
    sides
        What is drawn of it.
    """

    names: tuple[str, ...]
    cases: pd.DataFrame
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    facts: tuple[str, ...]
    sides: Sides

    def sentences(self) -> list[str]:
        """Say whether the images tell the runs apart."""
        said = [comparison.sentence() for comparison in self.comparisons]
        if len(said) > 1:
            said.append(
                f"Each of the {len(said)} comparisons is made by itself: of twenty between equals, "
                "one is expected to look like a difference."
            )
        return said

    def write(self, folder: str | Path) -> None:
        """Write tables, figures and a page into a new folder, all of it or nothing.

        Raises
        ------
        RunError
            If there is something there, or it can't be made.
        """
        with arriving(Path(folder)) as made:
            self.sides.figures.to_csv(made / FIGURES_TABLE, index=False)
            self.sides.differences.to_csv(made / DIFFERENCES_TABLE, index=False)
            self.sides.disagreements().to_csv(made / DISAGREEMENTS_TABLE, index=False)
            for name, figure in figures(self.sides):
                figure.savefig(made / f"{name}.png", dpi=150)
            (made / PAGE).write_text(rendered(self.sides), encoding="utf-8")


def compare_runs(runs: Sequence[str | Path], *, samples: int = SAMPLES, seed: int = 0) -> Compared:
    """Compare finished runs on the images that all of them were judged on.

    An image is the same where its file is, or where none is, its content.

    Parameters
    ----------
    runs
        Finished run folders, two or more; the others are compared with the first.
    samples, seed
        Of the bootstrap.

    Raises
    ------
    RunError
        If a folder holds no finished run with its predictions, or no image is common to all.
    DataError
        If the runs tell other classes apart.
    UsageError
        If there is but one run.
    """
    if len(runs) < 2:
        raise UsageError("name two runs or more to compare")
    records = [Records.of(Run.open(run)) for run in runs]
    names = names_of([Path(run) for run in runs])
    check_classes(names, records)
    places, facts = common(names, records)
    classes = records[0].classes
    held = [_taken(r, rows, classes) for r, rows in zip(records, places, strict=True)]
    first = held[0]
    targets = first.yes.astype(int) if records[0].multilabel else first.yes.argmax(axis=1)
    patients = _patients(records[0], first.paths)
    evaluations = tuple(
        evaluate(
            classes,
            targets,
            answers.probabilities,
            groups=patients,
            samples=samples,
            seed=seed,
        )
        for answers in held
    )
    comparisons = tuple(
        compare(
            (name, names[0]),
            targets,
            answers.probabilities,
            first.probabilities,
            groups=patients,
            seed=seed,
        )
        for name, answers in zip(names[1:], held[1:], strict=True)
    )
    cases = pd.DataFrame({"path": first.paths, "truth": first.truth, "patient": patients})
    return Compared(
        names,
        cases,
        evaluations,
        comparisons,
        facts,
        _sides(names, records, tuple(held), evaluations, comparisons, facts),
    )


def _sides(
    names: tuple[str, ...],
    records: Sequence[Records],
    held: tuple[Answers, ...],
    evaluations: Sequence[Evaluation],
    comparisons: Sequence[Comparison],
    facts: tuple[str, ...],
) -> Sides:
    frames = [e.frame().assign(run=name) for name, e in zip(names, evaluations, strict=True)]
    moved = [
        c.frame().assign(run=c.first, against=c.second).assign(p_value=_beside(c))
        for c in comparisons
    ]
    table, gaps = (pd.concat(some, ignore_index=True) for some in (frames, moved))
    return Sides(
        names,
        tuple(str(r.model["backbone"]) for r in records),
        records[0].classes,
        records[0].multilabel,
        held,
        table[["run", *table.columns.drop("run")]],
        gaps[["run", "against", *gaps.columns.drop(["run", "against"])]],
        tuple(c.record() for c in comparisons),
        facts,
        Display(**records[0].model["preprocessing"].get("display", {})),
    )


def _beside(comparison: Comparison) -> list[float]:
    """Return a column with the p of equal accuracy in the row of accuracy, the first one."""
    return [comparison.p_value, *[float("nan")] * (len(comparison.differences) - 1)]


def _taken(records: Records, rows: Sequence[int], classes: Sequence[str]) -> Answers:
    """Return some of a run's answers, with the classes in a given order."""
    answers = records.answers
    chosen = np.ix_(rows, [records.classes.index(name) for name in classes])
    return Answers(
        tuple(answers.paths[row] for row in rows),
        tuple(answers.truth[row] for row in rows),
        tuple(answers.label[row] for row in rows),
        answers.yes[chosen],
        answers.probabilities[chosen],
        answers.called[chosen],
    )


def _patients(records: Records, paths: Sequence[str]) -> list[str]:
    """Return the patient of each image; an image without one is a patient of its own."""
    known = records.cases.set_index("path")["patient"]
    named = known[~known.index.duplicated()].reindex(list(paths))
    return [str(path) if pd.isna(who) else str(who) for path, who in zip(paths, named, strict=True)]
