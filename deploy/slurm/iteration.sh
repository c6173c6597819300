#!/bin/bash
# The job that a worker with TUTELAGE_RUNNER=slurm submits for an iteration: its template, by
# TUTELAGE_JOB_TEMPLATE=/etc/tutelage/iteration.sh. The worker runs on a login node. The data folder
# is on a file system that both see, or TUTELAGE_ARTIFACTS names a bucket.
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --gpus=1
#SBATCH --output=tutelage-%j.log
#SBATCH --export=ALL
exec /opt/tutelage/bin/tutelage iterate --id ${iteration}
