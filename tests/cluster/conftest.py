"""One Ray for all tests of a module; those that need it are skipped where it isn't installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from firstread.backbones import Origin
from firstread.classifier import Classifier
from firstread.learning import network_of
from firstread.run import PLAN
from firstread.training import make_plan

STORE = 128 * 2**20

# Python runs this when it starts: in the workers of the simulated machines, and in whatever they
# start. So a file of this name ends its reader, as one does that a decoder written in C can't take.
_DEADLY = """
import os, signal, PIL.Image
opened = PIL.Image.open
def open(file, *args, **kwargs):
    if "deadly" in str(getattr(file, "name", file)):
        os.kill(os.getpid(), signal.SIGKILL)
    return opened(file, *args, **kwargs)
PIL.Image.open = open
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a folder on a disk of so many KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(size: int) -> Path:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount a small disk to fill up")
        return folder

    yield mounted
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of two simulated machines of one core each, which this process is connected to."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'firstread[cluster]'")
    import ray
    from ray.cluster_utils import Cluster

    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(_DEADLY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", f"{start}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(num_cpus=1, object_store_memory=STORE)
            ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with random weights, at 32 px."""
    folder = tmp_path_factory.mktemp("run")
    choices = {"backbone": "phantom_s", "weights": "none", "strategy": "scratch", "image_size": 32}
    plan = make_plan("nowhere", choices)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network, origin = network_of(plan, 2)
    assert isinstance(origin, Origin)
    Classifier(network.eval(), ("bright", "dark"), "linear", origin).save(folder)
    plan.save(folder / PLAN)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 150 images of noise, one of them cut off in the middle."""
    folder = tmp_path_factory.mktemp("films")
    random = np.random.default_rng(0)
    for number in range(150):
        pixels = random.integers(0, 256, (24, 30)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    damaged = folder / "070.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    return folder
