from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from firstread.cluster import check_seen, check_shared, connected
from firstread.errors import DataError, InstallError, NetworkError, UsageError


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A program that says one thing to whoever calls, or nothing at all; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                if answer is not None:
                    line.sendall(answer)
                with suppress(ConnectionError):
                    while line.recv(1024):  # Until the caller hangs up.
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=10)


@pytest.mark.parametrize("address", ["somewhere", "http://host:80", "host:", ":6379"])
def test_what_is_no_address_is_refused_with_what_to_write(address: str) -> None:
    with pytest.raises(UsageError, match=r"write auto, or HOST:PORT"), connected(address):
        pass


def test_a_closed_port_is_told_at_once_with_what_was_tried() -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(NetworkError, match=rf"tried TCP port {port} of 127.0.0.1: .*ray status"),
        connected(f"127.0.0.1:{port}"),
    ):
        pass


def test_an_address_of_another_program_is_told() -> None:
    pytest.importorskip("ray")
    with (
        listener(b"220 mail.example ESMTP\r\n") as port,
        pytest.raises(NetworkError, match=r"is of another program"),
        connected(f"127.0.0.1:{port}"),
    ):
        pass


def test_an_address_that_says_nothing_is_given_up_after_the_time_out() -> None:
    pytest.importorskip("ray")
    with (
        listener(None) as port,
        pytest.raises(NetworkError, match=r"for 0\.2 s"),
        connected(f"127.0.0.1:{port}", timeout=0.2),
    ):
        pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(InstallError, match=r"pip install 'firstread\[cluster\]'"),
        connected("auto"),
    ):
        pass


def test_commands_without_the_flag_load_no_ray() -> None:
    code = (
        "import sys; import firstread.cli, firstread.training, firstread.evaluating; "
        "import firstread.cli.progress; sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_nodes_answer_and_a_connection_of_the_caller_stays(machines: Any) -> None:
    import ray

    with connected("auto") as cluster:
        assert (len(cluster.nodes), cluster.cpus, cluster.started) == (2, 2, False)
        assert "2 nodes, 2 cores" in cluster.sentence()
    assert ray.is_initialized()


@pytest.mark.slow
def test_paths_that_nodes_see_are_told_from_those_that_they_do_not(
    machines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.png").write_bytes(b"pixels")
    with connected("auto") as cluster:
        check_seen(cluster, [tmp_path / "image.png"])
        check_shared(cluster, [tmp_path])
        assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
        # What stands below /proc/self is another thing for every process.
        with pytest.raises(DataError, match=r"/proc/self/cmdline: .* sees another file there"):
            check_seen(cluster, [tmp_path / "image.png", "/proc/self/cmdline"])
        with (tmp_path / "image.png").open() as file:
            own = f"/proc/self/fd/{fcntl.fcntl(file, fcntl.F_DUPFD, 900)}"
            with pytest.raises(DataError, match=r"does not see it"):
                check_seen(cluster, [own])
        os.close(int(own.rpartition("/")[2]))
        with pytest.raises(
            DataError, match=r"/proc/self/cwd: .* can't write there, or has another"
        ):
            check_shared(cluster, ["/proc/self/cwd"])


@pytest.mark.slow
def test_a_node_of_another_version_is_named(machines: Any, tmp_path: Path) -> None:
    (tmp_path / "firstread").mkdir()
    (tmp_path / "firstread" / "__init__.py").write_text('__version__ = "0.0.9"\n')
    node = machines.add_node(
        num_cpus=1, object_store_memory=2**27, env_vars={"PYTHONPATH": str(tmp_path)}
    )
    try:
        with (
            pytest.raises(InstallError, match=r"has firstread 0\.0\.9, and this machine firstread"),
            connected("auto"),
        ):
            pass
    finally:
        machines.remove_node(node)
