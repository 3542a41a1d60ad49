"""The files of an export: their names, what is known of each, and how they are written."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firstread.errors import UsageError
from firstread.evidence import Estimate
from firstread.outlets.export import standalone
from firstread.outlets.export.checking import Check


@dataclass(frozen=True)
class File:
    """A file that was exported, and what is known of it.

    Parameters
    ----------
    path, data
        Where it is, and what stands in it.
    milliseconds
        An image, from its displayed pixels to the probabilities; the median of the check's.
    check
        Against PyTorch; none of an int8 file, which differs by nature.
    accuracy
        On the images that the run is judged on; None where it wasn't measured.
    changed
        Of how many of these int8 changed the label; None of other files.
    unread
        Images of the check that the page beside an ONNX file can't read as firstread does, each
        with the reason.
    """

    path: Path
    data: bytes = field(repr=False)
    milliseconds: float
    check: Check | None = None
    accuracy: Estimate | None = None
    changed: int | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What `exporting` made.

    Parameters
    ----------
    files
        The torch program, the ONNX file and its int8 twin, as far as they were asked for.
    page
        The page of Python that uses the ONNX file without firstread; None without such a file.
    deep
        Whether they take uint16; else uint8.
    other
        Images of the run's own that have the other depth, and so were not checked.
    """

    files: tuple[File, ...]
    page: str | None
    deep: bool
    other: int


def check_names(onnx: Path | None, int8: bool, torch_program: Path | None) -> None:
    """Refuse names that can't be written to, before any work.

    Raises
    ------
    UsageError
        If there is none, or one has a wrong ending, no folder, or stands for something else.
    """
    if int8 and onnx is None:
        raise UsageError("--int8 goes with --onnx; name the file, as --onnx model.onnx")
    if onnx is None and torch_program is None:
        raise UsageError("nothing to export to; name a file, as --onnx model.onnx")
    for option, path, ending in (("--onnx", onnx, ".onnx"), ("--torch", torch_program, ".pt2")):
        if path is None:
            continue
        if path.suffix != ending:
            raise UsageError(f"{option} {path}: the name must end in {ending}")
        if not path.parent.is_dir():
            raise UsageError(f"{option} {path}: there is no folder {path.parent} to write it to")
        if path.is_dir():
            raise UsageError(f"{option} {path}: is a folder; name a file")
    page = onnx and onnx.with_suffix(".py")
    if page is not None and page.exists() and not _is_ours(page):
        raise UsageError(
            f"{page}: is a file of yours, and the page that goes with --onnx {onnx} would take its "
            "place; choose another name"
        )


def _is_ours(page: Path) -> bool:
    first = (standalone.__doc__ or "").splitlines()[0]
    return page.is_file() and first in page.read_text(encoding="utf-8", errors="replace")


def page_of(files: Sequence[File]) -> str:
    """Return a page of Python that uses ONNX files, which it knows by their hashes."""
    digests = [
        hashlib.sha256(file.data).hexdigest() for file in files if file.path.suffix == ".onnx"
    ]
    known = "".join(f'    "{digest}",\n' for digest in digests)
    source = inspect.getsource(standalone)
    return source.replace("SHA256 = ()", f"SHA256 = (\n{known})", 1)


def write(path: Path, data: bytes) -> None:
    """Write a file that is whole when it is there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
