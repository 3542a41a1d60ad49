from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstread.outlets.pacs.queue import Queue

Command = Callable[..., Any]
LISTEN = ("pacs", "listen", "RUN", "--ae", "FIRSTREAD", "--port", "11112")
NODE = ("--send-to", "PACS@localhost:4242")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*LISTEN, "--send-to", "PACS"), "write AE@HOST:PORT"),
        ((*LISTEN, *NODE, "--tls-cert", "a.pem"), "--tls-cert and --tls-key go together"),
        ((*LISTEN, *NODE, "--send-tls"), "need --tls-cert and --tls-key"),
        ((*LISTEN, *NODE, "--tls-cert", "a", "--tls-key", "b"), "a, b: does not exist"),
        ((*LISTEN, *NODE, "--accept", "A" * 17), "is no AE title"),
        ((*LISTEN, *NODE), "RUN: no such run folder"),
        (("pacs", "pull", "--dicomweb", "x", "--out", "o"), "is no address"),
        (("pacs", "pull", "--dicomweb", "http://h", "--out", "o"), "name what to fetch"),
        (("pacs", "pull", "--dicomweb", "http://h", "--out", "no/such/o"), "there is no folder"),
        (("pacs", "push", "nothing", "--dicomweb", "http://h"), "nothing: does not exist"),
        (("pacs", "push", ".", "--dicomweb", "http://h"), "no DICOM files to store"),
    ],
)
def test_what_can_t_be_done(
    firstread: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = firstread(*words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_what_was_put_aside_is_listed_and_removed(firstread: Command, tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.add("key", b"image")
    (job,) = queue.waiting(1)
    queue.fail(job, "is damaged")
    queue.close()
    listed = firstread("pacs", "aside", tmp_path / "queue")
    assert listed.out.splitlines() == ["file\treason", f"{job.file}\tis damaged"]
    assert "1 removed" in firstread("pacs", "aside", tmp_path / "queue", "--drop").out
    assert not job.file.exists()
    assert "is no queue of a listener" in firstread("pacs", "aside", tmp_path).err


def test_the_help_tells_the_commands(firstread: Command) -> None:
    out = firstread("pacs", "--help").out
    assert all(word in out for word in ("listen", "pull", "push"))
