"""A DICOMDIR: the list of the files on a disc (PS3.3 F)."""

from __future__ import annotations

from pathlib import Path

from firstread.errors import DataError, ImageError
from firstread.images.headers import opened, text


def listed_in(directory: Path) -> list[Path]:
    """Return the image files that a DICOMDIR lists, in its order.

    Parameters
    ----------
    directory
        The DICOMDIR; what it lists lies in its folder or below.

    Raises
    ------
    DataError
        Naming every listed file that is not there.
    ImageError
        If the DICOMDIR itself can't be read.
    """
    with opened(directory) as header:
        records = header.dataset.get("DirectoryRecordSequence") or []
        names = [
            _components(record.get("ReferencedFileID"))
            for record in records
            if text(record, "DirectoryRecordType") == "IMAGE"
        ]
    # A name that leads out of the folder is none that the standard allows (PS3.10 8.2).
    plain = [parts for parts in names if parts and not {"", ".", ".."} & {*parts}]
    files = [directory.parent.joinpath(*parts) for parts in plain]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise DataError(
            [f"{directory}: lists {file}, which does not exist" for file in missing],
            "Copy the whole disc, or name the folder instead of the DICOMDIR.",
        )
    if not files:
        raise ImageError(directory, "is a DICOMDIR that lists no images")
    return files


def _components(name: object) -> list[str]:
    parts = [name] if isinstance(name, str) else list(name or [])  # type: ignore[call-overload]
    return [str(part) for part in parts if not any(sign in str(part) for sign in "/\\:")]
