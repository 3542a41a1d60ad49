"""The machines of a cluster, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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


def nodes_of(records: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    """Yield the nodes that are alive and have cores."""
    for record in records:
        cpus = record["Resources"].get("CPU", 0.0)
        if record["Alive"] and cpus >= 1:
            name = f"{record['NodeManagerHostname']} ({record['NodeManagerAddress']})"
            yield Node(record["NodeID"], name, cpus, record["Resources"].get("GPU", 0.0))


def this_node() -> Any:
    """Return the scheduling that keeps to this machine what no lost one may take along.

    Ray puts an actor that needs no core on any node.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
