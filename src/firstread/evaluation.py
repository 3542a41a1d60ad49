"""What came out of an evaluation: records, sentences, files and figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from firstread.evidence import (
    Estimate,
    Evaluation,
    OperatingPoint,
    Shift,
    Subgroups,
    Temperature,
    precision_recall_points,
    reliability,
    roc_points,
)
from firstread.evidence.answers import marks
from firstread.report.performance import (
    confusion_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    subgroup_figure,
)
from firstread.run import METRICS, PREDICTIONS, arriving

FIGURES_TABLE = "figures.csv"
SUBGROUPS_TABLE = "subgroups.csv"

Array = npt.NDArray[Any]

_PARTS = {"train": "to train", "val": "to choose the model", "test": "to test"}


@dataclass(frozen=True)
class Looked:
    """What is known of the images before they are scored.

    Parameters
    ----------
    images, patients
        To judge.
    part
        Of the data, that they are; empty for all.
    seen
        How many of them the run had already, by the part that they were of.
    shift
        How they differ from the training images; None where those can't be looked at.
    reason
        Why there is no shift, as a sentence.
    """

    images: int
    patients: int
    part: str
    seen: Mapping[str, int]
    shift: Shift | None
    reason: str = ""

    def sentences(self) -> list[str]:
        """Say what differs, and what must not be believed."""
        said = [
            f"{count} of these {self.images} images the run has used already {_PARTS[split]}: "
            f"figures on them {'mean nothing' if split == 'train' else 'flatter it'}."
            for split, count in self.seen.items()
            if split in ("train", "val")
        ]
        return [*said, self.shift.sentence() if self.shift is not None else self.reason]


@dataclass(frozen=True)
class Operated:
    """An operating point chosen on validation images, and its figures on these.

    Parameters
    ----------
    point
        The threshold.
    estimates
        Of the decisions made with it.
    """

    point: OperatingPoint
    estimates: tuple[Estimate, ...]

    def get(self, figure: str) -> Estimate:
        """Return one figure."""
        return next(e for e in self.estimates if e.figure == figure)

    def sentence(self) -> str:
        """Say what was chosen and what it does here."""
        named = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV"}
        figures = ", ".join(f"{words} {self.get(f).text()}" for f, words in named.items())
        return f"{self.point.sentence()} Here: {figures}."


@dataclass(frozen=True)
class Evaluated:
    """A run's classifier on labelled images.

    Parameters
    ----------
    run, data
        The run folder and the images, as they were named.
    looked
        What was known before.
    predictions
        One row an image: path, truth, label and probabilities.
    targets, probabilities, groups
        The same as arrays, in the order of the classifier's classes.
    evaluation
        All figures.
    temperature, calibrated
        Fitted on the run's validation images, and the figures with it; None where that can't be.
    operated
        Operating points.
    parts
        Subgroups, one a column.
    skipped
        Why each file that can't be read was left out.
    """

    run: Path
    data: str
    looked: Looked
    predictions: pd.DataFrame
    targets: Array
    probabilities: Array
    groups: Array
    evaluation: Evaluation
    temperature: Temperature | None
    calibrated: Evaluation | None
    operated: tuple[Operated, ...]
    parts: tuple[Subgroups, ...]
    skipped: tuple[str, ...]

    def sentences(self) -> list[str]:
        """Say what came out, the main thing first."""
        said = [self.evaluation.sentence()]
        if self.temperature is not None:
            said.append(self.temperature.sentence())
        if self.calibrated is not None:
            before, after = (e.get("log_loss").value for e in (self.evaluation, self.calibrated))
            said[-1] += f" Here that takes the log loss from {before:.3f} to {after:.3f}."
        return [*said, *(o.sentence() for o in self.operated), *(p.sentence() for p in self.parts)]

    def record(self) -> dict[str, Any]:
        """Return everything but the predictions as plain values, for JSON."""
        looked, temperature = self.looked, self.temperature
        return {
            "run": str(self.run),
            "data": self.data,
            "part": looked.part or "all",
            "seen_by_the_run": dict(looked.seen),
            "skipped": list(self.skipped),
            "shift": None if looked.shift is None else looked.shift.record(),
            "shift_unknown_because": looked.reason or None,
            **self.evaluation.record(),
            "temperature": None
            if temperature is None or not temperature.fitted
            else {
                "value": temperature.value,
                "interval": list(temperature.interval),
                "validation_images": temperature.n,
            },
            "calibrated_figures": None
            if self.calibrated is None
            else [estimate.record() for estimate in self.calibrated.estimates],
            "operating_points": [
                {
                    "class": operated.point.class_name,
                    "rule": str(operated.point.rule),
                    "threshold": operated.point.threshold,
                    "validation_images": operated.point.positives + operated.point.negatives,
                    "figures": [estimate.record() for estimate in operated.estimates],
                }
                for operated in self.operated
            ],
            "subgroups": [part.record() for part in self.parts],
            "sentences": [*looked.sentences(), *self.sentences()],
        }

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Draw what there is to draw, and yield each figure with its name."""
        evaluation, n = self.evaluation, self.evaluation.n
        yes = marks(self.targets, len(evaluation.classes))
        drawn = [k for k, name in enumerate(evaluation.classes) if self._area(name).known]
        if len(evaluation.classes) == 2 and not evaluation.multilabel:
            shown = {o.point.class_name for o in self.operated}
            drawn = [k for k in drawn if k == 1 or evaluation.classes[k] in shown][:1]
        if drawn:
            names = [evaluation.classes[k] for k in drawn]
            scores = [(yes[:, k], self.probabilities[:, k]) for k in drawn]
            roc = [f"{name}: AUROC {self._area(name).text()}" for name in names]
            curves = dict(zip(roc, (roc_points(*pair) for pair in scores), strict=True))
            yield "roc", roc_figure(curves, n, *self._point(names))
            recall = [f"{name}: AUPRC {evaluation.get('auprc', name).text()}" for name in names]
            lines = (precision_recall_points(*pair) for pair in scores)
            shares = [float(truth.mean()) for truth, _ in scores]
            drawing = dict(zip(recall, lines, strict=True))
            yield "precision_recall", precision_recall_figure(drawing, shares, n)
        yield "reliability", self._reliability(yes)
        yield "confusion", confusion_figure(evaluation.confusion, evaluation.classes)
        for part in self.parts:
            frame = part.frame()
            accuracy = frame[(frame["figure"] == "accuracy") & (frame["class"] == "")]
            whole = evaluation.get("accuracy").value
            name = "".join(c if c.isalnum() else "_" for c in part.column)
            yield f"by_{name}", subgroup_figure(accuracy, part.column, whole)

    def write(self, folder: Path) -> None:
        """Write predictions, figures and drawings into a new folder, all of it or nothing."""
        with arriving(folder) as made:
            self.predictions.to_csv(made / PREDICTIONS, index=False)
            self.evaluation.frame().to_csv(made / FIGURES_TABLE, index=False)
            if self.parts:
                frames = [part.frame() for part in self.parts]
                pd.concat(frames).to_csv(made / SUBGROUPS_TABLE, index=False)
            text = json.dumps(self.record(), indent=2, ensure_ascii=False, allow_nan=False)
            (made / METRICS).write_text(text + "\n", encoding="utf-8")
            for name, figure in self.figures():
                figure.savefig(made / f"{name}.png", dpi=150)

    def _area(self, name: str) -> Estimate:
        return self.evaluation.get("auroc", name)

    def _point(self, names: list[str]) -> tuple[tuple[float, float] | None, str]:
        """Return where the operating point of the only curve lies, and its name."""
        operated = next((o for o in self.operated if o.point.class_name in names), None)
        if operated is None or len(names) != 1:
            return None, ""
        found, spared = operated.get("sensitivity").value, operated.get("specificity").value
        return (1 - spared, found), f"threshold {operated.point.threshold:.2f}"

    def _reliability(self, yes: Array) -> Figure:
        def curve(p: Array) -> pd.DataFrame:
            if self.evaluation.multilabel:
                each = np.repeat(pd.factorize(self.groups)[0], yes.shape[1])
                return reliability(yes.ravel(), p.ravel(), each)
            right = p.argmax(axis=1) == self.targets
            return reliability(right, p.max(axis=1), pd.factorize(self.groups)[0])

        after = None
        if self.temperature is not None and self.temperature.fitted:
            after = curve(self.temperature.apply(self.probabilities, self.evaluation.multilabel))
        labels = self.evaluation.multilabel
        what = "probability of each label" if labels else "probability of the answer given"
        return reliability_figure(curve(self.probabilities), after, self.evaluation.n, what)
