from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from firstread.outlets.serving.uploads import Scratch


def test_services_leave_each_other_alone_and_remove_what_a_dead_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive = Scratch(), Scratch()
    assert dead.folder.exists()
    (dead.folder / "1").write_bytes(b"an image")
    dead._lock.close()  # What the end of its process does, however it comes.
    other = tmp_path / "firstread-serve-notes"
    other.mkdir()
    third = Scratch()
    assert not dead.folder.exists()
    assert alive.folder.exists()
    assert other.exists()
    for scratch in (alive, third):
        with scratch.room() as folder:
            (folder / "1").touch()
        scratch.close()
    assert [path.name for path in tmp_path.iterdir()] == ["firstread-serve-notes"]
