"""How large a compressed file is when it is unfolded, found without unfolding it in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from firstread.images.headers import DEFLATED

_PIECE = 2**16


def unfolds_to(path: Path, most: int) -> int:
    """Return how many bytes a gzip file or a deflated DICOM file unfolds to.

    Counted piece by piece, so that a bomb takes no memory and little time.

    Parameters
    ----------
    path
        The file.
    most
        Bytes where counting ends; what unfolds to more gives a number above it.

    Returns
    -------
    size
        Of a file that isn't compressed as a whole, its own size. A damaged one counts up to the
        damage, which is named when it is read.
    """
    with path.open("rb") as file:
        head = file.read(1024)
        if head.startswith(b"\x1f\x8b"):
            start, wbits = 0, 31
        elif head[128:132] == b"DICM" and DEFLATED in head[132:]:  # PS3.5 A.5
            start, wbits = 144 + int.from_bytes(head[140:144], "little"), -zlib.MAX_WBITS
        else:
            return path.stat().st_size
        file.seek(start)
        return start + sum(_sizes(file, wbits, most))


def _sizes(file: BinaryIO, wbits: int, most: int) -> Iterator[int]:
    """Yield the sizes of unfolded pieces until the end, the damage, or more than `most`."""
    total, inflater = 0, zlib.decompressobj(wbits)
    data = file.read(_PIECE)
    while data and total <= most:
        try:
            size = len(inflater.decompress(data, _PIECE))
        except zlib.error:
            return
        total += size
        yield size
        if inflater.eof and wbits == 31:  # Another member may follow (RFC 1952, section 2.2).
            data, inflater = inflater.unused_data, zlib.decompressobj(wbits)
        else:
            data = inflater.unconsumed_tail
        data = data or file.read(_PIECE)
