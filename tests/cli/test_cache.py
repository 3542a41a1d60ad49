from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from firstread.cli import app
from firstread.errors import UsageError
from firstread.learning import FeatureCache
from firstread.learning.cache import Rows


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cache", *arguments], catch_exceptions=False)


def put(folder: Path, backbone: str, number: int, days: float) -> Path:
    shelf = FeatureCache(folder).shelf(
        {"backbone": backbone, "stage": "last", "preprocessing": {"size": 96}}
    )
    key = number.to_bytes(32, "big")
    features = np.zeros((1, 262_144), np.float32)  # One MiB.
    shelf.put(Rows((key,), np.array([[50, 60]]), np.array([True]), features))
    shard = shelf.index()[key]
    then = time.time() - days * 86400
    os.utime(shard, (then, then))
    os.utime(shelf.folder / "shelf.json", (then, then))
    return shard


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIRSTREAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def table(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))


def test_an_empty_cache_says_where_it_would_be(folder: Path) -> None:
    result = run()
    assert f"The cache is {folder}" in result.stderr
    assert "It is empty." in result.stderr
    assert result.stdout == ""


def test_what_is_there_is_a_table(folder: Path) -> None:
    put(folder, "vgg16", 1, days=2)
    put(folder, "resnet50", 2, days=3)
    put(folder, "resnet50", 3, days=4)
    result = run()
    assert table(result) == [
        {
            "backbone": backbone,
            "stage": "last",
            "size (px)": "96",
            "views": views,
            "MiB": mib,
            "last used (days ago)": days,
        }
        for backbone, views, mib, days in (
            ("resnet50", "2", "2.0", "3.0"),
            ("vgg16", "1", "1.0", "2.0"),
        )
    ]
    assert "3.0 MiB in all." in result.stderr


def test_old_features_go(folder: Path) -> None:
    old, new = put(folder, "vgg16", 1, days=40), put(folder, "vgg16", 2, days=1)
    result = run("--older-than", "30")
    assert "deleted: 1 file, 1.0 MiB" in result.stdout
    assert not old.exists()
    assert new.exists()


def test_a_limit_keeps_the_last_used(folder: Path) -> None:
    shards = [put(folder, "vgg16", n, days=n) for n in range(1, 5)]
    result = run("--limit", "0.0025")
    assert "deleted: 2 files, 2.0 MiB" in result.stdout
    assert [shard.exists() for shard in shards] == [True, True, False, False]


def test_all_of_it_goes(folder: Path) -> None:
    put(folder, "vgg16", 1, days=0)
    result = run("--clear")
    assert "deleted: 1 file, 1.0 MiB" in result.stdout
    assert "It is empty." in result.stderr
    assert not list(folder.rglob("*.safetensors"))


def test_clearing_takes_no_exceptions(folder: Path) -> None:
    with pytest.raises(UsageError, match="--clear deletes everything: drop --older-than"):
        run("--clear", "--limit", "1")


def test_what_cannot_be_deleted_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = put(folder, "vgg16", 1, days=0)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UsageError, match=rf"{shard.name}: can't be deleted \(Permission denied\)"):
        run("--clear")
