"""The same commands on many machines, by Ray; nothing here is imported without --cluster."""

from firstread.cluster.connect import Cluster, Node, check_seen, check_shared, connected

__all__ = ["Cluster", "Node", "check_seen", "check_shared", "connected"]
