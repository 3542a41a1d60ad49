"""Writes what happens in a training into its run folder, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from firstread.auditing import Audit
from firstread.backbones import Origin
from firstread.datasets import Dataset
from firstread.evidence.crossvalidation import CrossValidation
from firstread.evidence.permutation import Control
from firstread.judging import Judgement
from firstread.learning import TUTORIAL_NOTES, Advice, Epoch, Plan, RangeTest, Trial
from firstread.report.figures import curves, learning_curve_figure, lr_range_figure
from firstread.run import (
    ADVICE,
    AUDIT,
    CALIBRATION,
    CASES,
    COUNTS,
    CROSSVALIDATION,
    CURVES,
    DATA,
    HISTORY,
    LADDER,
    LEARNING_CURVE,
    LR_RANGE,
    METRICS,
    OUT_OF_FOLD,
    PLAN,
    PREDICTIONS,
    SKIPPED,
    VERSIONS,
    Draft,
    versions,
)

_KEYS: Mapping[type, str] = {CrossValidation: "crossvalidation", Control: "shuffled_labels"}


@dataclass
class Recorder:
    """Takes a training's events down.

    Parameters
    ----------
    draft
        The run folder.
    """

    draft: Draft
    _history: list[dict[str, Any]] = field(default_factory=list)
    _repeated: dict[str, Any] = field(default_factory=dict)

    def start(self, dataset: Dataset, plan: Plan, skipped: tuple[str, ...], pixels: str) -> None:
        """Write what is known before anything is learned."""
        draft = self.draft
        cases_of(dataset).to_csv(draft.path(CASES), index=False)
        known = {"classes": list(dataset.classes), "multilabel": dataset.multilabel}
        draft.write_json(DATA, {"data": plan.data, **known})
        draft.write_json(VERSIONS, {**versions(), "seed": str(plan.seed)})
        counts = dataset.counts()
        counts.to_csv(draft.path(COUNTS))
        kinds = "labels, several an image" if dataset.multilabel else "classes"
        draft.log(f"{kinds}: {', '.join(dataset.classes)}")
        for split in counts:
            images = len(dataset.part(str(split)))
            draft.log(f"{split}: {images} images ({_listed(counts[split])})")
        if pixels:
            draft.log(f"pixels: {pixels}")
        if skipped:
            draft.log(f"left out: {len(skipped)} files that can't be read, in {SKIPPED}")
            draft.path(SKIPPED).write_text("\n".join(skipped) + "\n", encoding="utf-8")

    def plan(self, plan: Plan, origin: Origin | None = None) -> None:
        """Write the plan as far as it is settled."""
        plan.save(self.draft.path(PLAN))
        if origin is None:
            return
        self.draft.log(
            f"{plan.strategy} of {plan.backbone} at {plan.image_size} px, {plan.precision}"
        )
        self.draft.log(f"weights: {origin.kind} {origin.name} {origin.sha256}".rstrip())
        for note in TUTORIAL_NOTES if plan.recipe == "tutorial" else ():
            self.draft.log(f"note: {note}")

    def advice(self, advice: Advice) -> None:
        """Write the table of candidates, and the learning curve."""
        advice.frame().to_csv(self.draft.path(ADVICE), index=False)
        for sentence in advice.sentences():
            self.draft.log(sentence)
        if advice.curve is not None:
            advice.curve.frame().to_csv(self.draft.path(f"{LEARNING_CURVE}.csv"), index=False)
            curve = advice.curve
            figure = learning_curve_figure(
                curve.frame(), curve.beyond(), curve.sentence(), curve.unit
            )
            figure.savefig(self.draft.path(f"{LEARNING_CURVE}.png"), dpi=150)

    def epoch(self, epoch: Epoch) -> None:
        """Write a line of the training log."""
        self._add(asdict(epoch))
        self.draft.log(
            f"epoch {epoch.epoch}  loss {epoch.loss:.4f}  acc {epoch.acc:.4f}  "
            f"val_loss {epoch.val_loss:.4f}  val_acc {epoch.val_acc:.4f}"
        )

    def trial(self, trial: Trial) -> None:
        """Write a strength of regularisation that was tried."""
        self._add(asdict(trial))
        self.draft.log(
            f"C {trial.c:g}  loss {trial.loss:.4f}  acc {trial.acc:.4f}  "
            f"val_loss {trial.val_loss:.4f}  val_acc {trial.val_acc:.4f}"
        )

    def range_test(self, test: RangeTest) -> None:
        """Write and draw the learning-rate range test."""
        table = pd.DataFrame({"lr": test.rates, "loss": test.losses})
        table.to_csv(self.draft.path(f"{LR_RANGE}.csv"), index=False)
        figure = lr_range_figure(table, test.chosen)
        figure.savefig(self.draft.path(f"{LR_RANGE}.png"), dpi=150)
        self.draft.log(f"learning rate {test.chosen:.3g}, by a range test")

    def audit(self, audit: Audit) -> None:
        """Write what is wrong with the data."""
        self.draft.write_json(AUDIT, audit.records())
        for finding in audit.findings:
            if finding.severity in ("severe", "warning"):
                self.draft.log(f"{finding.severity}: {finding.code}")

    def judged(self, dataset: Dataset, judgement: Judgement) -> None:
        """Write predictions, figures, rivals and curves."""
        draft = self.draft
        judgement.predictions.to_csv(draft.path(PREDICTIONS), index=False)
        metrics = judgement.metrics
        draft.write_json(METRICS, {split: figures.record() for split, figures in metrics.items()})
        draft.write_json(CALIBRATION, dict(judgement.calibration))
        for split, figures in metrics.items():
            draft.log(f"{split}: {figures.sentence()}")
        if judgement.ladder is not None:
            draft.write_json(LADDER, judgement.ladder.record())
            draft.log(judgement.ladder.sentence())
        if self._history:
            counts = dataset.cases["split"].value_counts()
            figure = curves(pd.DataFrame(self._history), counts["train"], counts["val"])
            figure.savefig(draft.path(CURVES), dpi=150)

    def crossvalidated(self, found: CrossValidation | Control, paths: Sequence[str]) -> None:
        """Write what repeating the training in folds, or with shuffled labels, showed."""
        self._repeated[_KEYS[type(found)]] = found.record()
        self.draft.write_json(CROSSVALIDATION, self._repeated)
        self.draft.log(found.sentence())
        if isinstance(found, CrossValidation):
            frame = found.predictions()
            frame.insert(0, "path", [paths[place] for place in frame.pop("case")])
            frame.to_csv(self.draft.path(OUT_OF_FOLD), index=False)

    def _add(self, line: dict[str, Any]) -> None:
        self._history.append(line)
        pd.DataFrame(self._history).to_csv(self.draft.path(HISTORY), index=False)


def cases_of(dataset: Dataset) -> pd.DataFrame:
    """Return path, label, patient and split of each case, patients as mere numbers.

    Who they are is nobody's business who reads a run folder; which images belong together is.
    """
    patients = dataset.cases["patient"]
    numbers = pd.Series(pd.factorize(patients)[0], index=patients.index) + 1
    named = numbers.where(patients.notna(), 0).map(lambda n: f"p{n}" if n else "")
    return dataset.cases.assign(patient=named)[["path", "label", "patient", "split"]]


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
