"""Images from the hospital: a C-STORE provider (PS3.4 B) that puts them into the queue."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from firstread.errors import NetworkError
from firstread.images import holds_image
from firstread.outlets.extra import missing
from firstread.outlets.pacs.bounds import LARGEST, Dropped, bounding
from firstread.outlets.pacs.prompt import PROMPT
from firstread.outlets.pacs.queue import Queue, key_of

try:
    from pynetdicom import AE, AllStoragePresentationContexts, evt
    from pynetdicom.dsutils import encode_file_meta
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
except ModuleNotFoundError as error:
    raise missing(error) from None

SYNTAXES = [
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian),
    *(ExplicitVRBigEndian, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1),
    *(JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000, RLELossless),
    *(HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL),
]
"""Transfer syntaxes that firstread reads, and so takes."""

# PS3.4 table B.2-1 and PS3.7 annex C.
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_IDLE_SECONDS, _ANSWER_SECONDS = 60, 30
_PDU = 2**17


@dataclass(frozen=True)
class Address:
    """Where a listener listens, and to whom.

    Parameters
    ----------
    ae
        Its application entity title; callers that ask for another are turned away.
    port
        0 for any that is free.
    host
        The address that it binds to; this machine alone by default.
    associations
        Connections at a time; more are turned away.
    callers
        AE titles that are let in; all where there are none.
    tls
        Secures connections, where given.
    largest
        Bytes of an image; longer ones are refused. So much is held in memory for each connection.
    """

    ae: str
    port: int
    host: str = "127.0.0.1"
    associations: int = 10
    callers: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    largest: int = LARGEST


@contextmanager
def listening(
    address: Address,
    queue: Queue,
    weights: str,
    most: int,
    arrived: Callable[[], None],
    refused: Callable[[str], None],
) -> Iterator[int]:
    """Take images in within the block; gives the port.

    Parameters
    ----------
    address
        Where.
    queue
        What they are put into before their senders are told so.
    weights
        SHA-256 of the weights that will answer.
    most
        Images in the queue; beyond them senders are told to come again later.
    arrived
        Called after each new image.
    refused
        Called for each image that is not taken in, with the reason, which tells nothing of it.

    Raises
    ------
    NetworkError
        If the address can't be had.
    """

    def store(event: evt.Event) -> int:
        request: Any = event.request
        try:
            if isinstance(request.DataSet, Dropped):
                refused(f"it takes more than {address.largest / 2**20:g} MiB")
                return OUT_OF_RESOURCES
            if queue.unanswered() >= most:
                refused(f"{most:,} are unanswered; it may come again later")
                return OUT_OF_RESOURCES
            head = bytes(128) + b"DICM" + encode_file_meta(event.file_meta)  # PS3.10 7.1
            key = key_of(weights, str(request.AffectedSOPInstanceUID))
            if queue.add(key, head, request.DataSet.getbuffer()):
                arrived()
        except OSError as error:  # The disk is full: the sender has to keep the image.
            refused(f"it can't be written ({error.strerror})")
            return OUT_OF_RESOURCES
        except Exception:  # Nothing that a sender may send ends the listener.
            refused("it breaks the DICOM standard")
            return CANNOT_UNDERSTAND
        return SUCCESS

    entity = AE(address.ae)
    entity.require_called_aet = True
    entity.require_calling_aet = list(address.callers)
    entity.maximum_associations = address.associations
    entity.maximum_pdu_size = _PDU
    entity.network_timeout = _IDLE_SECONDS
    entity.acse_timeout = entity.dimse_timeout = _ANSWER_SECONDS
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        if context.abstract_syntax is not None and holds_image(context.abstract_syntax):
            entity.add_supported_context(context.abstract_syntax, SYNTAXES)
    try:
        server = entity.start_server(
            (address.host, address.port),
            block=False,
            evt_handlers=[*PROMPT, bounding(address.largest), (evt.EVT_C_STORE, store)],
            ssl_context=address.tls,
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such port"
        raise NetworkError(
            f"{address.host}:{address.port} can't be listened on ({reason}); choose another "
            "--port or --bind"
        ) from None
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
