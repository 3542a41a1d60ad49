"""What a file is, by its first bytes and not by its name."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Literal

from firstread.images.raster import SUFFIXES

Kind = Literal["raster", "dicom", "nifti"]

HEAD = 1024
"""Bytes that tell what a file is; a NIfTI-2 header takes 540 of them."""

_RASTER = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM")
_NIFTI = {  # Where the size of the header says so, and the magic words there are.
    b"\x5c\x01\x00\x00": (344, (b"n+1\0", b"ni1\0")),
    b"\x00\x00\x01\x5c": (344, (b"n+1\0", b"ni1\0")),
    b"\x1c\x02\x00\x00": (4, (b"n+2\0", b"ni2\0")),
    b"\x00\x00\x02\x1c": (4, (b"n+2\0", b"ni2\0")),
}
# The value representations of PS3.5 6.2.
_VR = re.compile(rb"A[EST]|CS|D[AST]|F[LD]|I[S]|L[OT]|O[BDFLVW]|PN|S[HLQSTV]|TM|U[CILNRSTV]")
_ORDERS: tuple[Literal["little"], Literal["big"]] = ("little", "big")
_GZIP = b"\x1f\x8b"


def kind_of(path: Path) -> Kind | None:
    """Return what a file holds, or None where firstread reads none of it.

    Parameters
    ----------
    path
        The file; nothing is raised where it can't be opened.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "IM0001"
    >>> file.write_bytes(bytes(128) + b"DICM" + bytes(200))
    332
    >>> kind_of(file)
    'dicom'
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    if head.startswith(_GZIP):
        head = _inflated(head)
        return "nifti" if _is_nifti(head) else None
    if _is_dicom(head):
        return "dicom"
    if _is_nifti(head):
        return "nifti"
    return "raster" if head.startswith(_RASTER) else None


def is_image(path: Path) -> bool:
    """Whether a file is, or by its name wants to be, an image to train on.

    Damaged files with the name of an image count, so that they are named and not passed over
    silently. DICOM objects that are no images don't: reports, presentation states, key object
    selections, plans, segmentations, directories.
    """
    name = path.name.lower()
    if name.endswith(tuple(SUFFIXES)):
        return True
    kind = kind_of(path)
    if kind == "dicom":
        return not _is_other_object(path)
    return kind is not None or (name.endswith(_VOLUMES) and path.is_file())


def is_directory(path: Path) -> bool:
    """Whether a file is a DICOMDIR."""
    return path.is_file() and kind_of(path) == "dicom" and _storage(path).startswith(_DIRECTORY)


_VOLUMES = (".dcm", ".dicom", ".nii", ".nii.gz")
_DIRECTORY = "1.2.840.10008.1.3.10"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# What the SOP classes of objects without an image to train on begin with (PS3.4 B.5).
_OTHER_OBJECTS = (
    _DIRECTORY,
    *(
        _STORAGE + branch
        for branch in (
            "9.",  # waveforms
            "11.",  # presentation states
            "34.",  # radiotherapy instructions
            "66",  # raw data, registrations, segmentations
            "67",  # real world value mappings
            "68.",  # surface scans
            "78.",  # lensometry and other measurements of the eye
            "79.",
            "80.",
            "88.",  # structured reports, key object selections
            "104.",  # encapsulated PDF, CDA, STL
            "200.",  # protocols
            *(f"481.{number}" for number in range(2, 30)),  # doses, structures, plans, records
        )
    ),
    "1.2.840.10008.5.1.4.38.",  # hanging protocols
    "1.2.840.10008.5.1.4.39.",  # palettes
    "1.2.840.10008.5.1.4.43.",  # implant templates
    "1.2.840.10008.5.1.4.44.",
    "1.2.840.10008.5.1.4.45.",
)
# (0002,0002) is always explicit and little-endian; (0008,0016) stands in for it without a meta
# header, explicit or implicit.
_STORAGE_CLASS = re.compile(
    rb"(?:\x02\x00\x02\x00UI..|\x08\x00\x16\x00(?:UI..|[\x02-\x40]\x00\x00\x00))([0-9.]{10,64})",
    re.DOTALL,
)


def _storage(path: Path) -> str:
    """Return the SOP class of a DICOM file from its first bytes, or nothing."""
    with path.open("rb") as file:
        found = _STORAGE_CLASS.search(file.read(HEAD))
    return found[1].decode() if found else ""


def _is_other_object(path: Path) -> bool:
    return not holds_image(_storage(path))


def holds_image(sop_class: str) -> bool:
    """Whether DICOM objects of a SOP class are images to train on.

    Examples
    --------
    >>> holds_image("1.2.840.10008.5.1.4.1.1.2")
    True
    >>> holds_image("1.2.840.10008.5.1.4.1.1.88.22")
    False
    """
    return not sop_class.startswith(_OTHER_OBJECTS)


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    place, words = _NIFTI.get(head[:4], (0, ()))
    return head[place : place + 4] in words


def _is_dicom(head: bytes) -> bool:
    """Whether there is a preamble (PS3.10 7.1), or a first element that only DICOM has.

    Files of old, and those cut from a network stream, start at once with an element of group 2 or
    8: its tag, then a value representation or a length that fits.
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16:
        return False
    for order in _ORDERS:
        group = int.from_bytes(head[:2], order)
        element = int.from_bytes(head[2:4], order)
        if (group, element) not in _FIRST_ELEMENTS:
            continue
        if _VR.fullmatch(head[4:6]):
            return True
        length = int.from_bytes(head[4:8], order)
        # Of an implicit element the first values are short, and another tag of the group follows.
        return length <= 64 and head[8 + length : 10 + length] in (head[:2], b"")
    return False


# Group lengths, and what may come first in their absence (PS3.6).
_FIRST_ELEMENTS = {(2, e) for e in (0x00, 0x01, 0x02, 0x03, 0x10, 0x12)} | {
    (8, e) for e in (0x00, 0x01, 0x05, 0x06, 0x08, 0x12, 0x14, 0x16, 0x18, 0x20, 0x60)
}
