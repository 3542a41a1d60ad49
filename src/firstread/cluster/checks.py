"""Finds out before any work starts whether the machines of a cluster can do it."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from firstread import __version__
from firstread.cluster.nodes import Cluster, Node, nodes_of
from firstread.errors import DataError, InstallError, NetworkError

TIMEOUT_S = 60.0
"""For all machines to answer: each may first have to load Python from a shared disk."""

_HEAD = 2**16
_SHARE = (
    "With --cluster all machines need the same files under the same names: use a folder that they "
    "share (NFS, Lustre, ...), or object storage (s3://, gs://)."
)


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
        for node in nodes_of(ray.nodes())
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=timeout)
    answers, broken = {}, {asked[ref]: f"gives no answer within {timeout:g} s" for ref in late}
    for ref in done:
        try:
            answers[asked[ref]] = ray.get(ref)
        except ray.exceptions.RayError as error:
            broken[asked[ref]] = f"can't run tasks ({str(error).strip().splitlines()[-1]})"
    # A node that died meanwhile is none of the cluster's any more.
    alive = {node.id for node in nodes_of(ray.nodes())}
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


def _differences(here: Mapping[str, str], found: Mapping[Node, Mapping[str, str]]) -> list[str]:
    """Return a sentence for everything that some node has and this machine hasn't."""
    return [
        f"{node.address} has {f'{name} {there[name]}' if there[name] else f'no {name}'}, and this "
        f"machine {name} {version}"
        for node, there in found.items()
        for name, version in here.items()
        if there[name] != version
    ]
