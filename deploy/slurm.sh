#!/usr/bin/env bash
# Starts Ray on all nodes of a SLURM allocation, and runs one firstread command on them.
#
#   sbatch deploy/slurm.sh train DATA --out RUN
#
# DATA and RUN must be in folders that all nodes share. What stands behind #SBATCH can also be
# given to sbatch. https://docs.ray.io/en/latest/cluster/vms/user-guides/community/slurm.html
#SBATCH --job-name=firstread
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
set -euo pipefail

# Modules and the environment that holds firstread, the same on all nodes:
#   module load python/3.11
#   source /shared/firstread/bin/activate

if (($# == 0)); then
    echo "usage: sbatch $0 COMMAND ...   (for instance: train DATA --out RUN)" >&2
    exit 2
fi

export RAY_USAGE_STATS_ENABLED=0
# Others on these nodes can't join, and a token that the user has for another Ray isn't taken.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN
cpus=${SLURM_CPUS_ON_NODE:-1}
gpus=${SLURM_GPUS_ON_NODE:-0}
# Two jobs on one machine need two ports.
port=${RAY_PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 10000))}

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(srun --nodes=1 --ntasks=1 --overlap -w "$head" hostname --ip-address)
address=${address%% *}:$port

ray_on() { # NODE OPTION...: one Ray that ends with the job
    local node=$1
    shift
    srun --nodes=1 --ntasks=1 --overlap --cpus-per-task="$cpus" -w "$node" \
        ray start --block --num-cpus="$cpus" --num-gpus="$gpus" --disable-usage-stats "$@" &
}

trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
patience=${RAY_WAIT_S:-300}
ray_on "$head" --head --port="$port" --node-ip-address="${address%:*}" --include-dashboard=false
# The other nodes give up at once where the head isn't there yet.
until (: <"/dev/tcp/${address%:*}/$port") 2>/dev/null; do
    if ((SECONDS > patience)); then
        echo "Ray did not start on $head within $patience s; look at this job's output" >&2
        exit 1
    fi
    sleep 1
done
for node in "${nodes[@]:1}"; do
    ray_on "$node" --address="$address"
done

# Until all nodes are there; one that never comes ends the job, which else would idle in its time.
python - "$address" "${#nodes[@]}" "$patience" <<'PYTHON'
import socket
import sys
import time

import ray

address, wanted, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
host, port = address.rsplit(":", 1)
end, there = time.monotonic() + patience, 0
while there < wanted:
    if time.monotonic() > end:
        sys.exit(f"{there} of {wanted} nodes joined {address} within {patience:g} s; look at this "
                 "job's output, and whether the nodes reach each other on that port")
    time.sleep(1)
    quiet = {"ignore_reinit_error": True, "logging_level": "ERROR", "log_to_driver": False}
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        ray.init(address=address, **quiet)
        there = sum(node["Alive"] for node in ray.nodes())
    except (OSError, RuntimeError, ValueError):  # The head is still starting.
        continue
PYTHON

firstread "$@" --cluster "$address"
