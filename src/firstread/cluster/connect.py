"""Connects to Ray, or starts it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from firstread.cluster.checks import check_versions
from firstread.cluster.nodes import Cluster, nodes_of
from firstread.errors import NetworkError, UsageError
from firstread.outlets.extra import missing

AUTO = "auto"
"""The address that joins the Ray that RAY_ADDRESS names, or starts one where nothing is named.

Not any Ray that happens to run on this machine, as Ray's own `auto` does: that may be somebody
else's.
"""

TIMEOUT_S = 20.0
"""For an address to answer."""

STORE_BYTES = 2**30
"""Of shared memory for a Ray that is started here: images never go through it."""

# RFC 9113, 3.4 and 4.1: what a client of HTTP/2, and so of gRPC, says first, and the type of the
# frame that a server answers it with.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SETTINGS = 4


def load_ray() -> ModuleType:
    """Import Ray, which reports nothing of its use to its makers then.

    Raises
    ------
    InstallError
        If it isn't installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Errors come back as exceptions; what Ray writes besides is of use to its makers.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray warns at every start that one day it won't hide GPUs from tasks that ask for none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise missing(error, "cluster", "--cluster needs it") from None
    loaded: ModuleType = ray
    return loaded


@contextmanager
def connected(address: str, timeout: float = TIMEOUT_S) -> Iterator[Cluster]:
    """Connect to Ray within the block; end what was started for it.

    A connection that this process has already is used, and stays.

    Parameters
    ----------
    address
        The HOST:PORT of a Ray that this machine is a node of; or `auto`: that of the environment
        variable RAY_ADDRESS, else a Ray of its own on this machine.
    timeout
        Seconds for the address to answer.

    Raises
    ------
    InstallError
        If Ray isn't installed, or a node has another firstread or Python.
    NetworkError
        If nothing answers at the address, or a node doesn't.
    UsageError
        If the address isn't one.
    """
    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS") or AUTO
    if address != AUTO:
        _split(address)
    ray = load_ray()
    joined = ray.is_initialized()
    context, started = _join(ray, address, timeout)
    try:
        nodes = tuple(nodes_of(ray.nodes()))
        if not nodes:
            raise NetworkError(
                f"--cluster {address}: Ray runs there, and none of its nodes has cores"
            )
        dashboard = f"http://{context.dashboard_url}" if context.dashboard_url else ""
        cluster = Cluster(address, dashboard, nodes, started)
        check_versions(cluster)
        yield cluster
    finally:
        if not joined:
            ray.shutdown()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise UsageError(
            f"--cluster {address}: write auto, or HOST:PORT as `ray start --head` prints it "
            "(ray.sub-net.org:6379)"
        )
    return host.strip("[]"), int(port)


def _join(ray: ModuleType, address: str, timeout: float) -> tuple[Any, bool]:
    """Connect; return what Ray says of it, and whether it was started for it."""
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if ray.is_initialized():
        return ray.init(ignore_reinit_error=True, **quiet), False
    if address == AUTO:
        own = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        with _hushed():
            return ray.init(address="local", **own, **quiet), True
    _knock(address, timeout)
    try:
        with _hushed():
            return ray.init(address=address, **quiet), False
    except (OSError, RuntimeError, ValueError) as error:  # Another Ray, or no node of it here.
        raise _refused(address, error) from None


@contextmanager
def _hushed() -> Iterator[None]:
    """Drop what is written to standard error: Ray tells there how it was told to be quiet."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _refused(address: str, error: Exception) -> NetworkError:
    return NetworkError(f"--cluster {address}: Ray refuses ({' '.join(str(error).split())})")


def _knock(address: str, timeout: float) -> None:
    """Find out whether something at an address speaks gRPC.

    Ray itself tries for minutes where nothing does, and then ends the process.
    """
    host, port = _split(address)
    tried = f"--cluster {address}: no Ray answers"
    way = "Look at `ray status` there; `ray start --head` prints the address."
    try:
        with socket.create_connection((host, port), timeout=timeout) as line:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            line.sendall(_PREFACE)
            answer = line.recv(9)
    except socket.gaierror as error:
        raise NetworkError(f"{tried} (looked up {host}: {error.strerror}). {way}") from None
    except TimeoutError:
        raise NetworkError(
            f"{tried} (tried TCP port {port} of {host} for {timeout:g} s). {way}"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise NetworkError(f"{tried} (tried TCP port {port} of {host}: {reason}). {way}") from None
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise NetworkError(f"{tried} (TCP port {port} of {host} is of another program). {way}")
