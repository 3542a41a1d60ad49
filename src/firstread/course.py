"""A training's course, from a plan to a judged classifier in its run folder."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from firstread.auditing import Audit, Finding
from firstread.auditing.label_errors import label_errors
from firstread.backbones import Network, Origin
from firstread.classifier import Classifier
from firstread.crossvalidating import crossvalidating, permuting
from firstread.datasets import Dataset
from firstread.events import Event, Ready, Result
from firstread.evidence.crossvalidation import CrossValidation
from firstread.evidence.permutation import Control
from firstread.judging import judging
from firstread.learning import (
    ALL,
    HERE,
    Advice,
    Epoch,
    Executor,
    Material,
    Plan,
    RangeTest,
    Trial,
    advise,
    learn,
    network_of,
    settle_precision,
    settled,
)
from firstread.progress import Step, returned
from firstread.recording import Recorder
from firstread.run import CHECKPOINT, Run

_FOLDS = 5


@dataclass(frozen=True)
class Course:
    """What a training's course needs from its start to its end.

    Parameters
    ----------
    material
        Of a data set in parts, without files that can't be read.
    recorder
        Of the run folder.
    audit
        Of the data, if it was asked for.
    given
        The user's own choices, by the names of `Plan`.
    budget
        Seconds for the comparison of strategies.
    executor
        Who does the work.
    """

    material: Material
    recorder: Recorder
    audit: Audit | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    budget: float | None = None
    executor: Executor = HERE

    def run(self, plan: Plan, made: tuple[Network, Origin]) -> Generator[Event, None, Result]:
        """Compare strategies where the plan asks for it, train, save, and judge what is saved."""
        recorder, material = self.recorder, self.material
        if self.audit is not None:
            recorder.audit(self.audit)
        ready: Ready | None = None
        saved = recorder.draft.path(CHECKPOINT)
        work = trained(plan, made, material, saved, self.given, self.budget, self.executor)
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                classifier: Classifier = end.value
                break
            record = _RECORDS.get(type(event))
            if record is not None:
                record(recorder, event)
            if isinstance(event, Advice) and self.audit is not None:
                recorder.audit(self.audit.updated(_doubts(event, material.dataset)))
            if isinstance(event, Ready):
                ready = event
                recorder.plan(event.plan, event.origin)
            if isinstance(event, RangeTest) and ready is not None:
                recorder.plan(replace(ready.plan, lr=event.chosen, find_lr=False))
            yield event
        assert ready is not None
        classifier.save(recorder.draft.folder)
        classifier = Classifier.load(recorder.draft.folder)
        traces = self.audit.traces if self.audit is not None else None
        judgement = yield from judging(classifier, ready.plan, material, traces)
        recorder.judged(material.dataset, judgement)
        return Result(Run(recorder.draft.folder), judgement.metrics, judgement.ladder)


def trained(
    plan: Plan,
    made: tuple[Network, Origin],
    material: Material,
    saved: Path | None,
    given: Mapping[str, Any],
    budget: float | None,
    executor: Executor = HERE,
) -> Generator[Event, None, Classifier]:
    """Compare strategies where a plan asks for it, and train; return the classifier.

    Parameters
    ----------
    plan, made
        As planned, and its network with where the weights came from.
    material
        Of a data set with the parts `train` and `val`.
    saved
        Where the state is saved, and gone on from if it is there.
    given
        The user's own choices.
    budget
        Seconds for the comparison.
    executor
        Who does the work.
    """
    network, origin = made
    dataset = material.dataset
    if plan.strategy == "auto" or plan.stage == ALL:
        options: dict[str, Any] = {"budget": budget, "share": executor.share}
        advice: Advice = yield from advise(plan, network, material, **options)
        yield advice
        plan = settled(plan, dict(advice.chosen.choices), given)
        network, origin = network_of(plan, len(dataset.classes))
    plan = settle_precision(plan, network)
    material = replace(material, precision=plan.precision)
    yield Ready(plan, origin, sum(p.numel() for p in network.parameters()))
    yield from learn(network, plan, material, saved, executor.train)
    network.drop_auxiliary()
    network = network.to("cpu").eval()
    several = dataset.multilabel
    return Classifier(network, dataset.classes, plan.head, origin, several, plan.slices)


_RECORDS: Mapping[type, Any] = {
    Advice: Recorder.advice,
    Epoch: Recorder.epoch,
    Trial: Recorder.trial,
    RangeTest: Recorder.range_test,
}


def _doubts(advice: Advice, dataset: Dataset) -> Finding:
    """Return the labels that are likely wrong, by what a probe said out of fold."""
    held_out = advice.held_out
    if held_out is None or dataset.multilabel:
        return Finding("LABEL-ERROR", "not applicable", "Images may have several labels.")
    return label_errors(
        dataset.classes,
        held_out.targets,
        held_out.probabilities,
        held_out.paths,
        f"the cross-validated {held_out.name}",
    )


def repetitions(
    course: Course, plan: Plan, folds: int, repeats: int, permute: int
) -> Iterator[Generator[Step, None, CrossValidation | Control]]:
    """Yield the repetitions that were asked for, each as work to be done.

    Parameters
    ----------
    course
        Of the training that is repeated.
    plan
        As it was before anything was settled.
    folds, repeats, permute
        As of `training`.
    """
    given, budget = course.given, course.budget

    def procedure(material: Material) -> npt.NDArray[Any]:
        made = network_of(plan, len(material.dataset.classes))
        classifier = returned(trained(plan, made, material, None, given, budget))
        answers: npt.NDArray[Any] = classifier.predict_proba(material.dataset.part("test").paths)
        return answers

    known = (course.material, procedure)
    options: dict[str, Any] = {"seed": plan.seed, "share": course.executor.share}
    if folds:
        yield crossvalidating(*known, count=folds, repeats=repeats, **options)
    if permute:
        yield permuting(*known, count=folds or _FOLDS, times=permute, **options)
