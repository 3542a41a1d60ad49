"""Who speaks with whom on a DICOM network, and how it is kept secret."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from firstread.errors import UsageError


def ae_title(text: str) -> str:
    """Check an application entity title: 1 to 16 letters of ASCII, no backslash (PS3.5 6.2).

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> ae_title("FIRSTREAD")
    'FIRSTREAD'
    """
    title = text.strip()
    if not (0 < len(title) <= 16 and title.isascii() and title.isprintable() and "\\" not in title):
        raise UsageError(f"{text!r} is no AE title; write 1 to 16 plain letters, as FIRSTREAD")
    return title


@dataclass(frozen=True)
class Node:
    """Where results are sent.

    Parameters
    ----------
    ae
        Its application entity title.
    host
        Its name or address.
    port
        Its port.
    """

    ae: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Node:
        """Read `AE@HOST:PORT`.

        Raises
        ------
        UsageError
            If it can't be understood.

        Examples
        --------
        >>> Node.parse("ORTHANC@localhost:4242")
        Node(ae='ORTHANC', host='localhost', port=4242)
        """
        found = re.fullmatch(r"([^@]+)@\[?([\w.:-]+?)\]?:(\d{1,5})", text)
        if found is None or not 0 < int(found[3]) < 65536:
            raise UsageError(f"{text!r} is no node; write AE@HOST:PORT, as ORTHANC@localhost:4242")
        return cls(ae_title(found[1]), found[2], int(found[3]))

    def __str__(self) -> str:
        return f"{self.ae}@{self.host}:{self.port}"


@dataclass(frozen=True)
class Tls:
    """Certificates for secure connections (PS3.15 B.9: TLS 1.2 or later).

    Parameters
    ----------
    certificate, key
        PEM files of this side.
    authority
        PEM file with the certificates, or their issuers, of the other sides. With it, only those
        who show one of them are let in.
    """

    certificate: Path
    key: Path
    authority: Path | None = None

    def accepting(self) -> ssl.SSLContext:
        """Return what a listener secures its connections with.

        Raises
        ------
        UsageError
            If the files are missing or don't fit.
        """
        context = self._context(ssl.PROTOCOL_TLS_SERVER)
        if self.authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def calling(self) -> ssl.SSLContext:
        """Return what a caller secures its connections with; the other side's name is checked.

        Raises
        ------
        UsageError
            If the files are missing or don't fit.
        """
        context = self._context(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority is None:
            context.load_default_certs()
        return context

    def _context(self, protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
            if self.authority is not None:
                context.load_verify_locations(self.authority)
        except FileNotFoundError:
            names = ", ".join(str(path) for path in self._files() if not path.is_file())
            raise UsageError(f"{names}: does not exist; check --tls-cert, --tls-key") from None
        except (OSError, ssl.SSLError):
            names = ", ".join(map(str, self._files()))
            raise UsageError(
                f"{names}: are no certificate with its key in PEM, without a password"
            ) from None
        return context

    def _files(self) -> list[Path]:
        files = [self.certificate, self.key]
        return files if self.authority is None else [*files, self.authority]


def _no_password() -> str:
    raise OSError("the key asks for a password")
