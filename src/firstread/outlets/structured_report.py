"""Results as structured reports that archives and viewers understand.

One report an image: Enhanced SR (PS3.3 A.35.2), Measurement Report (PS3.16 TID 1500), made by
highdicom. The patient's and study's elements are those of the image; highdicom, whose messages may
quote values, never sees them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydicom import Dataset

from firstread.outlets.answer import Answer
from firstread.outlets.extra import missing
from firstread.outlets.model import SCHEME, Code, Model
from firstread.outlets.source import Source, date

try:
    from highdicom import sr
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
except ModuleNotFoundError as error:
    raise missing(error) from None

NOT_FOR_DIAGNOSIS = "Not for diagnosis"
SERIES_NUMBER = 9001

_REPORT = "structured report"
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
    """Report on one image.

    The finding is the label's code, `Certainty of Finding` its probability in percent (UCUM);
    the other classes' probabilities stand beside it under codes of firstread's own. Where an image
    may have several labels, each class is a finding with its probability, present or absent. The
    observer is a device: the run, whose serial number is the SHA-256 of its weights.

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

    Returns
    -------
    dataset
        Its SOP instance UID is the same for the same image and model at any time.
    """
    now = now or datetime.now()
    content = sr.MeasurementReport(
        observation_context=_observer(model),
        procedure_reported=_concept(_PROCEDURE),
        title=_concept(Code("126000", "DCM", "Imaging Measurement Report")),  # CID 7021
        imaging_measurements=[
            group for answer in answers for group in _groups(source, answer, model)
        ],
    )
    scheme = CodingSchemeIdentificationItem(
        SCHEME, "Labels of classifiers trained by firstread", responsible_organization="firstread"
    )
    report = sr.EnhancedSR(
        evidence=[source.bare()],
        content=content,
        series_instance_uid=model.uid("series of structured reports", source.series),
        series_number=SERIES_NUMBER,
        sop_instance_uid=model.uid(_REPORT, source.instance),
        instance_number=source.number,
        manufacturer="firstread",
        manufacturer_model_name=model.network[:64],
        software_versions=model.version,
        device_serial_number=model.weights,
        is_complete=True,
        series_description=f"firstread: {NOT_FOR_DIAGNOSIS.lower()}",
        coding_schemes=[scheme],
        content_date=now.date(),
        content_time=now.time(),
    )
    date(report, now)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    study.ReferencedSeriesSequence[0].ReferencedSOPSequence[
        0
    ].ReferencedSOPClassUID = source.sop_class
    words = [model.run, *(code.meaning for code in model.codes.values())]
    source.give_context(report, "".join((*words, *model.classes)))
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


def _groups(
    source: Source, answer: Answer, model: Model
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """Make the measurement groups (TID 1501) of one image or frame."""
    scores = dict(zip(model.classes, answer.probabilities, strict=True))
    if model.multilabel:
        for label, score in scores.items():
            present = sr.QualitativeEvaluation(
                _concept(_PRESENCE), _concept(_PRESENT[label in answer.labels])
            )
            yield _group(source, answer, model, label, [(_CERTAINTY, score)], [present])
        return
    (label,) = answer.labels
    others = [
        (Code.of_label(name, "P", f"Probability of {name}"), score)
        for name, score in scores.items()
        if name != label
    ]
    yield _group(source, answer, model, label, [(_CERTAINTY, scores[label]), *others], [])


def _group(
    source: Source,
    answer: Answer,
    model: Model,
    label: str,
    scores: Sequence[tuple[Code, float]],
    evaluations: Sequence[sr.QualitativeEvaluation],
) -> sr.MeasurementsAndQualitativeEvaluations:
    frames = None if source.frames == 1 else [answer.frame or 1]
    named = source.instance if frames is None else f"{source.instance}|{frames[0]}"
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=model.uid(f"finding {label}", named), identifier=f"{model.run}: {label}"
        ),
        algorithm_id=_algorithm(model),
        finding_type=_concept(model.codes[label]),
        source_images=[
            sr.SourceImageForMeasurementGroup(source.sop_class, source.instance, frames)
        ],
        # DS holds 16 letters (PS3.5 6.2); four decimals of a percent are more than is known.
        measurements=[
            sr.Measurement(_concept(name), round(100 * score, 4), _concept(_PERCENT))
            for name, score in scores
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
