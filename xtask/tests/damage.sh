#!/bin/bash
# A disk that fills up, a store that cannot be written, a damaged result and a truncated checkpoint:
# a sweep says it in one sentence each, loses nothing else, and ends, once that is mended, with the
# bytes of the undisturbed sweep. Mounts a small tmpfs that only this script sees.
if [ "${1:-}" != mounts ]; then
  # Built here: cargo has no business in a user namespace.
  [ -n "${built:-}" ] || (cd "$(dirname "${BASH_SOURCE[0]}")/../.." && cargo build --quiet --package xtask --package dml-cli && cargo build --quiet --package dml-report) || exit
  options=--mount
  [ "$(id -u)" = 0 ] || options="--map-root-user --mount"
  built=true exec unshare $options "${BASH_SOURCE[0]}" mounts
fi
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sweep_file four 20
disk=$work/disk
store=$disk/store
mkdir "$disk"
mount -t tmpfs -o size=20k none "$disk"
at_end="umount $disk"
run() { sweep four "$store" --jobs 1 --retries 0 --retry-failed --quiet -- --checkpoint-seconds 0 > "$work/printed" 2> "$work/said"; }
results() { find "$store" -name result.json | wc -l; }
fails_with() { # SENTENCE RESULTS: the sweep ends with exit code 1 and says this, and this many results are there
  local code=0
  run || code=$?
  [ $code = 1 ] && grep --quiet "$1" "$work/said" && ! grep --quiet panicked "$work/said" && [ "$(results)" = "$2" ] && return
  echo "exit code $code and $(results) results, where 1, $2 and '$1' were expected:" >&2
  cat "$work/said" >&2
  exit 1
}

sweep four "$work/calm" --jobs 1 --quiet > /dev/null

size=20 done=0 full=0
until run; do # A little more room each time: the disk fills up at ever other places.
  full=$((full + 1))
  grep --quiet 'No space left on device' "$work/said" && ! grep --quiet panicked "$work/said" && [ "$(results)" -ge "$done" ] || {
    cat "$work/said" >&2
    exit 1
  }
  done=$(results) size=$((size + 20))
  mount -o "remount,size=${size}k" "$disk"
done
same "$work/calm" "$store"
echo "the disk was full $full times"
mount -o remount,size=10M "$disk"

trials=("$store"/trials/*)
rm "${trials[0]}/result.json"
mount -o remount,ro "$disk"
fails_with 'Read-only file system' 3
sweep four "$store" --status | grep '4 trials: 3 done, 0 running, 0 failed, 1 missing' > /dev/null
mount -o remount,rw "$disk"
run
same "$work/calm" "$store"
echo "the store was read-only"

truncate --size=100 "${trials[1]}/result.json"
rm "${trials[2]}/result.json"
fails_with "${trials[1]}/result.json.*delete it to run the trial again" 4
rm "${trials[1]}/result.json"
run
same "$work/calm" "$store"
echo "a result was damaged"

for kind in json safetensors; do
  rm -f "${trials[3]}"/{result,rungs}.json
  "$work/dml" run --device cpu --until-epoch 10 "${trials[3]}" > /dev/null 2>&1
  truncate --size=100 "${trials[3]}"/checkpoint*."$kind"
  run
  tail --lines=30 "${trials[3]}/log.txt" | grep "checkpoint.*$kind.*starting afresh" > /dev/null
  same "$work/calm" "$store"
done
echo "a checkpoint was truncated; every sweep ended with the bytes of the undisturbed one"
