#!/bin/bash
# Stops what up.sh started in DIR.
set -u
for pid in "$1"/slurmd.pid "$1"/slurmctld.pid "$1"/munge/pid; do
  [ -e "$pid" ] && kill "$(cat "$pid")" 2> /dev/null
done
for _ in $(seq 50); do
  [ -e "$1/slurmctld.pid" ] || [ -e "$1/slurmd.pid" ] || exit 0
  sleep 0.1
done
