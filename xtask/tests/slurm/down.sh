#!/bin/bash
# Stops what up.sh started in DIR, jobs first; exit code 1 if something is left after half a minute.
set -u
dir=$(cd "$1" && pwd) code=0
export SLURM_CONF=$dir/slurm.conf
until_true() { for _ in $(seq 300); do "$@" && return; sleep 0.1; done; echo "down.sh: waited in vain: $*" >&2; false; }
no_jobs() { local left; left=$(squeue --noheader) && [ -z "$left" ]; }
no_daemons() { [ ! -e "$dir/slurmd.pid" ] && [ ! -e "$dir/slurmctld.pid" ]; }
if [ -e "$dir/slurmctld.pid" ]; then
  scancel --user="$(id -un)"
  until_true no_jobs || code=1 # KillWait is 20 s.
fi
for pid in "$dir"/slurmd.pid "$dir"/slurmctld.pid "$dir"/munge/pid; do
  [ -e "$pid" ] && kill "$(cat "$pid")" 2> /dev/null
done
until_true no_daemons || code=1
exit $code
