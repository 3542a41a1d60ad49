"""What is looked for, as a table, and the audit that looks for all of it.

To add a finder: write a function of a data set and a survey that yields a `Finding` for each thing
that is wrong and nothing where all is well, and give it a row in `FINDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from firstread.auditing import balance, duplicates, integrity, names, patients
from firstread.auditing.finding import Finding
from firstread.auditing.kinds import KINDS
from firstread.auditing.label_errors import CODE as LABEL_ERROR
from firstread.auditing.label_errors import suspected
from firstread.auditing.pixel_baseline import CODE as BASELINE
from firstread.auditing.pixel_baseline import pixel_baseline
from firstread.auditing.result import Audit, ordered
from firstread.auditing.shortcuts import shortcuts
from firstread.auditing.survey import Survey, surveying
from firstread.datasets import Dataset, examine
from firstread.progress import Step
from firstread.spreading import Each, in_threads
from firstread.threads import single_threaded

Find = Callable[[Dataset, Survey], Iterable[Finding | Step]]


@dataclass(frozen=True)
class Finder:
    """One row of the table of what is looked for.

    Parameters
    ----------
    name
        What it looks at, for a progress bar.
    find
        Yields a finding for each thing that is wrong, and steps where it takes long.
    clean
        For each code that `find` may yield, the sentence that says that it was looked for and
        not found.
    needs
        Names in `NEEDS` of what the data must have for it to apply.
    """

    name: str
    find: Find
    clean: Mapping[str, str]
    needs: tuple[str, ...] = ()


def _has_parts(dataset: Dataset, survey: Survey) -> bool:
    return bool(dataset.cases["split"].nunique() > 1)


def _has_classes(dataset: Dataset, survey: Survey) -> bool:
    return len(dataset.classes) > 1


def _has_images(dataset: Dataset, survey: Survey) -> bool:
    return bool(survey.readable.any())


def _has_patients(dataset: Dataset, survey: Survey) -> bool:
    return bool(dataset.cases["patient"].notna().any())


def _shortcuts(dataset: Dataset, survey: Survey) -> Iterable[Finding]:
    with single_threaded():
        return shortcuts(dataset, survey.traces)


def _pixels(dataset: Dataset, survey: Survey) -> Iterable[Finding]:
    with single_threaded():
        return [pixel_baseline(dataset, survey.traces).finding()]


def _labels(dataset: Dataset, survey: Survey) -> Iterable[Finding]:
    with single_threaded():
        return [suspected(dataset, survey.traces)]


NEEDS: dict[str, tuple[Callable[[Dataset, Survey], bool], str]] = {
    "images": (_has_images, "no image can be read"),
    "classes": (_has_classes, "there is one class"),
    "parts": (_has_parts, "the images are not split into parts; firstread splits them itself"),
    "patients": (_has_patients, "the data name no patients"),
}
"""What a finder may need: the test, and why it doesn't apply where the test fails."""

FINDERS: tuple[Finder, ...] = (
    Finder(
        "exact copies",
        duplicates.exact,
        {
            "DUPLICATE": "No picture stands twice in one part and class.",
            "DUPLICATE-LEAK": "No picture stands in more than one part.",
            "DUPLICATE-CONTRADICTION": "No picture stands under more than one class.",
        },
        ("images",),
    ),
    Finder(
        "near copies",
        duplicates.near,
        {
            "DUPLICATE-NEAR": "No picture stands twice in one part and class, changed a little.",
            "DUPLICATE-NEAR-LEAK": "No picture stands in more than one part, changed a little.",
            "DUPLICATE-NEAR-CONTRADICTION": "No picture stands under more than one class, "
            "changed a little.",
            "PATIENT-LIKELY": "No pictures in different parts are so alike that one would take "
            "them for one patient's.",
        },
        ("images",),
    ),
    Finder(
        "patients",
        patients.across,
        {
            "PATIENT-LEAK": "No patient has images in more than one part.",
            "PATIENT-MISSING": "Every image names its patient.",
        },
        ("patients", "parts"),
    ),
    Finder(
        "patients by file names",
        patients.by_name,
        {
            "PATIENT-NAME-LEAK": "No names of files suggest that a patient has images in more "
            "than one part.",
            "PATIENT-NAMES": "No names of files suggest that patients have several images each.",
        },
    ),
    Finder(
        "shortcuts",
        _shortcuts,
        {kind.code: f"No shortcut by {kind.title}." for kind in KINDS},
        ("images", "classes"),
    ),
    Finder(
        "labels that are likely wrong",
        _labels,
        {LABEL_ERROR: "No label is likely wrong."},
        ("images", "classes"),
    ),
    Finder(
        "names against labels",
        names.contradicted,
        {"NAME-CONTRADICTS": "No file is named after another class than its own."},
        ("classes",),
    ),
    Finder(
        "files that can't be read",
        integrity.unreadable,
        {"UNREADABLE": "Every image can be read."},
    ),
    Finder(
        "blank images",
        integrity.blank,
        {"BLANK": "No image is blank or nearly so."},
        ("images",),
    ),
    Finder(
        "extreme shapes",
        integrity.aspect,
        {"ASPECT-EXTREME": "No image is far longer one way than the other."},
        ("images",),
    ),
    Finder(
        "tiny images",
        integrity.small,
        {"SIZE-SMALL": "No image is far smaller than the others."},
        ("images",),
    ),
    Finder(
        "held-out images",
        balance.judged,
        {"VALIDATION-SIZE": "There are no images to validate on."},
    ),
    Finder(
        "small classes",
        balance.few,
        {"CLASS-SMALL": f"Every class has {balance.FEW} images or more to train on."},
    ),
    Finder(
        "class sizes",
        balance.balance,
        {"CLASS-BALANCE": "The classes are of similar size."},
        ("classes",),
    ),
    Finder(
        "mix of classes",
        balance.mix,
        {"SPLIT-MIX": "The parts hold the classes in similar shares."},
        ("classes", "parts"),
    ),
    Finder(
        "counts of patients",
        patients.counted,
        {"PATIENT-COUNT": "Each image is of another patient."},
        ("patients",),
    ),
    Finder(
        "bit depths",
        integrity.mixed_depths,
        {"DEPTH-MIXED": "All images have the same number of bits a channel."},
        ("images",),
    ),
    Finder(
        "pixel modes",
        integrity.mixed_modes,
        {"MODE-MIXED": "All images have the same channels."},
        ("images",),
    ),
    Finder(
        "file formats",
        integrity.mixed_formats,
        {"FORMAT-MIXED": "All images have one file format."},
        ("images",),
    ),
    Finder(
        "image sizes",
        integrity.mixed_sizes,
        {"SIZE-MIXED": "All images have the same size."},
        ("images",),
    ),
    Finder(
        "other files",
        integrity.passed_over,
        {"NOT-IMAGES": "There is nothing beside the images."},
    ),
    Finder(
        "what pixels alone can do",
        _pixels,
        {BASELINE: "Pixels alone were not tried."},
        ("images", "classes"),
    ),
    Finder("counts of images", balance.counted, {}),
)
"""In the order that findings of one severity are told in: what spoils figures most comes first."""


def audit(data: str | Path | Dataset) -> Audit:
    """Look for what is wrong with labelled images, before anything is trained on them.

    Parameters
    ----------
    data
        A folder or table as of `firstread.train`, or a data set.

    Returns
    -------
    audit
        With `findings`, `severe`, `frame()` and `records()`.

    Raises
    ------
    DataError
        If there is no such folder or table.

    Examples
    --------
    >>> import numpy, pathlib, PIL.Image, tempfile
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> for number, name in enumerate(["a/1.png", "a/2.png", "b/1.png", "b/2.png"]):
    ...     (data / name).parent.mkdir(exist_ok=True)
    ...     level = numpy.random.default_rng(number % 3).integers(0, 256, (32, 32))
    ...     PIL.Image.fromarray(level.astype("uint8")).save(data / name)
    >>> [finding.code for finding in audit(data).severe]
    ['DUPLICATE-CONTRADICTION']
    """
    *_, last = auditing(data)
    assert isinstance(last, Audit)
    return last


def auditing(
    data: str | Path | Dataset, finders: Iterable[Finder] = FINDERS, each: Each = in_threads
) -> Iterator[Step | Audit]:
    """Audit, and yield each step as it is done and the audit at the end.

    Parameters
    ----------
    data
        As of `audit`.
    finders
        What to look for.
    each
        Who looks at the images, as of `surveying`.

    Raises
    ------
    DataError
        If there is no such folder or table.
    """
    dataset, problems = (data, ()) if isinstance(data, Dataset) else examine(data)
    findings = list(_structure(dataset, problems))
    survey = None
    for survey in surveying(dataset.paths, each):
        if isinstance(survey, Step):
            yield survey
    assert isinstance(survey, Survey)
    rows = tuple(finders) if len(dataset) else ()
    for place, finder in enumerate(rows):
        yield Step(f"looking for {finder.name}", place, len(rows))
        for event in _looked_for(finder, dataset, survey):
            if isinstance(event, Step):
                yield event
            else:
                findings.append(event)
    name = "" if isinstance(data, Dataset) else str(data)
    yield Audit(name, len(dataset), ordered(findings), survey.traces)


def _looked_for(finder: Finder, dataset: Dataset, survey: Survey) -> Iterator[Finding | Step]:
    """Yield what a finder found, and a finding for each of its codes that it didn't."""
    unmet = [NEEDS[need][1] for need in finder.needs if not NEEDS[need][0](dataset, survey)]
    if unmet:
        reason = f"Not looked for: {unmet[0]}."
        yield from (Finding(code, "not applicable", reason) for code in finder.clean)
        return
    codes = set()
    for event in finder.find(dataset, survey):
        if isinstance(event, Finding):
            codes.add(event.code)
        yield event
    for code, sentence in finder.clean.items():
        if code not in codes:
            yield Finding(code, "passed", sentence)


def _structure(dataset: Dataset, problems: tuple[str, ...]) -> Iterator[Finding]:
    """Say what keeps the data set from being trained on at all."""
    if not problems:
        yield Finding("LAYOUT", "passed", "Folders, labels and parts can be trained on.")
        return
    yield Finding(
        "LAYOUT",
        "severe",
        " ".join(f"{problem}." for problem in problems[:10])
        + (f" ... and {len(problems) - 10} more like these." if len(problems) > 10 else ""),
        "As they are, these data can't be trained on.",
        "Mend what is named, and audit again.",
        figures=(("problems", len(problems)),),
    )
