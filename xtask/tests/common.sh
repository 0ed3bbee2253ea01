# What the proving scripts share; sourced. $work: a folder with its own copies of the binaries (what is built meanwhile changes nothing), and
# a small made-up data set. It goes away when all is well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# Two calls: what the report needs is not built a second time with the features of the others.
[ -n "${built:-}" ] || { cargo build --quiet --package xtask --package dml-cli && cargo build --quiet --package dml-report; }
work=$(mktemp -d)
at_end=true # A command to be run at the end, however it comes.
trap 'code=$?; $at_end || code=1; [ $code = 0 ] && rm -rf "$work" || echo "failed; what there is to see is in $work" >&2; exit $code' EXIT
cp "${CARGO_TARGET_DIR:-target}"/debug/{xtask,dml,dml-report} "$work"
export DML_REPORT=$work/dml-report
python3 xtask/tests/made_up_data.py "$work/data.npz"

# Four trials a seed on the made-up data, as $work/NAME.toml; the base is table-1's, smaller.
sweep_file() { # NAME EPOCHS
  sed '/^\[\[grid\]\]/,$d; s/^seeds = .*/seeds = 1/' xtask/sweeps/table-1.toml > "$work/$1.toml"
  cat >> "$work/$1.toml" << END
[[grid]]
"data.name" = "$work/data.npz"
"data.labelled_percent" = 10.0
"data.validation" = 100
"model.system" = ["dml", "dml_autoencoder"]
"model.latent_dim" = [2, 10]
"model.encoder.hidden" = [[32]]
"model.decoder.hidden" = [[32]]
"training.epochs" = $2

[[table]]
name = "$1"
title = "The models, small"
rows = ["model.system", "model.latent_dim"]
scores = ["test_folds.knn.accuracy", "test_folds.knn.ami"]
END
}

sweep() { # NAME STORE MORE...: the report goes to STORE-report; `by=exec sweep … &` makes $! the engine itself, `device=… sweep …` computes elsewhere
  local name=$1 store=$2
  shift 2
  ${by:-} "$work/xtask" sweep "$work/$name.toml" --dml "$work/dml" --device "${device:-cpu}" --store "$store" --out "$store-report" "$@"
}

same() { # STORE STORE: reports, results and weights are equal, byte for byte
  diff --recursive "$1-report" "$2-report"
  local id file
  for id in "$1"/trials/*; do
    for file in result.json weights.safetensors; do
      cmp "$id/$file" "$2/trials/$(basename "$id")/$file"
    done
  done
}
