"""What rivals without a network say of the images that a network is judged on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.auditing.cases import Cases, known_cases
from firstread.auditing.kinds import KINDS
from firstread.auditing.rules import encoded
from firstread.auditing.separation import MOST_CASES, Model, fitted, sampled
from firstread.auditing.traces import Trace
from firstread.datasets import Dataset
from firstread.threads import single_threaded

Array = npt.NDArray[Any]

_APART = (
    *("SHORTCUT-FILESIZE", "SHORTCUT-STORAGE", "SHORTCUT-SIZE"),
    *("SHORTCUT-CHANNELS", "SHORTCUT-METADATA"),
)
"""Kinds that look at no pixel. File names aren't among them: they often spell the label."""


def _metadata(cases: Cases) -> Array:
    tables = [encoded(k.look(cases.traces, cases.table)) for k in KINDS if k.code in _APART]
    return (
        np.concatenate([table for table in tables if table.shape[1]], axis=1)
        if any(table.shape[1] for table in tables)
        else np.empty((len(cases.traces), 0), np.float32)
    )


def _pixels(cases: Cases) -> Array:
    return np.array([trace.small.ravel() for trace in cases.traces], np.float32)


RIVALS: Mapping[str, tuple[Callable[[Cases], Array], Model]] = {
    "metadata": (_metadata, "tree"),
    "pixels": (_pixels, "logistic"),
}
"""By the rung of the ladder: what is looked at, and what is fitted to it."""


def simple_rival(
    kind: str, dataset: Dataset, traces: Sequence[Trace], part: str, seed: int = 0
) -> Array | str:
    """Fit a rival to the training images and ask it about another part.

    Parameters
    ----------
    kind
        Of `RIVALS`: `metadata` (what files and tables say, without the picture) or `pixels`
        (logistic regression on 28 x 28 pixels).
    dataset
        In parts. Of more than 3,000 training images a sample of whole patients is taken.
    traces
        Of its images.
    part
        To be asked about.
    seed
        Of sample and classifier.

    Returns
    -------
    probabilities
        Shape (images of the part, classes), in their order; or why there are none, as the end of
        the sentence "not tried: ...".
    """
    if dataset.multilabel:
        return "images may have several labels"
    cases = known_cases(dataset, traces)
    split = cases.table["split"].to_numpy()
    training, asked = np.flatnonzero(split == "train"), np.flatnonzero(split == part)
    if len(asked) < len(dataset.part(part)):
        return "some images could not be looked at"
    look, model = RIVALS[kind]
    columns = look(cases)
    if not columns.shape[1]:
        return "all images are alike in it"
    training = training[sampled(cases.targets[training], cases.groups[training], MOST_CASES, seed)]
    with single_threaded():
        rival = fitted(model, columns[training], cases.targets[training], seed)
        answers = rival.predict_proba(columns[asked])
    probabilities = np.zeros((len(asked), len(dataset.classes)))
    probabilities[:, rival.classes_] = answers
    return probabilities
