"""What a run folder's files say, read once for the page; and the answers in them as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.errors import RunError
from firstread.run import (
    ADVICE,
    AUDIT,
    CALIBRATION,
    CASES,
    CROSSVALIDATION,
    DATA,
    HISTORY,
    LADDER,
    LEARNING_CURVE,
    METRICS,
    MODEL,
    PLAN,
    PREDICTIONS,
    SKIPPED,
    SUBGROUPS,
    VERSIONS,
    Run,
)

Array = npt.NDArray[Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Answers:
    """What the network said of the images of one part.

    Parameters
    ----------
    paths
        Of the images, n of them.
    truth, label
        What each is and what it was called, as words; several labels with `;` between.
    yes
        Whether each class is true, bool, shape (n, k).
    probabilities
        Shape (n, k).
    called
        Whether each class was called, bool, shape (n, k).
    """

    paths: tuple[str, ...]
    truth: tuple[str, ...]
    label: tuple[str, ...]
    yes: Array
    probabilities: Array
    called: Array

    @property
    def right(self) -> Array:
        """Whether every label of an image is right, bool, shape (n,)."""
        right: Array = (self.yes == self.called).all(axis=1)
        return right


@dataclass(frozen=True)
class Records:
    """A run's files as values; what a run doesn't have is None.

    Parameters
    ----------
    folder
        The run folder.
    plan, data, model, versions, metrics
        Of the files of these names.
    cases, predictions
        One row an image.
    history, advice, learning_curve
        Of the training.
    skipped
        Files that were left out.
    audit
        Findings, the worst first.
    calibration, ladder
        As `evidence` records them.
    subgroups
        One a column.
    repeated
        What repeating the training in folds, and with shuffled labels, showed.
    """

    folder: Path
    plan: Record
    data: Record
    model: Record
    versions: Record
    metrics: Record
    cases: pd.DataFrame
    predictions: pd.DataFrame
    history: pd.DataFrame | None
    advice: pd.DataFrame | None
    learning_curve: pd.DataFrame | None
    skipped: int
    audit: Sequence[Record] | None
    calibration: Record | None
    ladder: Record | None
    subgroups: Sequence[Record] | None
    repeated: Record | None = None

    @classmethod
    def of(cls, run: Run) -> Records:
        """Read a finished run.

        Raises
        ------
        RunError
            If a file that every run has is missing, or one that is there can't be read.
        """
        folder = run.folder
        skipped = folder / SKIPPED
        return cls(
            folder,
            **{
                name: _json(folder / file, needed=True)
                for name, file in (
                    ("plan", PLAN),
                    ("data", DATA),
                    ("model", MODEL),
                    ("versions", VERSIONS),
                    ("metrics", METRICS),
                )
            },
            cases=_table(folder / CASES, needed=True),
            predictions=_table(folder / PREDICTIONS, needed=True),
            history=_table(folder / HISTORY),
            advice=_table(folder / ADVICE),
            learning_curve=_table(folder / f"{LEARNING_CURVE}.csv"),
            skipped=len(skipped.read_text("utf-8").splitlines()) if skipped.exists() else 0,
            audit=_json(folder / AUDIT),
            calibration=_json(folder / CALIBRATION),
            ladder=_json(folder / LADDER),
            subgroups=_json(folder / SUBGROUPS),
            repeated=_json(folder / CROSSVALIDATION),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in order."""
        return tuple(self.data["classes"])

    @property
    def multilabel(self) -> bool:
        """Whether an image can be of several classes."""
        return bool(self.data.get("multilabel"))

    @property
    def split(self) -> str:
        """The part whose figures count: `test` where there is one, else `val`."""
        return "test" if "test" in self.metrics else "val"

    @cached_property
    def answers(self) -> Answers:
        """What the network said of the images of that part."""
        rows = self.predictions[self.predictions["split"] == self.split]
        truth, label = (rows[name].fillna("").astype(str) for name in ("truth", "label"))
        said = rows[[f"p_{name}" for name in self.classes]].to_numpy(float)
        return Answers(
            tuple(rows["path"].astype(str)),
            tuple(truth),
            tuple(label),
            self.flags(truth),
            said,
            self.flags(label),
        )

    def flags(self, labels: pd.Series) -> Array:
        """Return whether each class is among each row's labels, bool, shape (n, k)."""
        held = [set(text.split(";")) if self.multilabel else {text} for text in labels]
        flags = [[name in some for name in self.classes] for some in held]
        return np.array(flags, bool).reshape(len(held), len(self.classes))

    def estimate(self, figure: str, class_name: str = "") -> Record | None:
        """Return one figure's record of the part whose figures count, if the run has it."""
        held = self.metrics[self.split]["figures"]
        wanted = (figure, class_name)
        return next((e for e in held if (e["figure"], e["class"]) == wanted), None)

    @property
    def accuracy(self) -> Record:
        """The accuracy's record."""
        found = self.estimate("accuracy")
        assert found is not None
        return found


def _json(path: Path, *, needed: bool = False) -> Any:
    if not path.exists() and not needed:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _table(path: Path, *, needed: bool = False) -> Any:
    if not path.exists() and not needed:
        return None
    try:
        # Names of classes and patients are words, whatever they look like.
        words = {"truth": str, "label": str, "patient": str, "path": str}
        return pd.read_csv(path, dtype=words, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RunError:
    if isinstance(error, FileNotFoundError):
        return RunError(
            f"{path}: is missing, and this needs it; train again, or where the model was pulled, "
            "do this where it was trained"
        )
    return RunError(f"{path}: can't be read ({error}); train again")
