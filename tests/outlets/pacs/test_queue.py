from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from firstread.errors import NetworkError
from firstread.outlets.pacs.queue import Job, Queue, key_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queue"


@pytest.fixture
def queue(folder: Path) -> Iterator[Queue]:
    made = Queue(folder)
    yield made
    made.close()


def answer(queue: Queue, jobs: list[Job]) -> None:
    queue.answer((job, lambda path: path.write_bytes(b"report")) for job in jobs)


def test_an_image_waits_is_answered_and_leaves_nothing_but_its_key(queue: Queue) -> None:
    assert queue.add("a", b"image")
    (job,) = queue.waiting(10)
    assert job.file.read_bytes() == b"image"
    assert queue.counts() == {"waiting": 1, "answered": 0, "sent": 0, "failed": 0}
    answer(queue, [job])
    assert queue.waiting(10) == []
    (job,) = queue.answered(10)
    assert job.result.read_bytes() == b"report"
    queue.sent([job])
    assert queue.answered(10) == []
    assert queue.unanswered() == 0
    assert [*queue.images.iterdir(), *queue.results.iterdir()] == []
    assert queue.counts()["sent"] == 1


def test_what_came_once_is_not_taken_again_not_even_after_it_was_answered(queue: Queue) -> None:
    assert queue.add("a", b"1")
    assert not queue.add("a", b"1")
    assert len(queue.waiting(10)) == 1
    answer(queue, queue.waiting(1))
    queue.sent(queue.answered(1))
    assert not queue.add("a", b"1")
    assert queue.unanswered() == 0
    assert [*queue.images.iterdir()] == []


def test_first_come_first_served(queue: Queue) -> None:
    for name in "cab":
        queue.add(name, name.encode())
    assert [job.key for job in queue.waiting(2)] == ["c", "a"]


def test_what_was_put_aside_can_be_taken_up_again_or_dropped(queue: Queue) -> None:
    for name in "ab":
        queue.add(name, b"image")
    a, b = queue.waiting(2)
    queue.fail(a, "is damaged")
    answer(queue, [b])
    queue.fail(queue.answered(1)[0], "is refused")
    assert [reason for _, reason in queue.failures()] == ["is damaged", "is refused"]
    assert queue.unanswered() == 0
    assert queue.retry() == 2
    assert [job.key for job in queue.waiting(9)] == ["a"]
    assert [job.key for job in queue.answered(9)] == ["b"]
    queue.fail(a, "is damaged")
    assert queue.drop_failed() == 1
    assert not a.file.exists()
    assert b.file.exists()


def test_a_full_disk_leaves_no_half_image(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("firstread.outlets.pacs.queue.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        queue.add("a", b"image")
    assert [*queue.images.iterdir()] == []
    assert queue.unanswered() == 0


def test_a_killed_program_s_queue_is_whole(folder: Path) -> None:
    """Killed after the row: the image is there. Killed before it: its file is swept away."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from firstread.outlets.pacs.queue import Queue\n"
        "queue = Queue(Path(sys.argv[1])); queue.add('kept', b'image')\n"
        "(queue.images / 'orphan').write_bytes(b'half'); (queue.results / 'orphan').touch()\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, folder]).returncode == -9
    queue = Queue(folder)
    (job,) = queue.waiting(10)
    assert (job.key, job.file.read_bytes()) == ("kept", b"image")
    assert [*queue.images.iterdir()] == [job.file]
    assert [*queue.results.iterdir()] == []
    queue.close()


def test_one_listener_at_a_time(queue: Queue, folder: Path) -> None:
    with pytest.raises(NetworkError, match="another listener uses this queue"):
        Queue(folder)
    queue.close()
    Queue(folder).close()


def test_a_folder_that_is_no_queue(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NetworkError, match="can't be used as a queue"):
        Queue(tmp_path / "file")
    with pytest.raises(NetworkError, match="can't be used as a queue"):
        Queue(tmp_path / "no" / "such")
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "queue.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(NetworkError, match="is no queue, or damaged"):
        Queue(tmp_path / "queue")


def test_keys_tell_nothing_and_go_with_the_model() -> None:
    keys = {key_of(weights, uid) for weights in ("a", "b") for uid in ("1.2", "1.3")}
    assert len(keys) == 4
    assert all(len(key) == 64 and "1.2" not in key for key in keys)


def test_nothing_but_keys_is_in_the_database_after_all_is_sent(queue: Queue, folder: Path) -> None:
    queue.add(key_of("w", "1.2.3.4"), b"image")
    job = queue.waiting(1)[0]
    queue.answer([(job, partial(Path.write_bytes, data=b"report"))])
    queue.sent(queue.answered(1))
    queue.close()
    rows = sqlite3.connect(folder / "queue.sqlite")
    found = rows.execute("SELECT file, result, reason FROM image").fetchall()
    rows.close()
    assert found == [(None, None, "")]
