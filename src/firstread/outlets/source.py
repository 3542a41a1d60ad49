"""The image that a result is about: what the result repeats of its header."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID, CTImageStorage

from firstread.errors import ImageError
from firstread.images import kind_of
from firstread.images.headers import integer, opened, text

# Patient, General Study, Patient Study, Clinical Trial Subject and Study modules (PS3.3 C.7.1.1,
# C.7.2.1, C.7.2.2, C.7.1.3, C.7.2.3): what lets an archive file a result under its study.
_CONTEXT = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"),
    *("TypeOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientSex"),
    *("OtherPatientIDsSequence", "EthnicGroup", "PatientSpeciesDescription"),
    *("PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence"),
    *("BreedRegistrationSequence", "ResponsiblePerson", "ResponsiblePersonRole"),
    *("ResponsibleOrganization", "PatientIdentityRemoved", "DeidentificationMethod"),
    *("DeidentificationMethodCodeSequence", "QualityControlSubject"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID"),
    *("AccessionNumber", "IssuerOfAccessionNumberSequence", "StudyDescription"),
    *("ProcedureCodeSequence", "PatientAge", "PatientSize", "PatientWeight"),
    *("PatientSexNeutered", "AdmissionID", "IssuerOfAdmissionIDSequence"),
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName"),
    *("ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID"),
    *("ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID"),
    *("LongitudinalTemporalInformationModified",),
)
# Type 2 in those modules: there, and empty where the image has none.
_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_READ = [
    tag
    for name in (
        *_CONTEXT,
        *_NEEDED,
        *("SpecificCharacterSet", "InstanceNumber", "LossyImageCompression"),
        *("LossyImageCompressionRatio", "LossyImageCompressionMethod", "PatientOrientation"),
        *("Laterality", "NumberOfFrames"),
    )
    if (tag := tag_for_keyword(name)) is not None
]


NOWHERE = "2.25.0"
"""A UID of nothing (PS3.5 B.2)."""


@dataclass(frozen=True)
class Source:
    """An image that a result is about. Nothing of it is shown when it is printed.

    Parameters
    ----------
    path
        The file.
    sop_class, instance, series, study
        UIDs.
    number
        Instance number; 1 where the header gives none from 1 on.
    frames
        How many frames it has.
    header
        The elements on patient and study, and those that say how the pixels were compressed and
        lie in the body.
    """

    path: Path
    sop_class: str = field(repr=False)
    instance: str = field(repr=False)
    series: str = field(repr=False)
    study: str = field(repr=False)
    number: int = field(repr=False)
    frames: int
    header: Dataset = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> Source:
        """Read the header of a DICOM file.

        Raises
        ------
        ImageError
            If it is no DICOM file, damaged, or doesn't say which study it belongs to. No message
            holds a value of the header.
        """
        if kind_of(path) != "dicom" and path.exists():
            raise ImageError(
                path,
                "is no DICOM file, and only those say which patient and study a DICOM result "
                "belongs to; name DICOM files, or leave --dicom-sr and --dicom-sc out",
            )
        with opened(path, _READ) as read:
            dataset = read.dataset
            found = {name: text(dataset, name) for name in _NEEDED}
            missing = [name for name, value in found.items() if not UID(value).is_valid]
            if missing:
                reason = f"has no valid {missing[0]}, which a result must refer to"
                raise ImageError(path, f"{reason}; send or export it anew")
            number = integer(dataset, "InstanceNumber", 1) or 1
            frames = integer(dataset, "NumberOfFrames", 1) or 1
            # Converts every element, while whatever goes wrong with one becomes an ImageError.
            dataset.walk(lambda _, element: None)
        uids = (found[name] for name in _NEEDED)
        sop_class, instance, study, series = uids
        return cls(
            *(path, sop_class, instance, series, study),
            number=max(1, min(number, 2**31 - 1)),
            frames=max(1, frames),
            header=dataset,
        )

    def give_context(self, result: Dataset, words: str) -> None:
        """Put patient and study into a result.

        Parameters
        ----------
        result
            Has texts of firstread's own only.
        words
            Those texts. Where they need letters that the image's character set may lack, the
            result is in UTF-8 (ISO_IR 192, PS3.3 C.12.1.1.2).
        """
        # What breaks the standard in the image goes into the result as it stands, so that the
        # archive finds the same patient.
        for name in _EMPTY:
            setattr(result, name, "")
        for name in _CONTEXT:
            if name in self.header:
                result[name] = self.header[name]
        own = self.header.get("SpecificCharacterSet")
        if "SpecificCharacterSet" in result:
            del result.SpecificCharacterSet
        if not words.isascii():
            result.SpecificCharacterSet = "ISO_IR 192"
        elif own:
            result.SpecificCharacterSet = own


def date(result: Dataset, now: datetime) -> None:
    """Put one moment of making into all the elements of a result that highdicom dates."""
    result.InstanceCreationDate, result.InstanceCreationTime = now.date(), now.time()
    if "DateOfSecondaryCapture" in result:
        result.DateOfSecondaryCapture, result.TimeOfSecondaryCapture = now.date(), now.time()
    for equipment in result.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = now


def stand_in() -> Dataset:
    """Return an image of nobody for highdicom to build results from.

    It is spared the real one, because its messages may quote values, and because it refuses
    images of classes that it doesn't know, and values that break the standard.
    """
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, NOWHERE
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = NOWHERE
    for name in _EMPTY:
        setattr(dataset, name, None)
    return dataset
