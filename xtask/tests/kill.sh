#!/bin/bash
# A sweep of twelve trials, killed with kill -9 of everything at random moments, ends with the results, weights and report of the sweep
# that nobody killed, byte for byte.
#
#   xtask/tests/kill.sh [KILLS, 50 by default] [SEED OF THE MOMENTS]
set -euo pipefail
kills=${1:-50} RANDOM=${2:-1}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
echo "working in $work"
sed '/^\[\[grid\]\]/,$d' xtask/sweeps/table-1.toml > "$work/twelve.toml"
cat >> "$work/twelve.toml" << 'EOF'
[[grid]]
"model.system" = ["dml", "dml_autoencoder"]
"model.latent_dim" = [2, 10]
"model.encoder.hidden" = [[32]]
"model.decoder.hidden" = [[32]]
"training.epochs" = 12

[[table]]
name = "twelve"
title = "Twelve trials"
rows = ["model.system", "model.latent_dim"]
scores = ["test_folds.knn.accuracy", "test_folds.knn.ami"]
EOF
cargo build --quiet --package xtask --package dml-cli
cp target/debug/xtask target/debug/dml "$work" # What is built meanwhile changes nothing here.
sweep() { # STORE: becomes the sweep, so that $! is its process
  exec "$work/xtask" sweep "$work/twelve.toml" --dml "$work/dml" --seeds 3 --device cpu --store "$work/$1" --out "$work/$1-report" \
    -- --checkpoint-seconds 0 > /dev/null 2> "$work/$1.log"
}

same() {
  diff --recursive "$work/calm-report" "$work/killed-report"
  for id in "$work"/calm/trials/*; do
    for file in result.json weights.safetensors; do
      cmp "$id/$file" "$work/killed/trials/$(basename "$id")/$file"
    done
  done
}

echo "== nobody kills it"
(sweep calm)
echo "== killed $kills times"
killed=0 resumed=0
while [ $killed -lt "$kills" ]; do
  sweep killed &
  engine=$!
  sleep $((RANDOM % 6)).$((RANDOM % 1000))
  kill -KILL $engine $(pgrep --parent $engine) 2> /dev/null || true
  code=0
  wait $engine 2> /dev/null || code=$?
  resumed=$((resumed + $(grep --count "goes on after epoch" "$work/killed.log" || true)))
  if [ $code = 137 ]; then
    killed=$((killed + 1))
  else # It was through before its time came: once more from the start.
    same
    rm -rf "$work/killed"
  fi
done
(sweep killed)
same
echo "killed $killed times, gone on from a checkpoint $resumed times: results, weights and report are the same, byte for byte"
