"""Which images several finished runs were all judged on, and which of these can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from firstread.errors import DataError, RunError, UsageError
from firstread.images import located
from firstread.report.records import Records
from firstread.report.wording import SPLITS, counted, listed
from firstread.seals import file_hash


def names_of(folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the shortest ends of the paths that tell the folders apart.

    Examples
    --------
    >>> names_of([Path("/a/RUN"), Path("/b/RUN")])
    ('a/RUN', 'b/RUN')
    """
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(some[-length:]) for some in parts]
        if len(set(names)) == len(names):
            return tuple(names)
    raise UsageError(f"{folders[0]}: is named twice; compare it with another run")


def check_classes(names: Sequence[str], records: Sequence[Records]) -> None:
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


def common(
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
