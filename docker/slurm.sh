#!/bin/bash
# One study on several nodes of a Slurm cluster:
#   sbatch docker/slurm.sh studies/cheng2021.toml
# `ray symmetric-run` starts Ray on every node, runs the command on the first one and stops Ray.
#SBATCH --job-name=augsearch
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=12:00:00
# Slurm asks for an end five minutes before the time is up, and the job goes into the queue again:
# the run goes on where it was.
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
set -euo pipefail

study=${1:?name a study file: sbatch docker/slurm.sh STUDY}
# A folder that all nodes see; the virtual environment with augsearch[ray] must be there too.
work=${AUGSEARCH_WORK:-$SLURM_SUBMIT_DIR}
cd "$work"
export PATH=$work/.venv/bin:$PATH

# Nobody else on these nodes may give this cluster work: a fresh token for each job.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
port=$((20000 + SLURM_JOB_ID % 20000))

requeue() { scontrol requeue "$SLURM_JOB_ID"; }
trap requeue USR1

srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" \
    ray symmetric-run --address "${nodes[0]}:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_PER_TASK" -- \
    augsearch run "$study" --engine ray --address "${nodes[0]}:$port" &
wait $!
