from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import CTImageStorage, EnhancedSRStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA

from firstread.errors import NetworkError
from firstread.outlets.pacs.listen import Address, listening
from firstread.outlets.pacs.node import Tls
from firstread.outlets.pacs.queue import Queue

WEIGHTS = "ab12" * 16


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "queue")
    yield made
    made.close()


def caller(*classes: str) -> AE:
    entity = AE("CALLER")
    for sop_class in classes or (CTImageStorage,):
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    return entity


def sent(port: int, path: Path) -> int:
    association = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
    try:
        return int(association.send_c_store(pydicom.dcmread(path)).Status)
    finally:
        association.release()


def test_what_is_acknowledged_is_on_the_disk_as_it_was_sent(
    queue: Queue, ct: Callable[..., Path]
) -> None:
    arrived, path = [], ct()
    with listening(
        Address("FIRSTREAD", 0), queue, WEIGHTS, 10, lambda: arrived.append(1), print
    ) as port:
        assert sent(port, path) == 0
        assert sent(port, path) == 0
    (job,) = queue.waiting(10)
    kept, image = pydicom.dcmread(job.file), pydicom.dcmread(path)
    assert kept == image
    assert arrived == [1]


def test_beyond_the_most_senders_are_told_to_come_later(
    queue: Queue, ct: Callable[..., Path]
) -> None:
    address, told = Address("FIRSTREAD", 0), list[str]()
    with listening(address, queue, WEIGHTS, 1, lambda: None, told.append) as port:
        assert sent(port, ct("a")) == 0
        assert sent(port, ct("b")) == 0xA700
    assert told == ["1 are unanswered; it may come again later"]
    assert queue.unanswered() == 1


def test_a_full_disk_is_told_to_the_sender(
    queue: Queue, ct: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("firstread.outlets.pacs.queue._write", full)
    address, told = Address("FIRSTREAD", 0), list[str]()
    with listening(address, queue, WEIGHTS, 10, lambda: None, told.append) as port:
        assert sent(port, ct()) == 0xA700
    assert told == ["it can't be written (No space left on device)"]
    assert queue.unanswered() == 0


def test_an_image_beyond_the_largest_is_refused_and_the_next_one_taken(
    queue: Queue, ct: Callable[..., Path]
) -> None:
    small, large = ct("small"), ct("large")
    dataset = pydicom.dcmread(large)
    dataset.NumberOfFrames = 40
    dataset.PixelData = dataset.PixelData * 40
    dataset.save_as(large)
    assert large.stat().st_size > 2**20 > 2 * small.stat().st_size
    address, told = Address("FIRSTREAD", 0, largest=2**19), list[str]()
    with listening(address, queue, WEIGHTS, 10, lambda: None, told.append) as port:
        association = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
        statuses = [
            int(association.send_c_store(pydicom.dcmread(path)).Status) for path in (large, small)
        ]
        association.release()
    # PS3.4 table B.2-1: refused, out of resources.
    assert statuses == [0xA700, 0]
    assert told == ["it takes more than 0.5 MiB"]
    (job,) = queue.waiting(10)
    assert pydicom.dcmread(job.file).SOPInstanceUID == pydicom.dcmread(small).SOPInstanceUID


def test_a_forged_message_ends_its_connection_and_no_other(
    queue: Queue, ct: Callable[..., Path]
) -> None:
    with listening(Address("FIRSTREAD", 0), queue, WEIGHTS, 10, lambda: None, print) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as forger:
            # An association request (PS3.8 9.3.2) that says that 4 GiB follow.
            forger.sendall(b"\x01\x00\xff\xff\xff\xff" + bytes(1000))
            ended = b""
            while piece := forger.recv(1000):
                ended += piece
        assert len(ended) <= 10  # At most an abort.
        association = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
        # One message's command in fragments without an end (PS3.8 E.2).
        fragment = b"\x00" * 10_000
        pieces = [(1, b"\x01" + fragment)] * 20
        for piece in pieces:
            primitive = P_DATA()
            primitive.presentation_data_value_list.append([*piece])
            association.dul.send_pdu(primitive)
        association.join(30)
        assert association.is_aborted
        assert sent(port, ct()) == 0


def test_images_sent_ahead_of_answers_are_not_piled_up(
    queue: Queue, ct: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = threading.Event()
    monkeypatch.setattr(queue, "unanswered", lambda: answering.wait(30) and 0)
    dataset = pydicom.dcmread(ct())
    with listening(Address("FIRSTREAD", 0), queue, WEIGHTS, 10, lambda: None, print) as port:
        association = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID = dataset.SOPClassUID
        request.AffectedSOPInstanceUID = dataset.SOPInstanceUID
        for _ in range(20):
            request.DataSet = BytesIO(encode(dataset, False, True))
            association.dimse.send_msg(request, 1)
        association.join(30)
        assert association.is_aborted
        answering.set()
    assert len(queue.waiting(10)) <= 1


def test_too_many_callers_and_what_is_no_image_are_turned_away(queue: Queue) -> None:
    address = Address("FIRSTREAD", 0, associations=1)
    with listening(address, queue, WEIGHTS, 10, lambda: None, print) as port:
        first = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
        second = caller().associate("127.0.0.1", port, ae_title="FIRSTREAD")
        assert first.is_established
        assert second.is_rejected
        first.release()
    with listening(Address("FIRSTREAD", 0), queue, WEIGHTS, 10, lambda: None, print) as port:
        both = caller(CTImageStorage, EnhancedSRStorage)
        association = both.associate("127.0.0.1", port, ae_title="FIRSTREAD")
        accepted = [context.abstract_syntax for context in association.accepted_contexts]
        assert accepted == [CTImageStorage]
        association.release()


def test_an_address_that_can_t_be_had(queue: Queue) -> None:
    with listening(Address("FIRSTREAD", 0), queue, WEIGHTS, 10, lambda: None, print) as port:
        taken = Address("OTHER", port)
        with (
            pytest.raises(NetworkError, match="choose another --port"),
            listening(taken, queue, WEIGHTS, 10, lambda: None, print),
        ):
            pass


@pytest.fixture
def certificates(tmp_path: Path, installed: Callable[[str], str]) -> Callable[[str], Tls]:
    def make(name: str) -> Tls:
        files = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        words = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-batch")
        subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
        out = ("-out", files[0], "-keyout", files[1])
        subprocess.run(
            [installed("openssl"), *words, *subject, *out], check=True, capture_output=True
        )
        return Tls(*files)

    return make


def test_tls_lets_in_those_whose_certificate_is_known(
    queue: Queue, ct: Callable[..., Path], certificates: Callable[[str], Tls]
) -> None:
    server, client, stranger = (certificates(name) for name in ("server", "client", "stranger"))
    ours = Tls(server.certificate, server.key, client.certificate).accepting()
    address = Address("FIRSTREAD", 0, tls=ours)
    with listening(address, queue, WEIGHTS, 10, lambda: None, print) as port:

        def status(tls: Tls | None) -> int | None:
            arguments = None if tls is None else (tls.calling(), "127.0.0.1")
            association = caller().associate(
                "127.0.0.1", port, ae_title="FIRSTREAD", tls_args=arguments
            )
            if not association.is_established:
                return None
            try:
                return association.send_c_store(pydicom.dcmread(ct())).get("Status")
            finally:
                association.release()

        assert status(Tls(client.certificate, client.key, server.certificate)) == 0
        assert status(Tls(stranger.certificate, stranger.key, server.certificate)) is None
        assert status(Tls(client.certificate, client.key, stranger.certificate)) is None
        assert status(None) is None
    assert queue.unanswered() == 1
