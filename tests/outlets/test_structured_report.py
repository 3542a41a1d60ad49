from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from highdicom.sr import srread
from pydicom.data import get_testdata_file

from firstread.errors import ImageError
from firstread.outlets.answer import Answer
from firstread.outlets.model import Code, Model
from firstread.outlets.source import Source
from firstread.outlets.structured_report import structured_report
from firstread.outlets.writing import save

Ct = Callable[..., Path]
Errors = Callable[[Path], list[str]]
NOW = datetime(2026, 11, 25, 12, 0, 0)


def report(path: Path, model: Model, *answers: Answer) -> pydicom.Dataset:
    answers = answers or (Answer(path, ("chst",), (0.0312, 0.9688)),)
    return structured_report(Source.of(path), answers, model, NOW)


def test_dcmtk_reads_the_finding_the_probability_and_who_says_so(
    ct: Ct, model: Model, dsrdump: Callable[[Path], str], tmp_path: Path
) -> None:
    path = ct()
    save(report(path, model), tmp_path / "sr.dcm")
    text = dsrdump(tmp_path / "sr.dcm")
    for line in (
        'CODE:(,,"Finding")=(chst,99FIRSTREAD,"chst")',
        'NUM:(,,"Certainty of Finding")="96.88" (%,UCUM,"Percent")',
        'NUM:(,,"Probability of abd")="3.12" (%,UCUM,"Percent")',
        'TEXT:(,,"Algorithm Name")="firstread mobilenet_v2"',
        'TEXT:(,,"Algorithm Version")="0.1.0"',
        f'TEXT:(,,"Algorithm Parameters")="SHA-256 of the weights: {"ab12" * 16}"',
        'TEXT:(,,"Algorithm Parameters")="run: RUN-7"',
        'TEXT:(,,"Device Observer Name")="RUN-7"',
        'IMAGE:(,,"Source of Measurement")=(CT image,)',
    ):
        assert line in text
    assert "Doe^Jane" in text


def test_it_is_filed_under_the_image_s_patient_and_study(ct: Ct, model: Model) -> None:
    path = ct(AccessionNumber="A-1", PatientBirthDate="19500101", IssuerOfPatientID="HOSPITAL")
    image, made = pydicom.dcmread(path), report(path, model)
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID"),
        *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
        *("PatientAge", "PatientWeight"),
    ):
        assert made[keyword].value == image[keyword].value
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    (instance,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == image.StudyInstanceUID
    assert series.SeriesInstanceUID == image.SeriesInstanceUID != made.SeriesInstanceUID
    assert instance.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert instance.ReferencedSOPClassUID == image.SOPClassUID
    assert (made.VerificationFlag, made.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")


def test_highdicom_reads_it_as_a_measurement_report(ct: Ct, model: Model, tmp_path: Path) -> None:
    path = ct()
    save(report(path, model), tmp_path / "sr.dcm")
    (group,) = srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()
    assert group.finding_type.value == "chst"
    assert [found.value for found in group.get_measurements()] == [96.88, 3.12]
    assert group.source_images[0].referenced_sop_instance_uid == Source.of(path).instance


def test_the_same_image_and_model_give_the_same_object(ct: Ct, model: Model) -> None:
    first, second = ct("a.dcm"), ct("b.dcm")
    assert report(first, model) == report(first, model)
    one, other = report(first, model), report(second, model)
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID == other.SeriesInstanceUID
    retrained = replace(model, weights="cd34" * 16)
    assert report(first, retrained).SOPInstanceUID != one.SOPInstanceUID
    assert pydicom.uid.UID(one.SOPInstanceUID).is_valid


def test_each_frame_that_was_looked_at_is_a_group(
    model: Model, dciodvfy: Errors, tmp_path: Path
) -> None:
    path = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    answers = [
        Answer(path.with_name(f"{path.name}#frame={number}"), ("abd",), (0.6, 0.4))
        for number in (3, 17)
    ]
    save(report(path, model, *answers), tmp_path / "sr.dcm")
    groups = srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()
    frames = [group.source_images[0].referenced_frame_numbers for group in groups]
    assert frames == [[3], [17]]
    assert dciodvfy(tmp_path / "sr.dcm") == []


def test_where_several_labels_may_hold_each_is_present_or_absent(
    ct: Ct, model: Model, dsrdump: Callable[[Path], str], dciodvfy: Errors, tmp_path: Path
) -> None:
    path = ct()
    made = report(path, replace(model, multilabel=True), Answer(path, ("chst",), (0.2, 0.7)))
    save(made, tmp_path / "sr.dcm")
    text = dsrdump(tmp_path / "sr.dcm")
    assert text.count("Measurement Group") == 2
    assert text.index('(2667000,SCT,"Absent")') < text.index('(52101004,SCT,"Present")')
    assert text.index('"20.0"') < text.index('"70.0"')
    assert dciodvfy(tmp_path / "sr.dcm") == []


def test_labels_in_any_script_and_of_any_length(
    ct: Ct, model: Model, dsrdump: Callable[[Path], str], dciodvfy: Errors, tmp_path: Path
) -> None:
    """The image's name is in Latin-1; the report then is in UTF-8, name and all."""
    labels = ("Перелом", "a label that is longer than a short string of DICOM \\ " * 2)
    codes = {name: Code.of_label(name) for name in labels}
    path = ct(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    made = report(
        path, replace(model, classes=labels, codes=codes), Answer(path, labels[:1], (0.9, 0.1))
    )
    save(made, tmp_path / "sr.dcm")
    assert 'Finding")=(L' in (text := dsrdump(tmp_path / "sr.dcm"))
    assert "Перелом" in text
    read = pydicom.dcmread(tmp_path / "sr.dcm")
    assert (read.SpecificCharacterSet, str(read.PatientName)) == ("ISO_IR 192", "Müller^Jörg")
    assert dciodvfy(tmp_path / "sr.dcm") == []


SHIPPED = (
    *("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "693_J2KI.dcm", "RG1_UNCI.dcm"),
    *("examples_palette.dcm", "examples_rgb_color.dcm", "SC_rgb.dcm", "eCT_Supplemental.dcm"),
    *("emri_small.dcm", "US1_UNCI.dcm", "MR2_J2KI.dcm"),
)


@pytest.mark.parametrize("name", SHIPPED)
def test_dciodvfy_finds_no_error_that_the_image_hasn_t(
    name: str, model: Model, dciodvfy: Errors, dsrdump: Callable[[Path], str], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of what the image's own elements break.
        path = get_testdata_file(name, download=False)
        if path is None:
            pytest.skip(f"pydicom-data has no {name}")
        image = Path(str(path))
        answer = Answer(image, ("chst",), (0.1, 0.9))
        save(report(image, model, answer), tmp_path / "sr.dcm")
    assert set(dciodvfy(tmp_path / "sr.dcm")) <= set(dciodvfy(image))
    assert "Certainty of Finding" in dsrdump(tmp_path / "sr.dcm")


def test_an_image_without_a_study_can_t_be_reported_on(ct: Ct, model: Model) -> None:
    with pytest.raises(ImageError, match="has no valid StudyInstanceUID"):
        Source.of(ct(StudyInstanceUID=""))
    with pytest.raises(ImageError, match="does not exist"):
        Source.of(Path("no/such/file"))


def test_values_that_break_the_standard_are_kept_and_never_quoted(ct: Ct, model: Model) -> None:
    """highdicom quotes names without a caret in its warnings, and refuses an unknown sex."""
    path = ct()
    raw = path.read_bytes().replace(b"Doe^Jane", b"Moriarty")
    path.write_bytes(raw.replace(b"CS\x02\x00O ", b"CS\x02\x00Q "))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = report(path, model)
    assert not [line for line in caught if "Moriarty" in str(line.message)]
    assert (str(made.PatientName), made.PatientSex) == ("Moriarty", "Q")
    assert "Moriarty" not in repr(Source.of(path))
