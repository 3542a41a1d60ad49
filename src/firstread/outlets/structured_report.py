"""Results as structured reports that archives and viewers understand.

One report an image: Enhanced SR (PS3.3 A.35.2), Measurement Report (PS3.16 TID 1500), made by
highdicom. The patient's and study's elements are those of the image; highdicom, whose messages may
quote values, never sees them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import UID, CTImageStorage

from firstread.outlets.answer import Answer
from firstread.outlets.extra import missing
from firstread.outlets.model import SCHEME, Code, Model
from firstread.outlets.source import NOWHERE, Source, date, stand_in

try:
    from highdicom import sr
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
except ModuleNotFoundError as error:
    raise missing(error) from None

NOT_FOR_DIAGNOSIS = "Not for diagnosis"
SERIES_NUMBER = 9001

_REPORT, _SERIES = "structured report", "series of structured reports"
_PERCENT = Code("%", "UCUM", "Percent")
_CERTAINTY = Code("111012", "DCM", "Certainty of Finding")
_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")  # CID 100
_DEVICE = Code("121007", "DCM", "Device")  # CID 270
_PRESENCE = Code("presence", SCHEME, "Present at a probability of one half")
_PRESENT = {
    True: Code("52101004", "SCT", "Present"),  # CID 240
    False: Code("2667000", "SCT", "Absent"),
}


def structured_report(
    source: Source, answers: Sequence[Answer], model: Model, now: datetime | None = None
) -> Dataset:
    """Report on one image; for many of one model, `Reports` is faster.

    Parameters
    ----------
    source
        The image.
    answers
        What the model says of it; of each of its frames that was looked at.
    model
        Who answers.
    now
        When; now, if not given.
    """
    return Reports(model).report(source, answers, now)


class Reports:
    """Makes the reports of one model.

    The finding is the label's code, `Certainty of Finding` its probability in percent (UCUM);
    the other classes' probabilities stand beside it under codes of firstread's own. Where an image
    may have several labels, each class is a finding with its probability, present or absent. The
    observer is a device: the run, whose serial number is the SHA-256 of its weights.

    highdicom takes 25 ms to build a report. Those of one model and label differ in a few values
    alone, so that it builds each kind once, and the values are put into a copy.

    Parameters
    ----------
    model
        Who answers.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._forms: dict[Hashable, bytes] = {}
        names = (code.meaning for code in model.codes.values())
        self._words = "".join((model.run, model.network, *names, *model.classes))

    def report(
        self, source: Source, answers: Sequence[Answer], now: datetime | None = None
    ) -> Dataset:
        """Report on one image.

        Parameters
        ----------
        source
            The image.
        answers
            What the model says of it; of each of its frames that was looked at.
        now
            When; now, if not given.

        Returns
        -------
        dataset
            Its SOP instance UID is the same for the same image and model at any time.
        """
        groups = [group for answer in answers for group in _groups(source, answer, self._model)]
        report = dcmread(BytesIO(self._form(groups)))
        uid = UID(self._model.uid(_REPORT, source.instance))
        report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = uid
        report.SeriesInstanceUID = self._model.uid(_SERIES, source.series)
        report.InstanceNumber = source.number
        now = now or datetime.now()
        report.ContentDate, report.ContentTime = now.date(), now.time()
        date(report, now)
        (study,) = report.CurrentRequestedProcedureEvidenceSequence
        (series,) = study.ReferencedSeriesSequence
        study.StudyInstanceUID, series.SeriesInstanceUID = source.study, source.series
        _refer(series, source)
        for group, item in zip(groups, report.ContentSequence[-1].ContentSequence, strict=True):
            _fill(item, group, source)
        source.give_context(report, self._words)
        return report

    def _form(self, groups: Sequence[_Group]) -> bytes:
        """Return a report of the same kind about no image."""
        key = tuple(group.kind for group in groups)
        if key not in self._forms:
            file = BytesIO()
            _built(groups, self._model).save_as(file, enforce_file_format=True)
            self._forms[key] = file.getvalue()
        return self._forms[key]


@dataclass(frozen=True)
class _Group:
    """A measurement group to be.

    Parameters
    ----------
    label
        The finding.
    scores
        Names and probabilities, 0 to 1.
    present
        Whether it is there, where each class is judged by itself.
    frame
        Of a multi-frame image.
    tracking
        UID of the finding.
    """

    label: str
    scores: tuple[tuple[Code, float], ...]
    present: bool | None
    frame: int | None
    tracking: str

    @property
    def kind(self) -> Hashable:
        """What two groups share that differ in nothing but values."""
        return self.label, self.present, self.frame is None


def _groups(source: Source, answer: Answer, model: Model) -> Iterator[_Group]:
    scores = dict(zip(model.classes, answer.probabilities, strict=True))
    frame = None if source.frames == 1 else answer.frame or 1
    named = source.instance if frame is None else f"{source.instance}|{frame}"
    if model.multilabel:
        for label, score in scores.items():
            uid = model.uid(f"finding {label}", named)
            yield _Group(label, ((_CERTAINTY, score),), label in answer.labels, frame, uid)
        return
    (label,) = answer.labels
    others = (
        (Code.of_label(name, "P", f"Probability of {name}"), score)
        for name, score in scores.items()
        if name != label
    )
    uid = model.uid(f"finding {label}", named)
    yield _Group(label, ((_CERTAINTY, scores[label]), *others), None, frame, uid)


def _fill(item: Dataset, group: _Group, source: Source) -> None:
    """Put the values of a measurement group into one of its kind."""
    numbers = iter(group.scores)
    for content in item.ContentSequence:
        if content.ValueType == "UIDREF":
            content.UID = group.tracking
        elif content.ValueType == "NUM":
            (measured,) = content.MeasuredValueSequence
            measured.NumericValue = measured.FloatingPointValue = _percent(next(numbers)[1])
        elif content.ValueType == "IMAGE":
            _refer(content, source, group.frame)


def _refer(item: Dataset, source: Source, frame: int | None = None) -> None:
    (reference,) = item.ReferencedSOPSequence
    reference.ReferencedSOPClassUID = source.sop_class
    reference.ReferencedSOPInstanceUID = source.instance
    if frame is not None:
        reference.ReferencedFrameNumber = frame


def _percent(score: float) -> float:
    """Round as DS can hold it (PS3.5 6.2); four decimals of a percent are more than is known."""
    return round(100 * score, 4)


def _built(groups: Sequence[_Group], model: Model) -> Dataset:
    """Let highdicom build a report."""
    content = sr.MeasurementReport(
        observation_context=_observer(model),
        procedure_reported=_concept(_PROCEDURE),
        title=_concept(Code("126000", "DCM", "Imaging Measurement Report")),  # CID 7021
        imaging_measurements=[_measurements(group, model) for group in groups],
    )
    scheme = CodingSchemeIdentificationItem(
        SCHEME, "Labels of classifiers trained by firstread", responsible_organization="firstread"
    )
    report = sr.EnhancedSR(
        evidence=[stand_in()],
        content=content,
        series_instance_uid=NOWHERE,
        series_number=SERIES_NUMBER,
        sop_instance_uid=NOWHERE,
        instance_number=1,
        manufacturer="firstread",
        manufacturer_model_name=model.network[:64],
        software_versions=model.version,
        device_serial_number=model.weights,
        is_complete=True,
        series_description=f"firstread: {NOT_FOR_DIAGNOSIS.lower()}",
        coding_schemes=[scheme],
    )
    report.SpecificCharacterSet = "ISO_IR 192"
    return report


def _observer(model: Model) -> sr.ObservationContext:
    """Describe the training run as a device (TID 1002, 1004)."""
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=model.uid("device", ""),
        name=model.run,
        manufacturer_name="firstread",
        model_name=model.network,
        serial_number=model.weights,
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(_concept(_DEVICE), device)
    )


def _measurements(group: _Group, model: Model) -> sr.MeasurementsAndQualitativeEvaluations:
    """Let highdicom build a measurement group (TID 1501)."""
    frames = None if group.frame is None else [group.frame]
    evaluations = [
        sr.QualitativeEvaluation(_concept(_PRESENCE), _concept(_PRESENT[present]))
        for present in (group.present,)
        if present is not None
    ]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=group.tracking, identifier=f"{model.run}: {group.label}"
        ),
        algorithm_id=_algorithm(model),
        finding_type=_concept(model.codes[group.label]),
        source_images=[sr.SourceImageForMeasurementGroup(CTImageStorage, NOWHERE, frames)],
        measurements=[
            sr.Measurement(_concept(name), _percent(score), _concept(_PERCENT))
            for name, score in group.scores
        ],
        qualitative_evaluations=evaluations,
    )


def _algorithm(model: Model) -> sr.AlgorithmIdentification:
    """Name the model (TID 4019)."""
    return sr.AlgorithmIdentification(
        name=f"firstread {model.network}",
        version=model.version,
        manufacturer="firstread",
        parameters=[
            f"run: {model.run}",
            f"SHA-256 of the weights: {model.weights}",
            f"classes: {', '.join(model.classes)}",
            NOT_FOR_DIAGNOSIS,
        ],
    )


def _concept(code: Code) -> sr.CodedConcept:
    return sr.CodedConcept(code.value, code.scheme, code.meaning)
