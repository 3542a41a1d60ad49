"""Compares finished runs on the images that all of them were judged on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from firstread.errors import DataError, RunError, UsageError
from firstread.evidence import Comparison, Evaluation, compare, evaluate
from firstread.evidence.bootstrap import SAMPLES
from firstread.images import Display, located
from firstread.report.comparison import Sides, figures, rendered
from firstread.report.records import Answers, Records
from firstread.report.wording import SPLITS, counted, listed
from firstread.run import Run, arriving
from firstread.seals import file_hash

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
    names = _names([Path(run) for run in runs])
    _check_classes(names, records)
    places, facts = _common(names, records)
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


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the shortest ends of the paths that tell the folders apart.

    Examples
    --------
    >>> _names([Path("/a/RUN"), Path("/b/RUN")])
    ('a/RUN', 'b/RUN')
    """
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(some[-length:]) for some in parts]
        if len(set(names)) == len(names):
            return tuple(names)
    raise UsageError(f"{folders[0]}: is named twice; compare it with another run")


def _check_classes(names: Sequence[str], records: Sequence[Records]) -> None:
    """Complain about every run that answers another question than the first."""
    first = records[0]
    problems = [
        f"{name} tells {listed(r.classes)} apart, and {names[0]} {listed(first.classes)}"
        for name, r in zip(names, records, strict=True)
        if set(r.classes) != set(first.classes)
    ] + [
        f"{name} gives an image {'several labels' if r.multilabel else 'one label'}, and "
        f"{names[0]} {'several' if first.multilabel else 'one'}"
        for name, r in zip(names, records, strict=True)
        if r.multilabel != first.multilabel
    ]
    if problems:
        raise DataError(problems, "Compare runs that answer the same question.")


def _common(
    names: Sequence[str], records: Sequence[Records]
) -> tuple[list[list[int]], tuple[str, ...]]:
    """Return the rows of each run's answers that are compared, in one order, and which they are."""
    for key in (_by_file, _by_content):
        places = [_places(r.answers.paths, key) for r in records]
        shared = [name for name in places[0] if all(name in other for other in places[1:])]
        if shared:
            break
    else:
        raise RunError(
            f"{listed(names)}: no image was judged by all of them, so that there is nothing to "
            "compare; train them on data with the same parts (a table with a column split, or "
            "folders train, val and test)"
        )
    trained = set[str]()
    for r in records:
        learned = r.cases.loc[r.cases["split"] == "train", "path"]
        trained |= set(_places(tuple(learned), key))
    truths = [
        [_set(r.answers.truth[rows[name]]) for name in shared]
        for r, rows in zip(records, places, strict=True)
    ]
    agreed = [all(t == some[0] for t in some) for some in zip(*truths, strict=True)]
    kept = [n for n, same in zip(shared, agreed, strict=True) if same and n not in trained]
    facts = list(_facts(names, records, len(shared)))
    if dropped := agreed.count(False):
        facts.append(f"Left out: {counted(dropped, 'image')} with another label in another run.")
    if learned_from := sum(n in trained for n in shared):
        facts.append(f"Left out: {counted(learned_from, 'image')} that one of them learned from.")
    if not kept:
        raise RunError(f"{listed(names)}: nothing is left to compare. {' '.join(facts)}")
    return [[rows[name] for name in kept] for rows in places], tuple(facts)


def _facts(names: Sequence[str], records: Sequence[Records], shared: int) -> list[str]:
    judged = [len(r.answers.paths) for r in records]
    splits = [SPLITS[r.split] for r in records]
    if set(judged) == {shared}:
        kind = f"{splits[0]} image" if len(set(splits)) == 1 else "image"
        said = [f"All were judged on the same {counted(shared, kind)}; these are compared."]
    else:
        each = [
            f"{name} on {counted(n, split + ' image')}"
            for name, n, split in zip(names, judged, splits, strict=True)
        ]
        said = [
            f"They were judged on different images: {listed(each)}. Compared are the {shared:,} "
            "that all were judged on, so that figures differ from those of each run's own report."
        ]
    chosen = [name for name, r in zip(names, records, strict=True) if r.split == "val"]
    if chosen:
        whose = "" if len(chosen) == len(names) else f" for {listed(chosen)}"
        said.append(
            f"They are validation images{whose}, which may have had a say in what was chosen: "
            "that flatters a run."
        )
    return said


def _places(paths: Sequence[str], key: Callable[[Path], str]) -> dict[str, int]:
    """Return where each image stands, by what makes it the same; the first one of copies."""
    places: dict[str, int] = {}
    for place, path in enumerate(paths):
        if name := key(Path(path)):
            places.setdefault(name, place)
    return places


def _by_file(path: Path) -> str:
    return str(path.resolve())


def _by_content(path: Path) -> str:
    """Return an image's hash, with its slice or frame; nothing where it is gone."""
    file, part = located(path)
    if not file.is_file():
        return ""
    return f"{file_hash(file)} {part}"


def _set(label: str) -> frozenset[str]:
    return frozenset(label.split(";"))


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
