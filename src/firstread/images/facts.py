"""What a file's header says beside its pixels: whose it is, how many images, in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_dict, keyword_for_tag, tag_for_keyword

from firstread.errors import ImageError, UsageError, unknown
from firstread.images import nifti
from firstread.images.frames import MAX_FRAMES, holder
from firstread.images.headers import integer, numbers, opened, text
from firstread.images.kinds import kind_of

KEYS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "IssuerOfPatientID",
)
"""What joins files with each other and with tables. They name patients: they are never shown."""

# Value representations that hold names, dates, times and UIDs, or no plain values at all.
_REFUSED_VR = frozenset(
    ("PN", "DA", "DT", "TM", "UI", "SQ", "OB", "OW", "OD", "OF", "OL", "OV", "UN", "UR")
)
_REFUSED = frozenset(
    {
        *KEYS,
        "AdditionalPatientHistory",
        "AdmissionID",
        "CountryOfResidence",
        "FillerOrderNumberImagingServiceRequest",
        "ImageComments",
        "MedicalRecordLocator",
        "MilitaryRank",
        "OtherPatientIDs",
        "PatientAddress",
        "PatientComments",
        "PatientInsurancePlanCodeSequence",
        "PatientTelephoneNumbers",
        "PersonAddress",
        "PersonTelephoneNumbers",
        "PlacerOrderNumberImagingServiceRequest",
        "RegionOfResidence",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "StudyComments",
        "StudyID",
        "VisitComments",
    }
)


@dataclass(frozen=True)
class Facts:
    """What is known of one file.

    Parameters
    ----------
    kind
        `dicom` or `nifti`.
    order
        The numbers of its images, sorted by where they lie: from feet to head, right to left or
        front to back, whichever they are stacked along.
    position
        Where a single image lies along its normal, in mm; its instance number where the header
        gives no position; None where it gives neither.
    keys
        Those of `KEYS` that the header has. Not to be shown or written.
    tags
        The elements asked for, as text; empty where the header lacks one.
    """

    kind: str
    order: tuple[int, ...] = (1,)
    position: float | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)


def facts(path: Path, tags: Sequence[str] = ()) -> Facts | None:
    """Read what a DICOM or NIfTI header says.

    Parameters
    ----------
    path
        The file. Of any other kind, or damaged, it gives None: the damage is named when the
        pixels are read.
    tags
        Keywords, as `keyword` gives them.
    """
    kind = kind_of(path)
    try:
        if kind == "nifti":
            return Facts(kind, tuple(range(1, nifti.slices(path) + 1)))
        if kind == "dicom":
            with opened(path) as header:
                return _of_dicom(header.dataset, tags)
    except ImageError:
        return None
    return None


def _of_dicom(dataset: Dataset, tags: Sequence[str]) -> Facts:
    count = integer(dataset, "NumberOfFrames", 1) or 1
    count = count if 0 < count <= MAX_FRAMES else 1  # What is wrong with it is named when read.
    keys = {name: text(dataset, name) for name in KEYS}
    first = _position(dataset, 1)
    order = tuple(range(1, count + 1))
    if count > 1 and first is not None:
        places = [_position(dataset, number) for number in order]
        if None not in places:
            order = tuple(int(place) + 1 for place in np.argsort(np.array(places), kind="stable"))
    instance = integer(dataset, "InstanceNumber")
    return Facts(
        "dicom",
        order,
        first if first is not None or instance is None else float(instance),
        {name: value for name, value in keys.items() if value},
        {name: _shown(dataset, name) for name in tags},
    )


def _position(dataset: Dataset, number: int) -> float | None:
    """Return where a frame lies along its normal (PS3.3 C.7.6.2.1.1), in mm."""
    origin = numbers(holder(dataset, number, "ImagePositionPatient"), "ImagePositionPatient")
    axes = numbers(holder(dataset, number, "ImageOrientationPatient"), "ImageOrientationPatient")
    if len(origin) != 3 or len(axes) != 6:
        return None
    normal = np.cross(axes[:3], axes[3:])
    # Stacks may be turned round; what counts is the body's axis that they go along.
    along = int(np.argmax(np.abs(normal)))
    return float(np.dot(origin, normal) * (np.sign(normal[along]) or 1.0))


def _shown(dataset: Dataset, name: str) -> str:
    value = dataset.get(name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\\".join(str(each) for each in value)
    return "" if value is None else str(value).strip()


def keyword(name: str) -> str:
    """Return the keyword of an element that a user named, by keyword or number.

    Parameters
    ----------
    name
        As `Manufacturer`, or `0008,0070` in hexadecimal digits, with or without brackets.

    Raises
    ------
    UsageError
        If the standard has no such element, or it may name a patient or a date.

    Examples
    --------
    >>> keyword("0008,0070")
    'Manufacturer'
    """
    digits = name.strip("() ").replace(",", "").replace(" ", "")
    found = name.strip()
    if len(digits) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
        found = keyword_for_tag(int(digits, 16))
    tag = tag_for_keyword(found) if found else None
    if tag is None:
        raise unknown_tag(name)
    if found in _REFUSED or dictionary_VR(tag).split()[0] in _REFUSED_VR:
        raise UsageError(
            f"--column {name}: {found} may name a patient or a date, or is no plain value, and "
            "is not kept; choose another, such as Manufacturer or PatientSex"
        )
    return found


def unknown_tag(name: str) -> UsageError:
    """Build the error for a tag that isn't known, with the close ones but not all 5,000."""
    text_ = str(unknown("DICOM tag", name, keyword_dict))
    return UsageError(
        f"{text_[: text_.index(' All: ')]} Write a keyword as Manufacturer or its number as "
        "0008,0070."
    )
