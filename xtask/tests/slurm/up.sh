#!/bin/bash
# Starts a Slurm of one node on this machine, for tests: its own munge key and socket, loopback only, nothing outside DIR.
#
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#   up.sh DIR [PORT]; export SLURM_CONF=DIR/slurm.conf; sbatch --wrap hostname; down.sh DIR
set -euo pipefail
mkdir -p "$1"
dir=$(cd "$1" && pwd) port=${2:-16817}
user=$(id -un) host=$(hostname -s)
mkdir -p "$dir"/{state,spool,munge}
chmod 0700 "$dir/munge"
export PATH=$PATH:/usr/sbin:/sbin

for program in munged slurmctld slurmd sbatch; do
  command -v $program > /dev/null || { echo "$program is missing: install slurmctld, slurmd, slurm-client and munge" >&2; exit 1; }
done

# Settings that matter: no accounting database and no cgroups (containers have none); a killed task gets KillWait seconds for its
# checkpoint; a node that was down comes back by itself; jobs are looked at every second; two CPUs, whatever the machine has.
cat > "$dir/slurm.conf" << EOF
ClusterName=dml
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=20
MinJobAge=300
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF

head -c 1024 /dev/urandom > "$dir/munge/key"
chmod 0400 "$dir/munge/key"
munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
  --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" 2>> "$dir/munge/errors"
export SLURM_CONF=$dir/slurm.conf
slurmctld
slurmd
for _ in $(seq 150); do
  [ "$(sinfo --noheader --format=%T 2> /dev/null)" = idle ] && { echo "Slurm is up: export SLURM_CONF=$dir/slurm.conf"; exit 0; }
  sleep 0.2
done
echo "Slurm did not come up within 30 s; see $dir/slurmctld.log and $dir/slurmd.log" >&2
exit 1
