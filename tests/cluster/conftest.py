"""One Ray for all tests of a module; those that need it are skipped where it isn't installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

STORE = 128 * 2**20


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A cluster of two simulated machines of one core each, which this process is connected to."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'firstread[cluster]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
