#!/bin/bash
# From end to end on a real Slurm of one node: a sweep of eight trials as an array job, of which one process is killed and one task
# requeued, ends with the report of the local sweep, byte for byte. The store's name has blanks and a %, which is Slurm's pattern in names
# of files, and the job a comment of two words. Minutes; needs the packages that up.sh names.
slurm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$slurm/../common.sh"
at_end="$slurm/down.sh $work/slurm"
is_taken() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
port=$((20000 + RANDOM % 10000))
while is_taken $port || is_taken $((port + 1)); do port=$((port + 2)); done
"$slurm/up.sh" "$work/slurm" $port
export SLURM_CONF=$work/slurm/slurm.conf

sweep_file eight 600
cluster="$work/my store 50%a"
here() { sweep eight "$work/local" --seeds 2 --quiet; }
on_slurm() { sweep eight "$cluster" --seeds 2 --executor slurm --sbatch="--comment='two words'" "$@" -- --checkpoint-seconds 0; }
status() { sweep eight "$cluster" --seeds 2 --status; }
tasks() { squeue --noheader --array --format='%K %A %T' "$@"; } # index, job, state
none() { local left; left=$(tasks) && [ -z "$left" ]; } # A squeue that fails says nothing too.
until_true() { # SENTENCE COMMAND: for a quarter of an hour at most
  for _ in $(seq 1800); do eval "$2" && return; sleep 0.5; done
  echo "waited in vain: $1" >&2
  tasks >&2
  exit 1
}
log() { echo "$cluster/slurm/eight-1/logs/$1"; }
epochs() { cat "$(log "$1")" 2> /dev/null | grep --count '"event":"epoch"'; }

echo "== the local sweep"
here > /dev/null

echo "== the same as an array of two tasks at a time"
on_slurm --at-once 2
until_true "two tasks train" '[ "$(epochs 0)" -ge 1 ] && [ "$(epochs 1)" -ge 1 ]'

read -r _ job _ < <(tasks --states=RUNNING | grep '^0 ') || {
  echo "task 0 ended before task 1 trained: this machine needs longer trials than 600 epochs" >&2
  exit 1
}
victim=$(scontrol listpids "$job" | awk '$1 > 0 { print $1 }' | while read -r pid; do
  if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = dml ]; then echo "$pid"; fi
done | head -1)
echo "== kill -9 of process $victim of task 0, requeue of task 1"
scontrol show job "$job" | grep '^ *Comment=two words *$' > /dev/null || { echo "sbatch split the comment" >&2; exit 1; }
kill -KILL "$victim"
read -r _ job _ < <(tasks --states=RUNNING | grep '^1 ')
scontrol requeue "$job"
until_true "task 1 is back in the queue" 'tasks --states=PENDING | grep -q "^1 "'
scontrol update JobId="$job" StartTime=now # Slurm lets a requeued job wait two minutes.
until_true "the array ends" none
grep --quiet '"resumed_at":[1-9]' "$(log 1)" || { echo "task 1 did not resume from its checkpoint" >&2; exit 1; }

echo "== what is left: the trial of the killed process, which the store tells, and nothing else"
for _ in 1 2; do status > "$work/status"; done # Asked twice, counted once.
cat "$work/status"
grep '8 trials: 7 done, 0 running, 1 failed, 0 missing' "$work/status" > /dev/null
grep 'failed: its process in Slurm task [0-9]*_0 was killed by signal 9' "$work/status" > /dev/null
sweep eight "$cluster" --seeds 2 --plan --retries 0 | grep 'to run: nothing' > /dev/null
on_slurm | tee "$work/submitted"
grep '1 trial in 1 task;' "$work/submitted" > /dev/null
until_true "the second array ends" none

echo "== the report"
on_slurm --quiet > /dev/null
same "$work/local" "$cluster"
echo "Slurm's report, results and weights are the local sweep's, byte for byte"
