#!/bin/bash
# A stand-in for `dml run --device D --threads N [--until-epoch N] DIR...` that follows its protocol without a model in sight. The trial's
# key `what` says how it behaves; STORE/ran lists the trials in the order in which they were begun.
shift
while [[ $1 == --* ]]; do
  [ "$1" != --until-epoch ] || until=$2
  shift 2
done
say() { printf "$@" || exit 1; } # A closed pipe: the engine is gone.
nap() { sleep "$1" 9>&- & wait $!; } # Without the lock, and a trap ends it.
for dir; do
  id=${dir##*/}
  value() { sed -n "s/^$1 = \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$dir/trial.toml"; }
  what=$(value what) seed=$(value seed) name=$(value name)
  if [ -e "$dir/result.json" ]; then
    say '{"event":"skipped","id":"%s","why":"finished"}\n' "$id"
    continue
  fi
  exec 9>>"$dir/lock"
  if ! flock -n 9; then
    say '{"event":"skipped","id":"%s","why":"claimed"}\n' "$id"
    continue
  fi
  echo "$what $seed${until:+ until $until}" >> "$dir/../../ran"
  trap 'echo checkpoint > "$dir/checkpoint.json"; exit 143' TERM
  say '{"event":"started","id":"%s","epochs":2,"resumed_at":0}\nnoise of a library\n' "$id"
  echo "$what begins" >> "$dir/log.txt"
  attempts=$(sed -n 's/.*"attempts": *\([0-9]*\).*/\1/p' "$dir/failure.json" 2> /dev/null)
  attempts=$((attempts + 1))
  case $what in
    [qw]?) # Eight epochs, and a validation score that is better the larger the digit; w dies once on every way.
      [[ $what == q? || $attempts -gt 1 ]] || kill -KILL $$
      nap 0.05
      if [ "${until:-8}" -lt 8 ]; then
        rm -f "$dir/failure.json"
        say '{"event":"rung","id":"%s","epoch":%d,"score":"s","value":0.%s}\n' "$id" "$until" "${what#?}"
        continue
      fi ;;
    diverges) outcome=diverged kind='"kind":"diverged","epoch":1,"reason":"a weight is not finite"' ;;
    killed) echo "out of memory, says the library" >&2; kill -KILL $$ ;;
    killed_once) [ $attempts -gt 1 ] || kill -KILL $$ ;;
    silent) exec sleep 60 ;;
    stubborn) trap '' TERM; echo deaf >> "$dir/../../ran"; nap 60 ;;
    leaves) exit 0 ;;
    slow) for _ in 1 2 3 4 5; do nap 0.1; say '{"event":"scoring","id":"%s","step":"knn"}\n' "$id"; done ;;
    fails | fails_for_good)
      retry=$([ "$what" = fails ] && echo true || echo false)
      printf '{"reason": "it did not work", "attempts": %d, "retry": %s, "log": []}\n' $attempts $retry > "$dir/failure.json"
      say '{"event":"failed","id":"%s","reason":"it did not work","retry":%s}\n' "$id" $retry
      continue ;;
  esac
  say '{"event":"epoch","id":"%s","epoch":2,"epochs":2,"losses":{"supervised":0.5,"kl":null}}\n' "$id"
  printf '{"format":1,"id":"%s","trial":{"data":{"name":"%s"},"seed":%d,"what":"%s"},' "$id" "$name" "$seed" "$what" > "$dir/.result"
  printf '"outcome":{%s},"curves":{}}\n' "${kind:-\"kind\":\"scored\",\"scores\":{\"accuracy\":0.${seed}5\}}" >> "$dir/.result"
  printf '{"format":1,"version":"0","libtorch":"","device":"none","threads":1,"host":"","finished_at":0,"seconds":0.5}\n' > "$dir/run.json"
  mv "$dir/.result" "$dir/result.json"
  rm -f "$dir/failure.json" "$dir/checkpoint.json"
  say '{"event":"finished","id":"%s","outcome":"%s","seconds":0.5}\n' "$id" "${outcome:-scored}"
done
[ "$retry" = "" ]
