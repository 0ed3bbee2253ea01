#!/bin/sh
# The checks that need a GPU; docs/gpu.md says what they are.
#   gpu.sh pack   on a machine that builds: puts the programs, trials and MNIST into target/gpu (25 MB)
#   gpu.sh run    on a machine with a GPU and a Python with torch 2.11: runs them and prints a table; fails where the GPU is missing or differs
set -eu
cd "$(dirname "$0")/../../.."
out=target/gpu

pack() {
    cargo build -q -p dml-cli
    built=$(cargo test -q -p dml-models --test training --test devices --no-run --message-format=json)
    rm -rf "$out" && mkdir -p "$out/mnist"
    strip -o "$out/dml" target/debug/dml
    for test in training devices; do
        strip -o "$out/$test" "$(echo "$built" | sed -n "s/.*\"executable\":\"\([^\"]*$test-[^\"]*\)\".*/\1/p")"
    done
    for file in "${DML_CACHE:-$HOME/.cache/dml}"/datasets/mnist/*ubyte; do
        gzip -c "$file" >"$out/mnist/$(basename "$file").gz"
    done
    for store in cpu cuda stack; do
        for system in dml_autoencoder metric_vae; do
            for seed in 0 1 2 3; do
                sed -e "s/^seed = .*/seed = $seed/" -e "s/^system = .*/system = \"$system\"/" \
                    -e 's/hidden = \[32\]/hidden = [512, 256]/' -e 's/^latent_dim = .*/latent_dim = 10/' \
                    tests/trial.toml >"$out/trial.toml"
                id=$("$out/dml" check "$out/trial.toml" | sed 's/.* //')
                mkdir -p "$out/$store/trials/$id"
                mv "$out/trial.toml" "$out/$store/trials/$id/"
            done
        done
    done
    du -sh "$out"
}

run() {
    torch=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')
    # Asked before a binary's own run path, which names the machine that built it.
    export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=20000 DML_DATASETS="$PWD/$out/mnist"
    cuda=${1:-cuda:0}
    gunzip -f -k "$out"/mnist/*.gz
    export DML_TEST_DEVICE="$cuda"
    "$out/devices"
    # A law may hold only to rounding on a GPU (atomic sums have no order): said, and the rest is measured all the same.
    laws=0
    "$out/training" || laws=1
    "$out/dml" run --offline --device cpu --threads 4 "$out"/cpu/trials/* >/dev/null
    "$out/dml" run --offline --device "$cuda" "$out"/cuda/trials/* >/dev/null
    "$out/dml" run --offline --device "$cuda" --stack 4 "$out"/stack/trials/* >/dev/null
    python3 - "$out" <<'PYTHON'
import json, pathlib, statistics, sys
apart = False
print("system           where   accuracy: mean   sd over seeds   seconds a trial")
for system in ["dml_autoencoder", "metric_vae"]:
    means = {}
    for where in ["cpu", "cuda", "stack"]:
        scores, seconds = [], []
        for trial in pathlib.Path(sys.argv[1], where, "trials").iterdir():
            result = json.loads((trial / "result.json").read_text())
            if result["trial"]["model"]["system"] == system:
                scores.append(result["outcome"]["scores"]["test_folds.knn.accuracy"])
                seconds.append(json.loads((trial / "run.json").read_text())["seconds"])
        means[where] = statistics.mean(scores), statistics.stdev(scores)
        print(f"{system:16} {where:6} {means[where][0]:15.4f} {means[where][1]:15.4f} {statistics.mean(seconds):17.1f}")
    mean, noise = means["cpu"]
    for where in ["cuda", "stack"]:
        fits = abs(means[where][0] - mean) < noise
        print(f"{system} {where} is {'' if fits else 'NOT '}within seed noise of the CPU")
        apart |= not fits
sys.exit(apart)
PYTHON
    return $laws
}

case ${1:-} in
pack) pack ;;
run) shift && run "$@" ;;
*) sed -n '2,4s/^# //p' "$0" && exit 2 ;;
esac
