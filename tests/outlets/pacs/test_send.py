from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.uid import CTImageStorage, EnhancedSRStorage, ImplicitVRLittleEndian
from pynetdicom import AE, evt

from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.pacs.node import Node
from firstread.outlets.pacs.send import Sender
from firstread.outlets.source import Source
from firstread.outlets.structured_report import structured_report
from firstread.outlets.writing import save


@pytest.fixture
def reports(ct: Callable[..., Path], model: Model, tmp_path: Path) -> list[Path]:
    made = []
    for number in range(3):
        image = ct(f"{number}")
        report = structured_report(Source.of(image), [Answer(image, ("abd",), (0.75, 0.25))], model)
        made.append(tmp_path / f"sr{number}.dcm")
        save(report, made[-1])
    return made


@contextmanager
def archive(
    store: Callable[[evt.Event], int], sop_class: str = EnhancedSRStorage
) -> Iterator[Node]:
    entity = AE("ARCHIVE")
    entity.require_called_aet = True
    entity.add_supported_context(sop_class, ImplicitVRLittleEndian)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    assert server is not None
    try:
        yield Node("ARCHIVE", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


def test_taken_in_the_syntax_that_the_archive_knows(reports: list[Path]) -> None:
    values = []

    def store(event: evt.Event) -> int:
        assert event.context.transfer_syntax == ImplicitVRLittleEndian
        group = event.dataset.ContentSequence[-1].ContentSequence[0]
        values.append([n.MeasuredValueSequence[0].NumericValue for n in _numbers(group)])
        return 0x0000

    with archive(store) as node:
        assert [one.fate for one in Sender(node, "ME").send(reports)] == ["taken"] * 3
    assert values == [[75, 25]] * 3


def _numbers(group: object) -> list[object]:
    return [item for item in group.ContentSequence if item.ValueType == "NUM"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "fate"),
    [(0x0000, "taken"), (0xB000, "taken"), (0xA700, "later"), (0xA900, "refused")],
)
def test_what_an_archive_s_status_means(reports: list[Path], status: int, fate: str) -> None:
    with archive(lambda event: status) as node:
        assert {one.fate for one in Sender(node, "ME").send(reports)} == {fate}


def test_an_archive_that_is_away_or_wants_something_else(reports: list[Path]) -> None:
    with archive(lambda event: 0) as node:
        (*_, wrong) = Sender(Node("OTHER", node.host, node.port), "ME").send(reports)
    assert (wrong.fate, wrong.reason[:5]) == ("later", "OTHER")
    assert "refuses this AE title" in wrong.reason
    (*_, away) = Sender(node, "ME").send(reports)
    assert (away.fate, "doesn't answer" in away.reason) == ("later", True)
    with archive(lambda event: 0, CTImageStorage) as node:
        (*_, none) = Sender(node, "ME").send(reports)
    assert (none.fate, "takes no structured reports" in none.reason) == ("later", True)


def test_an_archive_that_goes_away_meanwhile(reports: list[Path]) -> None:
    seen = []

    def store(event: evt.Event) -> int:
        seen.append(event)
        if len(seen) == 2:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return 0

    with archive(store) as node:
        fates = [one.fate for one in Sender(node, "ME").send(reports)]
    assert fates == ["taken", "later", "later"]
