"""Which files below a folder are images."""

from __future__ import annotations

from pathlib import Path

from firstread.images import is_directory, is_image, listed_in


def images_in(folder: Path) -> list[Path]:
    """Return the images below a folder, or those that a DICOMDIR lists.

    Files are known by what they hold, whatever they are called; DICOM objects without an image
    are left out, and so are hidden files. Sorted by name; a DICOMDIR's in its order.
    """
    if is_directory(folder):
        return listed_in(folder)
    return [path for path in files_in(folder) if is_image(path)]


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted; hidden ones not."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
