"""What a request may ask for, and what is said to one that asks for more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firstread.images import besides, facts, file_format, is_directory, kind_of, unfolds_to

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """How much a service takes on.

    Parameters
    ----------
    files
        Of one request.
    file_bytes, request_bytes
        Bytes of one file, and of one request.
    unfolded
        Bytes that a gzip or deflated file may unfold to.
    pixels
        Of one image, frame or slice.
    images
        Frames, slices and single images of one request that are labelled.
    waiting
        Requests that are under way at a time; further ones are told to come again.
    held_bytes
        Bytes of all requests that are under way.
    seconds
        For a request to arrive, and for its answer to be made.
    """

    files: int = 64
    file_bytes: int = 64 * MIB
    request_bytes: int = 256 * MIB
    unfolded: int = 256 * MIB
    pixels: int = 36_000_000
    images: int = 512
    waiting: int = 64
    held_bytes: int = 1024 * MIB
    seconds: float = 60.0


CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    415: "unsupported_type",
    421: "wrong_host",
    422: "unprocessable",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
"""What an answer calls the status of an HTTP request that failed (RFC 9110, RFC 6585)."""


class Refused(Exception):  # noqa: N818 # A verdict, said to the client; no failure of the program.
    """A request isn't answered.

    Parameters
    ----------
    status
        HTTP status, one of `CODES`.
    messages
        What is wrong, and the way out: no path, and nothing that a file says.
    retry
        Seconds after which to come again, where that helps.
    """

    def __init__(self, status: int, *messages: str, retry: int | None = None) -> None:
        super().__init__(*messages)
        self.status = status
        self.messages = messages
        self.retry = retry

    def headers(self) -> dict[str, str]:
        """Return the headers that the status asks for."""
        asked = {401: {"WWW-Authenticate": "Bearer"}}.get(self.status, {})
        return asked if self.retry is None else {**asked, "Retry-After": str(self.retry)}


def check(files: Sequence[Path], limits: Limits) -> None:
    """Refuse files that must not be decoded, from their headers alone.

    Raises
    ------
    Refused
        Naming every one of them by its place: 413 for what is too large, 415 for what is no
        image that firstread reads, 422 for one of too many pixels, or with something else
        behind its image; the status is the first's.
    """
    problems = [
        (status, f"file {place} {reason}")
        for place, file in enumerate(files, start=1)
        for status, reason in _problems(file, limits)
    ]
    if problems:
        raise Refused(problems[0][0], *(message for _, message in problems))


def _problems(file: Path, limits: Limits) -> Iterator[tuple[int, str]]:
    kind = kind_of(file)
    if file.stat().st_size == 0:
        yield 422, "is empty (0 bytes)"
    elif kind is None:
        yield 415, "is no image that firstread reads: send PNG, JPEG, TIFF, BMP, DICOM or NIfTI"
    elif is_directory(file):
        yield 415, "is a DICOMDIR; send the files that it lists"
    elif unfolds_to(file, limits.unfolded) > limits.unfolded:
        yield 413, f"unfolds to more than {limits.unfolded // MIB} MiB"
    elif (pixels := _pixels(file, kind)) > limits.pixels:
        most = f"{limits.pixels / 1e6:g} million are taken"
        yield 422, f"has {pixels / 1e6:.3g} million pixels, where {most}"
    elif also := besides(file):
        yield 422, f"{also}; open it in an image program and save it again"


def _pixels(file: Path, kind: str) -> int:
    """Return what the header says; 0 where it says nothing, which is named when it is read."""
    if kind == "raster":
        stored = file_format(file)
        return stored.width * stored.height
    known = facts(file, ("Rows", "Columns"))
    sides = [] if known is None else [side for side in known.tags.values() if side.isdecimal()]
    return int(sides[0]) * int(sides[1]) if len(sides) == 2 else 0
