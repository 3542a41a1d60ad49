from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from firstread.learning import FeatureCache
from firstread.learning.cache import Rows, Shelf, default_folder
from firstread.learning.upkeep import clean, holdings

DESCRIPTION = {"backbone": "resnet18", "stage": "layer4", "preprocessing": {"size": 64}}


def rows(first: int, count: int = 3, width: int = 5) -> Rows:
    numbers = np.arange(first, first + count)
    return Rows(
        tuple(int(n).to_bytes(32, "big") for n in numbers),
        np.stack([numbers, numbers + 1], axis=1).astype(np.int64),
        numbers % 2 == 0,
        np.repeat(numbers[:, None], width, axis=1).astype(np.float32),
    )


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


@pytest.fixture
def shelf(cache: FeatureCache) -> Shelf:
    return cache.shelf(DESCRIPTION)


def test_what_is_put_is_read_back(shelf: Shelf) -> None:
    shelf.put(rows(0))
    shelf.put(rows(10))
    index = shelf.index()
    assert set(index) == {
        *rows(0).keys,
        *rows(10).keys,
    }
    for first in (0, 10):
        read = shelf.read(index[rows(first).keys[0]])
        assert read is not None
        assert read.keys == rows(first).keys
        for name in ("shapes", "gray", "features"):
            np.testing.assert_array_equal(getattr(read, name), getattr(rows(first), name))


def test_another_description_is_another_shelf(cache: FeatureCache, shelf: Shelf) -> None:
    shelf.put(rows(0))
    for change in ({"backbone": "vgg16"}, {"stage": "layer3"}, {"preprocessing": {"size": 65}}):
        assert cache.shelf({**DESCRIPTION, **change}).index() == {}
    assert len(cache.shelf(dict(reversed(DESCRIPTION.items()))).index()) == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty"])
def test_a_damaged_shard_is_dropped_and_said(
    cache: FeatureCache, shelf: Shelf, damage: str
) -> None:
    shelf.put(rows(0))
    shelf.put(rows(10))
    index = shelf.index()
    shard, other = index[rows(0).keys[0]], index[rows(10).keys[0]]
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    damaged = {"cut": content[:-7], "flipped": content, "text": b"no shard", "empty": b""}
    shard.write_bytes(damaged[damage])
    if damage == "flipped":
        assert shelf.read(shard) is None
    assert set(shelf.index()) == set(rows(10).keys)
    assert not shard.exists()
    assert other.exists()
    assert [shard.name in notice.text for notice in cache.notices()] == [True]
    assert list(cache.notices()) == []


def test_a_folder_that_cannot_be_written_to_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    cache = FeatureCache(tmp_path / "taken")
    shelf = cache.shelf(DESCRIPTION)
    assert shelf.index() == {}
    shelf.put(rows(0))
    shelf.put(rows(10))
    (notice,) = cache.notices()
    assert str(tmp_path / "taken") in notice.text
    assert "FIRSTREAD_CACHE" in notice.text
    assert not cache.usable


def test_a_full_disk_leaves_nothing_half_written(
    cache: FeatureCache, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put(rows(0))

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    shelf.put(rows(10))
    assert "No space left" in next(cache.notices()).text
    assert set(shelf.index()) == set(rows(0).keys)
    assert not list(shelf.folder.glob("*.tmp"))


WRITER = """
import sys
sys.path.insert(0, sys.argv[3])
from test_cache import DESCRIPTION, rows
from firstread.learning import FeatureCache
shelf = FeatureCache(sys.argv[1]).shelf(DESCRIPTION)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    shelf.put(rows(3 * number, width=20_000))
"""


@contextmanager
def writer(folder: Path, shards: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that writes shards when it is told to."""
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(shards), here],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.flush()


def whole(shelf: Shelf) -> set[int]:
    """Return the numbers that are there, each checked against what was written."""
    found = set()
    for shard in set(shelf.index().values()):
        read = shelf.read(shard)
        assert read is not None
        expected = rows(int(read.features[0, 0]), width=20_000)
        np.testing.assert_array_equal(read.features, expected.features)
        assert read.keys == expected.keys
        found.update(int.from_bytes(key, "big") for key in read.keys)
    return found


def test_two_processes_write_at_once(cache: FeatureCache, shelf: Shelf) -> None:
    with writer(cache.folder, 40) as one, writer(cache.folder, 40) as other:
        go(one)
        go(other)
        while one.poll() is None or other.poll() is None:
            whole(shelf)  # Whatever a third one sees meanwhile is whole.
        assert (one.returncode, other.returncode) == (0, 0)
    assert whole(shelf) == set(range(120))
    assert list(cache.notices()) == []
    (holding,) = holdings(cache.folder)
    assert holding.description["backbone"] == "resnet18"


def test_a_kill_while_writing_harms_nothing(cache: FeatureCache, shelf: Shelf) -> None:
    with writer(cache.folder, 10_000) as process:
        go(process)
        while not shelf.index():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    found = whole(shelf)
    assert found
    assert list(cache.notices()) == []
    shelf.put(rows(100_000))
    assert set(range(100_000, 100_003)) <= {int.from_bytes(k, "big") for k in shelf.index()}


def aged(shelf: Shelf, first: int, days: float) -> Path:
    shelf.put(rows(first))
    shard = shelf.index()[rows(first).keys[0]]
    then = time.time() - days * 86400
    os.utime(shard, (then, then))
    return shard


def test_cleaning_by_age_keeps_what_was_used_since(cache: FeatureCache, shelf: Shelf) -> None:
    old, used, new = (aged(shelf, n, days) for n, days in ((0, 40), (10, 40), (20, 1)))
    shelf.read(used)
    nbytes = old.stat().st_size
    assert clean(cache.folder, older_than_days=30) == (1, nbytes)
    assert [path.exists() for path in (old, used, new)] == [False, True, True]


def test_cleaning_to_a_limit_deletes_what_was_used_longest_ago(
    cache: FeatureCache, shelf: Shelf
) -> None:
    shards = [aged(shelf, 10 * n, days) for n, days in enumerate((3, 9, 1, 5))]
    nbytes = shards[0].stat().st_size
    assert clean(cache.folder, limit_bytes=2.5 * nbytes) == (2, 2 * nbytes)
    assert [path.exists() for path in shards] == [True, False, True, False]
    assert clean(cache.folder, limit_bytes=2.5 * nbytes) == (0, 0)


def test_clearing_leaves_other_peoples_files_alone(cache: FeatureCache, shelf: Shelf) -> None:
    shelf.put(rows(0))
    thesis = [cache.folder / "thesis.tex", shelf.folder / "thesis.tex"]
    for path in thesis:
        path.write_text("mine")
    leftover = shelf.folder / "killed.tmp"
    leftover.write_text("unfinished")
    os.utime(leftover, (0, 0))
    assert clean(cache.folder, older_than_days=0)[0] == 1
    assert [path.name for path in cache.folder.rglob("*") if path.is_file()] == ["thesis.tex"] * 2
    assert holdings(cache.folder) == []


def test_holdings_say_what_is_there(cache: FeatureCache, shelf: Shelf) -> None:
    assert holdings(cache.folder) == []
    shelf.put(rows(0))
    shelf.put(rows(10))
    (holding,) = holdings(cache.folder)
    assert holding.views == 6
    assert holding.nbytes == sum(path.stat().st_size for path in shelf.folder.iterdir())
    record = json.loads((shelf.folder / "shelf.json").read_text())
    assert {key: record[key] for key in DESCRIPTION} == DESCRIPTION


def test_the_folder_is_the_systems_or_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTREAD_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("FIRSTREAD_CACHE")
    assert default_folder() == Path(platformdirs.user_cache_dir("firstread", False))
