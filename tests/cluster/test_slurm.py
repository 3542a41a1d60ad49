"""The script for SLURM, with stand-ins for its commands that run everything on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm.sh"
STAND_INS = {
    "scontrol": 'echo "one"; echo "two"',
    # Its options end where the command begins.
    "srun": 'while [[ $1 == -* ]]; do [[ $1 == -w ]] && shift; shift; done; exec "$@"',
    "firstread": f"""exec {sys.executable} -c '
import sys
from firstread.cluster import connected
with connected(sys.argv[-1]) as cluster:
    print(*sys.argv[1:-2], len(cluster.nodes), cluster.cpus)
' "$@" """,
}


@pytest.fixture
def allocation(tmp_path: Path) -> dict[str, str]:
    """The environment of a job on two nodes of one core each."""
    for name, body in STAND_INS.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    paths = [str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]]
    job = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_ON_NODE": "1", "RAY_PORT": str(port)}
    return {**os.environ, **job, "PATH": os.pathsep.join(paths)}


def test_it_is_good_bash() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    shellcheck = shutil.which("shellcheck")
    if shellcheck is not None:
        subprocess.run([shellcheck, SCRIPT], check=True)


def test_without_a_command_it_says_what_to_give() -> None:
    said = subprocess.run(["bash", SCRIPT], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "sbatch" in said.stderr


@pytest.mark.slow
def test_the_command_gets_a_ray_of_all_nodes_which_ends_with_it(
    allocation: dict[str, str],
) -> None:
    pytest.importorskip("ray")
    words = ["train", "a folder", "--out", "RUN"]
    said = subprocess.run(
        ["bash", SCRIPT, *words], env=allocation, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "train a folder --out RUN 2 2" in said.stdout.splitlines()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(allocation["RAY_PORT"])), timeout=5)


@pytest.mark.slow
def test_a_node_that_never_comes_ends_the_job(allocation: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    # Only the head starts.
    (tmp_path / "srun").write_text(
        "#!/usr/bin/env bash\n"
        f'[[ "$*" == *"-w two"* ]] && exit 1; {STAND_INS["srun"].replace("exec", "exec ", 1)}\n'
    )
    job = {**allocation, "RAY_WAIT_S": "15"}
    said = subprocess.run(
        ["bash", SCRIPT, "train"], env=job, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert "of 2 nodes joined" in said.stderr
