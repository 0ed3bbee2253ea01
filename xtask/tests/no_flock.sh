#!/bin/bash
# On a file system without flock, which a preloaded library plays, a sweep says what is missing and what to do, and fails no trial. With
# --heartbeat it runs; killed with kill -9, it takes its own claims over once they are old; two sweeps at once run no trial twice; and all
# end with the bytes of the undisturbed sweep.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
echo '#include <errno.h>
int flock(int fd, int operation) { (void)fd; (void)operation; errno = ENOSYS; return -1; }' > "$work/no_flock.c"
cc -shared -fPIC -o "$work/no_flock.so" "$work/no_flock.c"
sweep_file four 60
run() { by="${exec:-} env LD_PRELOAD=$work/no_flock.so" sweep four "$@"; }
children() { grep --files-with-matches --no-messages "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d/ -f3; }
begun() { cat "$1"/trials/*/log.txt 2> /dev/null | grep --count '^epoch 1 of' || true; }

sweep four "$work/calm" --jobs 2 --quiet > /dev/null

code=0
run "$work/store" --quiet > /dev/null 2> "$work/said" || code=$?
[ $code = 1 ] && grep --quiet 'has no file locks (Function not implemented.*with --heartbeat' "$work/said" || { cat "$work/said" >&2; exit 1; }
! compgen -G "$work/store/trials/*/failure.json" > /dev/null || { echo "a trial failed" >&2; exit 1; }
echo "without --heartbeat it says what is missing"

exec=exec run "$work/store" --heartbeat=2 --jobs 2 --quiet -- --checkpoint-seconds 0 > /dev/null 2> "$work/said" &
engine=$!
until [ "$(begun "$work/store")" -ge 2 ]; do
  kill -0 $engine 2> /dev/null || { cat "$work/said" >&2; exit 1; }
  sleep 0.05
done
kill -KILL $engine $(children $engine)
wait $engine 2> /dev/null || true
compgen -G "$work/store/trials/*/lock-1" > /dev/null || { echo "no claim was left behind, so nothing is proved" >&2; exit 1; }
run "$work/store" --jobs 2 --quiet > /dev/null # The store remembers.
same "$work/calm" "$work/store"
! compgen -G "$work/store/trials/*/lock-*" > /dev/null || { echo "a claim is left" >&2; exit 1; }
echo "killed, it took its claims over"

run "$work/twice" --heartbeat=60 --jobs 1 --quiet > /dev/null &
other=$!
run "$work/twice" --heartbeat=60 --jobs 1 --quiet > /dev/null
wait $other
same "$work/calm" "$work/twice"
[ "$(begun "$work/twice")" = 4 ] || { echo "a trial was run twice" >&2; exit 1; }
echo "two sweeps at once ran no trial twice"
