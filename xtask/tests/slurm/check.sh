#!/bin/bash
# From end to end on a real Slurm of one node: a sweep of eight trials as an array job, of which one process is killed and one task
# requeued, ends with the report of the local sweep, byte for byte. Minutes; needs the packages that up.sh names.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
work=$(mktemp -d)
cargo build --quiet --package xtask --package dml-cli
cp target/debug/xtask target/debug/dml "$work" # What is built meanwhile changes nothing here.
trap '"$here/down.sh" "$work/slurm"' EXIT
echo "working in $work"
"$here/up.sh" "$work/slurm"
export SLURM_CONF=$work/slurm/slurm.conf

# The base trial of `table-1`, smaller.
sed '/^\[\[grid\]\]/,$d' xtask/sweeps/table-1.toml > "$work/eight.toml"
cat >> "$work/eight.toml" << 'EOF'
[[grid]]
"model.system" = ["dml", "dml_autoencoder"]
"model.latent_dim" = [2, 10]
"model.encoder.hidden" = [[32]]
"model.decoder.hidden" = [[32]]
"training.epochs" = 6

[[table]]
name = "eight"
title = "Eight trials"
rows = ["model.system", "model.latent_dim"]
scores = ["test_folds.knn.accuracy", "test_folds.knn.ami"]
EOF
sweep() { "$work/xtask" sweep "$work/eight.toml" --dml "$work/dml" --seeds 2 --device cpu "$@"; }
on_slurm() { sweep --store "$work/cluster" --out "$work/cluster-report" --executor slurm "$@"; }
tasks() { squeue --noheader --array --format='%K %A %T' "$@"; } # index, job, state
until_true() { # SENTENCE COMMAND: for five minutes at most
  for _ in $(seq 600); do eval "$2" && return; sleep 0.5; done
  echo "waited in vain: $1" >&2
  tasks >&2
  exit 1
}
log() { echo "$work/cluster/slurm/eight-1/logs/$1"; }
epochs() { cat "$(log "$1")" 2> /dev/null | grep --count '"event":"epoch"'; }

echo "== the local sweep"
sweep --store "$work/local" --out "$work/local-report" --quiet > /dev/null

echo "== the same as an array of two tasks at a time"
on_slurm --at-once 2
until_true "two tasks train" '[ "$(epochs 0)" -ge 1 ] && [ "$(epochs 1)" -ge 1 ]'

read -r _ job _ < <(tasks --states=RUNNING | grep '^0 ')
victim=$(scontrol listpids "$job" | awk '$1 > 0 { print $1 }' | while read -r pid; do
  [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = dml ] && echo "$pid"
done | head -1)
echo "== kill -9 of process $victim of task 0, requeue of task 1"
kill -KILL "$victim"
read -r _ job _ < <(tasks --states=RUNNING | grep '^1 ')
scontrol requeue "$job"
until_true "task 1 is back in the queue" 'tasks --states=PENDING | grep -q "^1 "'
scontrol update JobId="$job" StartTime=now # Slurm lets a requeued job wait two minutes.
until_true "the array ends" '[ -z "$(tasks)" ]'
grep --quiet '"resumed_at":[1-9]' "$(log 1)" || { echo "task 1 did not resume from its checkpoint" >&2; exit 1; }

echo "== what is left: the trial of the killed process, and nothing else"
sweep --store "$work/cluster" --status | tee "$work/status"
grep --quiet '8 trials: 7 done, 0 running, 0 failed, 1 missing' "$work/status"
on_slurm | tee "$work/submitted"
grep --quiet '1 trial in 1 task;' "$work/submitted"
until_true "the second array ends" '[ -z "$(tasks)" ]'

echo "== the report"
on_slurm --quiet
diff --recursive "$work/local-report" "$work/cluster-report"
for id in "$work"/local/trials/*; do
  cmp "$id/result.json" "$work/cluster/trials/$(basename "$id")/result.json"
  cmp "$id/weights.safetensors" "$work/cluster/trials/$(basename "$id")/weights.safetensors"
done
echo "Slurm's report, results and weights are the local sweep's, byte for byte"
