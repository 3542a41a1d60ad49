from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_missing_library_is_told_with_its_extra(
    firstread: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    done = firstread("app", "--runs", tmp_path, "--port", 0, "--no-browser")
    assert done.code == 2
    assert "gradio is not installed" in done.err
    assert "pip install 'firstread[app]'" in done.err


def test_a_port_that_is_taken_is_told(firstread: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = firstread("app", "--runs", tmp_path, "--port", port, "--no-browser")
    assert done.code == 2
    assert f"127.0.0.1:{port}" in done.err
    assert "choose another" in done.err
