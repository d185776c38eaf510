#!/usr/bin/env bash
# Training on two nodes with one worker each:  sbatch configs/cluster/slurm.sh
#
# SLURM names the workers, so that no TF_CONFIG is needed. The workdir must be on a file
# system that all nodes share. Submitted again, the job goes on where it stopped.
#SBATCH --job-name=keras-twins
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
set -euo pipefail

srun keras-twins train --strategy=multi_worker \
  --config=configs/cifar10.py --config.data_dir="$DATA" --workdir="$RUNS/cifar10"
