"""Likely label errors, by confident learning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from firstread.auditing.cases import SEVERAL, known_cases
from firstread.auditing.finding import Finding
from firstread.auditing.separation import cross_validated
from firstread.auditing.traces import Trace
from firstread.datasets import Dataset

CODE = "LABEL-ERROR"
FEWEST = 5
"""Images that each class needs."""
LEAST_SKILL = 0.5
"""How far from guessing (0) to perfect (1) the probabilities must get for a look at mistakes."""
MARGIN = -0.5
"""The normalised margin, from -1 to 1, below which a label is doubted.

The class that is said instead is then at least three times as probable as that of the label.
"""
_LISTED = 20
_WHY = (
    "A wrong label teaches the network a mistake, and in the validation part it counts right "
    "answers as wrong ones."
)
_ADVICE = (
    "Look at each of these images and correct the labels that are wrong; those that are right are "
    "the hard cases. Don't relabel without looking: this list is only as good as the "
    "probabilities behind it."
)


def label_errors(
    classes: Sequence[str],
    targets: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.floating],
    paths: Sequence[str],
    by: str = "a cross-validated classifier",
) -> Finding:
    """Find images whose labels are likely wrong.

    A class counts as confidently said of an image where its probability reaches the mean that the
    class has over the images labelled so. Images that are confidently of another class than their
    label are ranked by the margin: the label's probability less the highest of the others. Of
    these, only those are told whose margin is below -0.5, which on clean data are few.

    Parameters
    ----------
    classes
        Class names, in the order of the columns.
    targets
        Labels as numbers, shape (n,).
    probabilities
        Of classifiers that weren't fitted to the image itself, shape (n, classes), rows summing
        to 1.
    paths
        The images.
    by
        What gave the probabilities, as the end of a sentence.

    References
    ----------
    C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating Uncertainty in
    Dataset Labels", Journal of Artificial Intelligence Research 70 (2021), sections 3.1 and 3.2.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1]] * 6 + [[0.1, 0.9]] * 6)
    >>> labels = np.array([0] * 6 + [1] * 5 + [0])
    >>> label_errors(("a", "b"), labels, p, [f"{n}.png" for n in range(12)]).files
    ('11.png',)
    """
    present, counts = np.unique(targets, return_counts=True)
    if len(present) < 2 or counts.min() < FEWEST:
        return Finding(
            CODE, "not applicable", f"Label errors are looked for from {FEWEST} images a class."
        )
    recalls = [(probabilities[targets == k].argmax(axis=1) == k).mean() for k in present]
    accuracy = float(np.mean(recalls))
    skill = (accuracy * len(present) - 1) / (len(present) - 1)
    if skill < LEAST_SKILL:
        return Finding(
            CODE,
            "not applicable",
            f"Labels can't be doubted by {by}: its balanced accuracy of {100 * accuracy:.0f} % is "
            "too low to tell wrong labels from hard images.",
        )
    suspects, margins = doubted(targets, probabilities)
    if not len(suspects):
        return Finding(CODE, "passed", f"No label is confidently contradicted by {by}.")
    listed = "; ".join(
        f"{paths[i]} is labelled `{classes[targets[i]]}` and looks like "
        f"`{classes[probabilities[i].argmax()]}`"
        for i in suspects[:3]
    )
    more = f"; and {len(suspects) - 3} more" if len(suspects) > 3 else ""
    subject = "1 label is" if len(suspects) == 1 else f"{len(suspects):,} labels are"
    return Finding(
        CODE,
        "warning",
        f"{subject} likely wrong, of {len(targets):,}, by {by}: {listed}{more}.",
        _WHY,
        _ADVICE,
        tuple(str(paths[i]) for i in suspects),
        figures=(
            ("suspects", len(suspects)),
            ("share", len(suspects) / len(targets)),
            ("worst_margin", float(margins[0])),
        ),
    )


def doubted(
    targets: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the places of doubted labels, the most doubtful first, and their margins."""
    present = np.unique(targets)
    thresholds = np.full(probabilities.shape[1], np.inf)
    thresholds[present] = [probabilities[targets == k, k].mean() for k in present]
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    said = np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), targets)
    own = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    others = probabilities.astype(np.float64)
    others[np.arange(len(targets)), targets] = -1.0
    margins = own - others.max(axis=1)
    places = np.flatnonzero((said != targets) & (margins < MARGIN))
    order = places[np.argsort(margins[places], kind="stable")]
    return order, margins[order]


def suspected(dataset: Dataset, traces: Sequence[Trace], seed: int = 0) -> Finding:
    """Find likely label errors where there are no better probabilities than those of pixels.

    Logistic regression on 28 x 28 pixels and on the gray-level histogram is cross-validated, with
    each patient on one side.

    Parameters
    ----------
    dataset
        Labelled images.
    traces
        Of its images; those without a trace are left out.
    seed
        Decides the folds.
    """
    if dataset.multilabel:
        return Finding(CODE, "not applicable", f"{SEVERAL}.")
    cases = known_cases(dataset, traces)
    if cases.fewest() < FEWEST:
        return Finding(
            CODE, "not applicable", f"Label errors are looked for from {FEWEST} images a class."
        )
    pixels = np.array([trace.small.ravel() for trace in cases.traces])
    levels = np.sqrt([trace.histogram for trace in cases.traces])
    table = np.concatenate([pixels, levels], axis=1).astype(np.float32)
    probabilities = cross_validated("logistic", table, cases.targets, cases.groups, seed)
    return label_errors(
        dataset.classes,
        cases.targets,
        probabilities,
        list(cases.table["path"]),
        "logistic regression on 28 x 28 pixels and gray levels",
    )
