"""What a model says of one image, or of one frame of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from firstread.datasets import labels_of
from firstread.images import located


@dataclass(frozen=True)
class Answer:
    """What a model says.

    Parameters
    ----------
    path
        The image, as `FILE` or `FILE#frame=n`.
    labels
        The label; where there may be several, those at one half or more, or none.
    probabilities
        Of each class, from 0 to 1, in the model's order.
    """

    path: Path
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def file(self) -> Path:
        """The file that the image lies in."""
        return located(self.path)[0]

    @property
    def frame(self) -> int | None:
        """The number of the frame, from 1, where one is named."""
        return located(self.path)[1]


def answers(
    predictions: pd.DataFrame, classes: Sequence[str], multilabel: bool = False
) -> list[Answer]:
    """Return each row of a table of predictions, as `Classifier.predict` gives it."""
    scores = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    rows = zip(predictions["path"], predictions["label"], scores, strict=True)
    return [
        Answer(
            Path(path),
            labels_of(label) if multilabel else (str(label),),
            tuple(map(float, row)),
        )
        for path, label, row in rows
    ]
