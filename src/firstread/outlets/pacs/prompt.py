"""Connections on which small messages go out, and are acknowledged, at once.

A DICOM message is a command and then its data. By default the second waits in the sender's system
until the first has been acknowledged, and the receiver's system acknowledges some 40 ms late, in
the hope of an answer to send along (Nagle's algorithm, RFC 896, against delayed acknowledgements,
RFC 1122 4.2.3.2). Together they leave 10 objects a second of 100.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from firstread.outlets.extra import missing

try:
    from pynetdicom import evt
except ModuleNotFoundError as error:
    raise missing(error) from None

if TYPE_CHECKING:
    from pynetdicom.events import EventHandlerType


def _set(event: evt.Event, option: int) -> None:
    held: Any = event.assoc.dul.socket
    if held is None or held.socket is None:
        return
    try:
        held.socket.setsockopt(socket.IPPROTO_TCP, option, 1)
    except OSError:  # Closed by now.
        return


def _send_at_once(event: evt.Event) -> None:
    _set(event, socket.TCP_NODELAY)


def _acknowledge_at_once(event: evt.Event) -> None:
    _set(event, socket.TCP_QUICKACK)


# Linux forgets the second one after a while, and other systems don't have it.
PROMPT: list[EventHandlerType] = [
    (evt.EVT_CONN_OPEN, _send_at_once),
    *(
        (event, _acknowledge_at_once)
        for event in (evt.EVT_CONN_OPEN, evt.EVT_DATA_SENT, evt.EVT_DATA_RECV)
        if hasattr(socket, "TCP_QUICKACK")
    ),
]
"""Handlers for `pynetdicom.AE`."""
