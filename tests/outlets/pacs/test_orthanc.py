"""With a real archive: Orthanc, over DIMSE and DICOMweb; and dcmtk's programs as clients."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.pacs.dicomweb import Archive, pull, push
from firstread.outlets.pacs.node import Node
from firstread.outlets.pacs.send import Sender
from firstread.outlets.writing import Folders, sources, write
from firstread.progress import Step

Slices = Callable[..., Path]
PATIENT = ("Moriarty", "MRN-4711", "19010203")


def sent_by(port: int, folder: Path, title: str = "FIRSTREAD") -> subprocess.CompletedProcess[str]:
    command = ["storescu", "-aec", title, "+sd", "127.0.0.1", str(port), folder]
    return subprocess.run(command, capture_output=True, text=True)


def answered(orthanc: Any) -> Counter[str]:
    """How many reports it holds on each image."""
    found: Counter[str] = Counter()
    for tags in orthanc.instances():
        if tags["Modality"] == "SR":
            (study,) = tags["CurrentRequestedProcedureEvidenceSequence"]
            (instance,) = study["ReferencedSeriesSequence"][0]["ReferencedSOPSequence"]
            found[instance["ReferencedSOPInstanceUID"]] += 1
    return found


def uids(folder: Path) -> set[str]:
    return {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        for path in folder.iterdir()
    }


def test_each_image_that_storescu_sends_is_reported_on_to_orthanc(
    orthanc: Any,
    service: Callable[..., Any],
    slices: Slices,
    installed: Callable[[str], str],
    tmp_path: Path,
    wait: Callable[..., None],
) -> None:
    installed("storescu")
    listener, folder = service(orthanc.node), slices(12)
    echo = ["echoscu", "-aec", "FIRSTREAD", "127.0.0.1", str(listener.port)]
    assert subprocess.run(echo, capture_output=True).returncode == 0
    assert sent_by(listener.port, folder).returncode == 0
    wait(lambda: len(answered(orthanc)) == 12, "reports")
    assert answered(orthanc) == dict.fromkeys(uids(folder), 1)
    images = {pydicom.dcmread(path).StudyInstanceUID for path in folder.iterdir()}
    assert {tags["StudyInstanceUID"] for tags in orthanc.instances()} == images
    assert {tags["PatientID"] for tags in orthanc.instances()} == {"MRN-4711"}
    wait(lambda: not [*(tmp_path / "queue" / "images").iterdir()], "the queue to be empty")
    assert [*(tmp_path / "queue" / "results").iterdir()] == []
    # Once more: it is known that they are answered.
    assert sent_by(listener.port, folder).returncode == 0
    assert listener.end() == 0
    assert answered(orthanc) == dict.fromkeys(uids(folder), 1)
    told = listener.log.read_text()
    assert "12 arrived, 12 answered, 12 sent" in told
    everything = told.encode() + b"".join(
        path.read_bytes() for path in (tmp_path / "queue").rglob("*") if path.is_file()
    )
    for secret in (*PATIENT, *uids(folder), *images):
        assert secret.encode() not in everything


def test_who_calls_another_ae_or_isn_t_let_in_is_turned_away(
    orthanc: Any, service: Callable[..., Any], installed: Callable[[str], str]
) -> None:
    installed("echoscu")
    listener = service(orthanc.node, "--accept", "MODALITY")
    call = ["echoscu", "127.0.0.1", str(listener.port)]
    for words in (
        ("-aec", "OTHER", "-aet", "MODALITY"),
        ("-aec", "FIRSTREAD", "-aet", "STRANGER"),
    ):
        done = subprocess.run([*call, *words], capture_output=True, text=True)
        assert done.returncode != 0
        assert "AE Title Not Recognized" in done.stderr
    words = ("-aec", "FIRSTREAD", "-aet", "MODALITY")
    assert subprocess.run([*call, *words], capture_output=True).returncode == 0


def test_what_can_t_be_read_is_put_aside_and_the_rest_answered(
    orthanc: Any, service: Callable[..., Any], slices: Slices, wait: Callable[..., None]
) -> None:
    listener, folder = service(orthanc.node), slices(3)
    bad = pydicom.dcmread(folder / "00001.dcm")
    bad.Rows = 4000
    bad.save_as(folder / "00001.dcm")
    sent_by(listener.port, folder)
    wait(lambda: len(answered(orthanc)) == 2, "reports")
    assert listener.end() == 0
    told = listener.log.read_text()
    assert "an image can't be answered" in told
    assert "1 put aside" in told
    assert not any(secret in told for secret in (*PATIENT, *uids(folder)))


def test_results_wait_for_an_archive_that_is_away(
    orthanc: Any, slices: Slices, service: Callable[..., Any], wait: Callable[..., None]
) -> None:
    away = Node("ORTHANC", "127.0.0.1", 1)
    listener, folder = service(away), slices(3)
    sent_by(listener.port, folder)
    wait(lambda: "results wait: ORTHANC@127.0.0.1:1" in listener.log.read_text(), "the notice")
    assert listener.end() == 0
    again = service(orthanc.node)
    wait(lambda: len(answered(orthanc)) == 3, "reports")
    assert "3 images are left from before" in again.log.read_text()


def test_findscu_finds_what_was_sent(
    orthanc: Any, slices: Slices, model: Model, installed: Callable[[str], str], tmp_path: Path
) -> None:
    installed("findscu")
    folder = slices(3)
    files = sorted(folder.iterdir())
    answers = [Answer(path, ("abd",), (0.8, 0.2)) for path in files]
    list(write(answers, sources(files), model, Folders(tmp_path / "sr")))
    reports = sorted((tmp_path / "sr").iterdir())
    sent = list(Sender(orthanc.node, "FIRSTREAD").send(reports))
    assert [one.fate for one in sent] == ["taken"] * 3
    keys = ("-k", "QueryRetrieveLevel=SERIES", "-k", "Modality=SR", "-k", "SeriesDescription")
    study = f"StudyInstanceUID={pydicom.dcmread(files[0]).StudyInstanceUID}"
    find = ["findscu", "-S", "-aec", "ORTHANC", "127.0.0.1", str(orthanc.node.port)]
    done = subprocess.run([*find, *keys, "-k", study], capture_output=True, text=True)
    assert "firstread: not for diagnosis" in done.stdout + done.stderr


def test_pushed_images_are_pulled_again_bit_by_bit(
    orthanc: Any, slices: Slices, tmp_path: Path
) -> None:
    folder = slices(7)
    files, archive = sorted(folder.iterdir()), Archive(orthanc.dicomweb)
    assert list(push(archive, files))[-1] == Step("storing", 7, 7)
    list(push(archive, files))  # Once more does no harm.
    assert len(orthanc.instances()) == 7
    steps = list(pull(archive, tmp_path / "all", query={"Modality": "CT"}))
    assert steps[-1] == Step("fetching images", 7, 7)
    pulled = {
        pydicom.dcmread(path).SOPInstanceUID: path for path in (tmp_path / "all").rglob("*.dcm")
    }
    for path in files:
        image = pydicom.dcmread(path)
        assert pydicom.dcmread(pulled[image.SOPInstanceUID]).PixelData == image.PixelData
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    assert not any(study in str(path) for path in (tmp_path / "all").rglob("*"))
    list(pull(archive, tmp_path / "one", studies=[study], query={}))
    assert len([*(tmp_path / "one").rglob("*.dcm")]) == 3


def test_only_images_are_pulled_and_only_what_is_missing(
    orthanc: Any, slices: Slices, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, archive = sorted(slices(3).iterdir()), Archive(orthanc.dicomweb)
    answers = [Answer(path, ("abd",), (0.8, 0.2)) for path in files]
    list(write(answers, sources(files), model, Folders(tmp_path / "sr", tmp_path / "sc")))
    made = [path for name in ("sr", "sc") for path in sorted((tmp_path / name).iterdir())]
    list(push(archive, [*files, *made]))
    assert len(orthanc.instances()) == 9
    monkeypatch.setattr("firstread.outlets.pacs.dicomweb.PAGE", 2)
    list(pull(archive, tmp_path / "out", query={"PatientID": "MRN-4711"}))
    pulled = sorted((tmp_path / "out").rglob("*.dcm"))
    assert len(pulled) == 6  # The reports are no images.
    pulled[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in pulled[1:]}
    list(pull(archive, tmp_path / "out", query={"PatientID": "MRN-4711"}))
    assert pulled[0].exists()
    assert before == {path: path.stat().st_mtime_ns for path in pulled[1:]}
