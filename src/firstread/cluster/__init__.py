"""The same commands on many machines, by Ray; nothing here is imported without --cluster."""

from firstread.cluster.checks import check_seen, check_shared
from firstread.cluster.connect import connected
from firstread.cluster.nodes import Cluster, Node

__all__ = ["Cluster", "Node", "check_seen", "check_shared", "connected"]
