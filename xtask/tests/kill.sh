#!/bin/bash
# A sweep of twelve trials, killed with kill -9 of everything at random moments, ends with the
# results, weights and report of the undisturbed sweep, byte for byte.
#
#   xtask/tests/kill.sh [KILLS, 50 by default] [SEED OF THE MOMENTS]
kills=${1:-50} RANDOM=${2:-1}
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sweep_file twelve 150
run() { sweep twelve "$work/$1" --seeds 3 --quiet -- --checkpoint-seconds 0; }
epochs() { cat "$work"/killed/trials/*/log.txt 2> /dev/null | grep --count '^epoch' || true; }
children() { grep --files-with-matches --no-messages "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d/ -f3; }

start=$SECONDS
run calm > /dev/null
echo "the sweep takes $((SECONDS - start)) s; killing it $kills times"
killed=0 training=0 resumed=0
compare() {
  resumed=$((resumed + $(cat "$work"/killed/trials/*/log.txt | grep --count '^resumed after epoch' || true)))
  same "$work/calm" "$work/killed"
}
while [ $killed -lt "$kills" ]; do
  by=exec run killed > /dev/null 2> "$work/said" &
  engine=$! before=$(epochs)
  while [ "$(epochs)" -le "$before" ] && kill -0 $engine 2> /dev/null; do sleep 0.05; done # Until a model trains.
  sleep $((RANDOM % 2)).$((RANDOM % 900 + 100))
  kill -KILL $engine $(children $engine) 2> /dev/null || true
  code=0
  wait $engine 2> /dev/null || code=$?
  if [ $code = 137 ]; then
    killed=$((killed + 1))
    ! compgen -G "$work/killed/trials/*/checkpoint.json" > /dev/null || training=$((training + 1))
  elif [ $code = 0 ]; then # It was through before its time came: once more from the start.
    compare
    rm -rf "$work/killed"
  else
    cat "$work/said" >&2
    exit 1
  fi
done
run killed > /dev/null
compare
[ $training -gt 0 ] || { echo "no kill came while a model trained, so nothing is proved" >&2; exit 1; }
echo "killed $killed times, $training times while a model trained; $resumed trials went on from a checkpoint: results, weights and report are the same, byte for byte"
