from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from firstread.errors import RunError
from firstread.learning import checkpoint


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/firstread-was-here",)


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    state = {"w": torch.rand(3), "n": [1, 2.5, "x"], "none": None}
    checkpoint.save(tmp_path / "c.pt", state)
    back = checkpoint.load(tmp_path / "c.pt")
    assert torch.equal(back["w"], state["w"])
    assert (back["n"], back["none"]) == (state["n"], None)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_a_full_disk_is_an_error_and_the_old_state_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.pt"
    checkpoint.save(path, {"n": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device.*make room.*--resume"):
        checkpoint.save(path, {"n": 2})
    assert checkpoint.load(path) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_for_torchs_writer_is_the_same_error(tmp_path: Path) -> None:
    (tmp_path / "c.tmp").symlink_to("/dev/full")
    with pytest.raises(RunError, match="can't be written"):
        checkpoint.save(tmp_path / "c.pt", {"w": torch.rand(100_000)})
    assert not (tmp_path / "c.pt").exists()


def test_damaged_files_are_named_and_code_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.save(path, {"w": torch.rand(1000)})
    whole = path.read_bytes()
    for damage in (whole[:100], b"", b"nonsense", pickle.dumps(Bomb(), 2)):
        path.write_bytes(damage)
        with pytest.raises(RunError, match="the checkpoint is damaged"):
            checkpoint.load(path)
    assert not Path("/tmp/firstread-was-here").exists()
