"""Where the checkpoints of a training are: in a shared folder, or in object storage."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstread.cluster.storage import filesystem, is_url
from firstread.run import CHECKPOINT


@dataclass(frozen=True)
class Place:
    """The folder of one training.

    Parameters
    ----------
    storage
        As the user named it, a path made absolute.
    name
        Of the training's own folder there.
    filesystem
        Of pyarrow.
    path
        Of the storage in it.
    """

    storage: str
    name: str
    filesystem: Any
    path: str

    def fetch(self, file: Path) -> None:
        """Bring the last checkpoint here, whole or not at all."""
        from pyarrow import fs

        inside = fs.FileSelector(f"{self.path}/{self.name}", recursive=True)
        found = [
            info.path
            for info in self.filesystem.get_file_info(inside)
            if info.base_name == CHECKPOINT
        ]
        with self.filesystem.open_input_stream(max(found)) as source:
            arriving = file.with_suffix(".tmp")
            with arriving.open("wb") as target:
                shutil.copyfileobj(source, target)
        arriving.replace(file)

    def delete(self) -> None:
        """Delete the training's folder."""
        with suppress(OSError):
            self.filesystem.delete_dir(f"{self.path}/{self.name}")


def place_of(storage: str, name: str) -> Place:
    """Open a storage.

    Parameters
    ----------
    storage
        A path or a URL.
    name
        Of the folder there.

    Raises
    ------
    FirstreadError
        If nothing here can open it.
    """
    storage = storage if is_url(storage) else str(Path(storage).absolute())
    system, path = filesystem(storage)
    return Place(storage, name, system, path.rstrip("/"))
