"""How much a caller can make the listener hold in memory.

pynetdicom takes whatever a caller announces: a message of any length, in pieces (PDUs) of up to
4 GiB, and the next one before the last was answered. Here what is too long is dropped as it
arrives, so that its sender can still be told so; what no honest caller sends ends the connection.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from firstread.outlets.extra import missing

try:
    from pynetdicom import evt
except ModuleNotFoundError as error:
    raise missing(error) from None

if TYPE_CHECKING:
    from pynetdicom.events import EventHandlerType

LARGEST = 2**29
"""Bytes of an image that a listener takes where nobody says otherwise."""

MAX_PDU = 2**20
"""Bytes of one piece. Callers are asked for less than that; not all of them listen."""

MAX_COMMAND = 2**16
"""Bytes of a message's command set, which takes some 200 (PS3.7 9.3.1)."""

MAX_WAITING = 1
"""Messages that wait while one is answered; none is the rule (PS3.7 D.3.3.3)."""


class Dropped(BytesIO):
    """What remains of an image that is too long: nothing."""

    def write(self, data: Any, /) -> int:
        """Take data, and keep none of it."""
        return len(data)


def bounding(largest: int) -> EventHandlerType:
    """Return a handler for `pynetdicom.AE` that keeps each of its connections within bounds.

    Parameters
    ----------
    largest
        Bytes of an image's data set. Of a longer one the request carries a `Dropped`.
    """

    def bound(event: evt.Event) -> None:
        held: Any = event.assoc.dul.socket
        dimse: Any = event.assoc.dimse
        receive = held.recv

        def received(count: int) -> bytearray:
            message = dimse.message
            if count > MAX_PDU or dimse.msg_queue.qsize() >= MAX_WAITING:
                raise ConnectionAbortedError
            if message is not None and message.encoded_command_set.tell() > MAX_COMMAND:
                raise ConnectionAbortedError
            if message is not None and message.data_set.tell() > largest:
                message.data_set = Dropped()
            data: bytearray = receive(count)
            return data

        held.recv = received

    return evt.EVT_CONN_OPEN, bound
