"""The service in this process, with an archive that only remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedSRStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt

from firstread.classifier import Classifier, load
from firstread.errors import NetworkError
from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.pacs.answering import Listening, serve
from firstread.outlets.pacs.desk import Tally
from firstread.outlets.pacs.listen import Address
from firstread.outlets.pacs.node import Node
from firstread.outlets.pacs.send import Sender
from firstread.outlets.source import Source
from firstread.outlets.structured_report import Reports
from firstread.progress import Notice


@dataclass
class Archive:
    node: Node
    reports: list[Dataset] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def archive() -> Iterator[Archive]:
    entity = AE("ARCHIVE")
    entity.add_supported_context(EnhancedSRStorage, ExplicitVRLittleEndian)
    made = Archive(Node("ARCHIVE", "127.0.0.1", 0))

    def store(event: evt.Event) -> int:
        made.reports.append(event.dataset)
        return made.statuses.pop(0) if made.statuses else 0

    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    assert server is not None
    made.node = Node("ARCHIVE", "127.0.0.1", server.server_address[1])
    yield made
    server.shutdown()


Serve = Callable[..., list[object]]


@pytest.fixture
def serve_until(run: Path, archive: Archive, tmp_path: Path) -> Serve:
    """Serve files until something is told; returns all that was."""

    def go(
        files: list[Path],
        enough: Callable[[object], bool],
        changed: Callable[[Classifier], Classifier] = lambda same: same,
    ) -> list[object]:
        classifier, stop, told = changed(load(run)), threading.Event(), []
        model, address = Model.of(run, classifier), Address("FIRSTREAD", 0)
        sender = Sender(archive.node, "FIRSTREAD")
        events = serve(classifier, model, address, sender, tmp_path / "queue", stop=stop)
        for event in events:
            told.append(event)
            if isinstance(event, Listening):
                threading.Thread(target=deliver, args=(event.port, files)).start()
            elif enough(event):
                stop.set()
        return told

    return go


def deliver(port: int, files: list[Path]) -> None:
    datasets = [pydicom.dcmread(file) for file in files]
    entity = AE("MODALITY")
    for dataset in datasets:
        entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="FIRSTREAD")
    assert all(association.send_c_store(dataset).Status == 0 for dataset in datasets)
    association.release()


def test_several_frames_are_one_report(serve_until: Serve, archive: Archive) -> None:
    path = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    told = serve_until([path], lambda event: isinstance(event, Tally) and event.sent == 1)
    assert told[-1] == Tally(1, 1, 1, 0)
    (report,) = archive.reports
    groups = report.ContentSequence[-1].ContentSequence
    frames = [
        item.ReferencedSOPSequence[0].ReferencedFrameNumber
        for group in groups
        for item in group.ContentSequence
        if item.ValueType == "IMAGE"
    ]
    assert len(frames) == 16  # Of 30, evenly spread.
    assert frames == sorted(set(frames))


def test_frames_are_chosen_as_in_training_and_files_with_fewer_put_aside(
    serve_until: Serve, archive: Archive, slices: Callable[..., Path]
) -> None:
    many = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    two = Path(str(get_testdata_file("SC_rgb_rle_2frame.dcm", download=False)))
    told = serve_until(
        [two, many, *slices(1).iterdir()],
        lambda event: isinstance(event, Tally) and (event.sent, event.failed) == (2, 1),
        lambda classifier: replace(classifier, slices="2,7"),
    )
    assert any("'2,7': there are only 2" in event.text for event in told if type(event) is Notice)
    assert sorted(
        len(report.ContentSequence[-1].ContentSequence) for report in archive.reports
    ) == [
        1,
        2,
    ]


def test_an_image_that_no_report_can_be_made_of_stops_no_other(
    serve_until: Serve,
    archive: Archive,
    slices: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, answer = [], Reports.report

    def report(self: Reports, source: Source, said: list[Answer]) -> Dataset:
        made.append(source)
        if len(made) == 1:
            raise ValueError("Moriarty^James")
        return answer(self, source, said)

    monkeypatch.setattr(Reports, "report", report)
    told = serve_until(
        sorted(slices(3).iterdir()),
        lambda event: isinstance(event, Tally) and (event.sent, event.failed) == (2, 1),
    )
    notices = [event.text for event in told if isinstance(event, Notice)]
    assert notices == ["an image can't be answered: no report can be made of it (ValueError)"]


def test_the_report_says_what_predict_says(
    serve_until: Serve, archive: Archive, run: Path, slices: Callable[..., Path]
) -> None:
    files = sorted(slices(3).iterdir())
    serve_until(files, lambda event: isinstance(event, Tally) and event.sent == 3)
    expected = load(run).predict(files)
    for path, row in zip(files, expected.itertuples(), strict=True):
        uid = pydicom.dcmread(path).SOPInstanceUID
        (group,) = [
            report.ContentSequence[-1].ContentSequence[0]
            for report in archive.reports
            if uid in str(report.CurrentRequestedProcedureEvidenceSequence)
        ]
        scores = [
            float(item.MeasuredValueSequence[0].NumericValue)
            for item in group.ContentSequence
            if item.ValueType == "NUM"
        ]
        assert scores[0] == pytest.approx(100 * max(row.p_bright, row.p_dark), abs=1e-3)
        assert sum(scores) == pytest.approx(100, abs=1e-3)
        assert f"'{row.label}'" in str(group)


def test_what_the_archive_refuses_is_put_aside_and_what_it_can_t_take_now_is_sent_again(
    serve_until: Serve, archive: Archive, slices: Callable[..., Path]
) -> None:
    archive.statuses += [0xA900, 0xA700, 0]
    files = sorted(slices(2).iterdir())
    told = serve_until(files, lambda event: isinstance(event, Tally) and event.sent == 1)
    notices = [event.text for event in told if isinstance(event, Notice)]
    assert any("put aside" in text and "A900" in text for text in notices)
    assert any("out of resources" in text and "next attempt in 1 s" in text for text in notices)
    assert told[-1] == Tally(2, 2, 1, 1)
    first, second, third = (report.SOPInstanceUID for report in archive.reports)
    assert first != second == third


def test_a_queue_that_can_t_be_written_ends_the_service_with_the_reason(
    serve_until: Serve, slices: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("firstread.outlets.pacs.answering.keep", full)
    with pytest.raises(NetworkError, match=r"can't be written to .*No space left"):
        serve_until([*slices(1).iterdir()], lambda event: False)
