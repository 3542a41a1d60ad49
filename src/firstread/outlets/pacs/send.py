"""Results to an archive: a C-STORE user (PS3.4 B)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom import dcmread
from pydicom.uid import EnhancedSRStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from firstread.outlets.extra import missing
from firstread.outlets.pacs.node import Node
from firstread.outlets.pacs.prompt import PROMPT

try:
    from pynetdicom import AE
    from pynetdicom.association import Association
except ModuleNotFoundError as error:
    raise missing(error) from None

Fate = Literal["taken", "later", "refused"]

_SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 60
_PDU = 2**17


@dataclass(frozen=True)
class Sent:
    """What became of a file.

    Parameters
    ----------
    path
        The file.
    fate
        `taken`; `later`, where sending again may help; `refused`, where it won't.
    reason
        Why, where it wasn't taken; holds nothing of the patient.
    """

    path: Path
    fate: Fate
    reason: str = ""


@dataclass(frozen=True)
class Sender:
    """Sends files to a node.

    Parameters
    ----------
    node
        Where to.
    calling
        This side's AE title.
    tls
        Secures the connection, where given.
    sop_classes
        Of the files.
    """

    node: Node
    calling: str
    tls: ssl.SSLContext | None = None
    sop_classes: tuple[str, ...] = (EnhancedSRStorage,)

    def send(self, files: Sequence[Path]) -> Iterator[Sent]:
        """Send files over one association; yields what became of each as soon as it is known."""
        association = self._associate()
        try:
            if not association.is_established:
                yield from _all_later(files, f"{self.node} {_refusal(association)}")
                return
            for place, path in enumerate(files):
                if not association.is_established:
                    yield from _all_later(files[place:], f"{self.node} broke the connection off")
                    return
                yield _sent(association, path, self.node)
        finally:
            if association.is_established:
                association.release()

    def _associate(self) -> Association:
        entity = AE(self.calling)
        entity.connection_timeout = _CONNECT_SECONDS
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _ANSWER_SECONDS
        for sop_class in self.sop_classes:
            entity.add_requested_context(sop_class, _SYNTAXES)
        return entity.associate(
            self.node.host,
            self.node.port,
            ae_title=self.node.ae,
            max_pdu=_PDU,
            evt_handlers=PROMPT,
            tls_args=None if self.tls is None else (self.tls, self.node.host),
        )


def _refusal(association: Association) -> str:
    if association.is_rejected:
        return "refuses this AE title or has too many connections"
    if association.rejected_contexts:
        return "takes no structured reports"
    return "doesn't answer; is it running, and are address and TLS right?"


def _all_later(files: Iterable[Path], reason: str) -> Iterator[Sent]:
    yield from (Sent(path, "later", reason) for path in files)


def _sent(association: Association, path: Path, node: Node) -> Sent:
    try:
        status = association.send_c_store(dcmread(path))
    except (ValueError, RuntimeError):
        # No context for its SOP class, or the connection is gone.
        return Sent(path, "later", f"{node} takes no objects of this kind")
    code = status.get("Status")
    if code is None:
        return Sent(path, "later", f"{node} gave no answer in time")
    # PS3.4 table B.2-1: 0000 success, Bxxx stored with a warning, A7xx out of resources.
    if code == 0 or code & 0xF000 == 0xB000:
        return Sent(path, "taken")
    if code & 0xFF00 == 0xA700:
        return Sent(path, "later", f"{node} is out of resources (status {code:04X})")
    return Sent(path, "refused", f"{node} refuses it (status {code:04X})")
