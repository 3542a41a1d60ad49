"""Connects to Ray, and finds out before any work starts whether its nodes can do it."""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from firstread import __version__
from firstread.errors import DataError, InstallError, NetworkError, UsageError
from firstread.outlets.extra import missing

AUTO = "auto"
"""The address that joins the Ray that RAY_ADDRESS names, or starts one where nothing is named.

Not any Ray that happens to run on this machine, as Ray's own `auto` does: that may be somebody
else's.
"""

TIMEOUT_S = 20.0
"""For an address to answer, and then for its nodes."""

STORE_BYTES = 2**30
"""Of shared memory for a Ray that is started here: images never go through it."""

_HEAD = 2**16
# RFC 9113, 3.4 and 4.1: what a client of HTTP/2, and so of gRPC, says first, and the type of the
# frame that a server answers it with.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SETTINGS = 4


@dataclass(frozen=True)
class Node:
    """One machine of a cluster that can run tasks.

    Parameters
    ----------
    id
        As Ray names it.
    address
        Its host name and IP address, for a person to read.
    cpus, gpus
        What Ray may use of it.
    """

    id: str
    address: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray.

    Parameters
    ----------
    address
        What was connected to.
    dashboard
        The link to Ray's own pages; empty where it serves none.
    nodes
        Those that can run tasks, when it was connected to.
    started
        Whether it was started for this command, and ends with it.
    """

    address: str
    dashboard: str
    nodes: tuple[Node, ...]
    started: bool

    @property
    def cpus(self) -> int:
        """Cores of all nodes."""
        return int(sum(node.cpus for node in self.nodes))

    @property
    def gpus(self) -> int:
        """GPUs of all nodes."""
        return int(sum(node.gpus for node in self.nodes))

    def sentence(self) -> str:
        """Say what was connected to.

        Examples
        --------
        >>> Cluster("auto", "", (Node("1", "here", 2, 0),), True).sentence()
        'Ray, started here: 1 node, 2 cores.'
        """
        where = "started here" if self.started else f"at {self.address}"
        nodes = f"{len(self.nodes)} node{'s' if len(self.nodes) > 1 else ''}"
        gpus = f", {self.gpus} GPU{'s' if self.gpus > 1 else ''}" if self.gpus else ""
        seen = f" Its dashboard: {self.dashboard}" if self.dashboard else ""
        return f"Ray, {where}: {nodes}, {self.cpus} cores{gpus}.{seen}"


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
        Seconds for the address to answer, and then for its nodes.

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
        nodes = tuple(_nodes(ray.nodes()))
        if not nodes:
            raise NetworkError(
                f"--cluster {address}: Ray runs there, and none of its nodes has cores"
            )
        dashboard = f"http://{context.dashboard_url}" if context.dashboard_url else ""
        cluster = Cluster(address, dashboard, nodes, started)
        check_versions(cluster, timeout)
        yield cluster
    finally:
        if not joined:
            ray.shutdown()


def ask(
    cluster: Cluster, question: Callable[..., Any], *words: Any, timeout: float = TIMEOUT_S
) -> dict[Node, Any]:
    """Run a function once on every node that is alive now; return what each says.

    Parameters
    ----------
    cluster
        Connected to.
    question
        Where a node may lack firstread, a function within a function: Ray then sends the code
        itself, not its name.
    *words
        Its arguments.
    timeout
        Seconds for all of them together.

    Raises
    ------
    NetworkError
        Naming the nodes that didn't answer in time.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0, max_retries=0)(question)
    asked = {
        remote.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote(*words): node
        for node in _nodes(ray.nodes())
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=timeout)
    answers, broken = {}, {asked[ref]: f"gives no answer within {timeout:g} s" for ref in late}
    for ref in done:
        try:
            answers[asked[ref]] = ray.get(ref)
        except ray.exceptions.RayError as error:
            broken[asked[ref]] = f"can't run tasks ({str(error).strip().splitlines()[-1]})"
    # A node that died meanwhile is none of the cluster's any more.
    alive = {node.id for node in _nodes(ray.nodes())}
    told = [f"{node.address} {what}" for node, what in broken.items() if node.id in alive]
    if told:
        raise NetworkError(
            f"--cluster {cluster.address}: {'; '.join(told)}; look at `ray status`, and take the "
            "node out or start it again"
        )
    return answers


def check_versions(cluster: Cluster, timeout: float = TIMEOUT_S) -> None:
    """Find out whether every node has the firstread and the Python of this machine.

    Raises
    ------
    InstallError
        Naming each node that hasn't, and what it has.
    """

    def versions() -> dict[str, str]:
        import platform as there

        try:
            import firstread as installed
        except ModuleNotFoundError:
            return {"firstread": "", "Python": there.python_version()}
        return {"firstread": installed.__version__, "Python": there.python_version()}

    here = {"firstread": __version__, "Python": platform.python_version()}
    found = ask(cluster, versions, timeout=timeout)
    problems = _differences(here, found)
    if problems:
        raise InstallError("\n".join([*problems, "Install the same there as here."]))


def check_seen(cluster: Cluster, files: Sequence[str | Path], timeout: float = TIMEOUT_S) -> None:
    """Find out whether every node sees some files as this machine does.

    Raises
    ------
    DataError
        Naming the files and the nodes that don't.
    """

    def seen(names: list[str], length: int) -> list[tuple[int, bytes] | None]:
        import hashlib
        from pathlib import Path as There

        looks: list[tuple[int, bytes] | None] = []
        for name in names:
            try:
                with There(name).open("rb") as file:
                    head = hashlib.sha256(file.read(length)).digest()
                looks.append((There(name).stat().st_size, head))
            except OSError:
                looks.append(None)
        return looks

    names = [str(Path(file).absolute()) for file in files]
    here = seen(names, _HEAD)
    problems = [
        f"{name}: {node.address} {'sees another file there' if look else 'does not see it'}"
        for node, looks in ask(cluster, seen, names, _HEAD, timeout=timeout).items()
        for name, look, own in zip(names, looks, here, strict=True)
        if look != own
    ]
    if problems:
        raise DataError(problems, _SHARE)


def check_shared(
    cluster: Cluster, folders: Sequence[str | Path], timeout: float = TIMEOUT_S
) -> None:
    """Find out whether every node can write where this machine reads: puts a file there and back.

    Raises
    ------
    DataError
        Naming the folders and the nodes that can't.
    """

    def leave(names: list[str], mark: str) -> list[str]:
        import uuid as there
        from pathlib import Path as There

        left = []
        for name in names:
            own = There(name) / f"{mark}-{there.uuid4().hex}"
            try:
                own.write_text((There(name) / mark).read_text())
                left.append(str(own))
            except OSError:
                left.append("")
        return left

    mark = f".firstread-{uuid.uuid4().hex}"
    places = [Path(folder).absolute() for folder in folders]
    try:
        for place in places:
            _mark(place / mark)
        answers = ask(cluster, leave, [str(place) for place in places], mark, timeout=timeout)
        problems = [
            f"{place}: {node.address} can't write there, or has another folder of that name"
            for node, left in answers.items()
            for place, name in zip(places, left, strict=True)
            if not (name and Path(name).is_file())
        ]
    finally:
        for place in places:
            for written in place.glob(f"{mark}*"):
                with suppress(OSError):
                    written.unlink()
    if problems:
        raise DataError(problems, _SHARE)


def _mark(file: Path) -> None:
    try:
        file.write_text(file.name)
    except OSError as error:
        raise DataError([f"{file.parent}: can't be written to ({error.strerror})"]) from None


_SHARE = (
    "With --cluster all machines need the same files under the same names: use a folder that they "
    "share (NFS, Lustre, ...), or object storage (s3://, gs://)."
)


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


def _nodes(records: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    """Yield the nodes that are alive and have cores."""
    for record in records:
        cpus = record["Resources"].get("CPU", 0.0)
        if record["Alive"] and cpus >= 1:
            name = f"{record['NodeManagerHostname']} ({record['NodeManagerAddress']})"
            yield Node(record["NodeID"], name, cpus, record["Resources"].get("GPU", 0.0))


def _differences(here: Mapping[str, str], found: Mapping[Node, Mapping[str, str]]) -> list[str]:
    """Return a sentence for everything that some node has and this machine hasn't."""
    return [
        f"{node.address} has {f'{name} {there[name]}' if there[name] else f'no {name}'}, and this "
        f"machine {name} {version}"
        for node, there in found.items()
        for name, version in here.items()
        if there[name] != version
    ]
