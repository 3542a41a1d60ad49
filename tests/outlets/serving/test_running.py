"""`firstread serve` as users start it, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from firstread.cli import app
from tests.outlets.serving.conftest import form
from tests.outlets.serving.test_predicting import by_command, figures

HTTP = httpx.Client(timeout=60)
"""Made once: each reads the certificates of the machine."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to end by")


def started(run: Path, scratch: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a service and return it with its address, once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "firstread", "serve", str(run), "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    line = process.stderr.readline()
    assert "serving" in line, line
    address = line.split(" at ")[1].split(",")[0]
    # The port is open before the first answer, which waits until all is ready.
    assert HTTP.get(f"{address}/healthz", timeout=120).status_code == 200
    return process, address


def test_killed_and_started_again_under_load_no_answer_is_wrong(run, films, tmp_path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    right = [by_command(run, str(film)) for film in films]
    process, address = started(run, scratch)
    stop, begun, wrong = threading.Event(), threading.Event(), []
    answered = {"before": 0, "failed": 0}

    def ask(place: int) -> None:
        while not stop.is_set():
            try:
                answer = HTTP.post(f"{address}/v1/predict", files=form(films[place]), timeout=60)
            except httpx.HTTPError:
                answered["failed"] += 1
                return
            if answer.status_code == 200 and figures(answer) != right[place]:
                wrong.append(place)
            answered["before"] += 1
            if answered["before"] >= 10:
                begun.set()

    with ThreadPoolExecutor(4) as clients:
        work = [clients.submit(ask, place) for place in range(4)]
        assert begun.wait(120)
        process.kill()
        process.wait(60)
        process.stderr.close()
        stop.set()
        for one in work:
            one.result(60)
    assert (wrong, answered["failed"]) == ([], 4)
    (left,) = scratch.glob("firstread-serve-*")

    process, address = started(run, scratch)
    (now,) = scratch.iterdir()
    assert now != left
    answers = [HTTP.post(f"{address}/v1/predict", files=form(film)) for film in films[:4]]
    assert [figures(answer) for answer in answers] == right[:4]

    # Told to end, it finishes what it took.
    with ThreadPoolExecutor(4) as clients:
        sent = [
            clients.submit(HTTP.post, f"{address}/v1/predict", files=form(*films * 5), timeout=60)
            for _ in range(2)
        ]
        under_way = 0.0
        while under_way < 2:
            counts = HTTP.get(f"{address}/metrics").text.splitlines()
            line = next(one for one in counts if one.startswith("firstread_requests_under_way "))
            under_way = float(line.split()[1])
        process.send_signal(signal.SIGTERM)
        assert all(figures(one.result(60)) == figures(sent[0].result(60)) for one in sent)
    assert process.wait(60) == 0
    assert list(scratch.iterdir()) == []
    with process.stderr as told:
        assert "stopped" in told.read()


def test_other_machines_are_let_in_by_token_only(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["serve", str(run), "--host", "0.0.0.0"])
    assert "needs --token-file" in str(done.exception)
    missing = ["serve", str(run), "--host", "0.0.0.0", "--token-file", str(tmp_path / "none")]
    assert "can't be read" in str(CliRunner().invoke(app, missing).exception)
