#!/bin/bash
# A real sweep's results, latent spaces, weights, embeddings and TensorBoard events are opened with the Python packages that people use, and
# the embeddings of a model that `dml fit` made give scikit-learn the labels that `dml label` gives.
#
#   PYTHON=.../bin/python xtask/tests/interchange.sh      # with pandas, numpy, safetensors, tensorboard, scikit-learn
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sweep_file small 5
sweep small "$work/store" --seeds 1 --quiet -- --tensorboard > /dev/null
mkdir "$work/embeddings"
for trial in "$work"/store/trials/*; do
  "$work/dml" embed "$trial" --device cpu --out "$work/embeddings/${trial##*/}.npz" > /dev/null
done
python=${PYTHON:-python3}
"$python" xtask/tests/interchange.py "$work/store-report" "$work/store" "$work/embeddings" "$work/data.npz"

"$python" xtask/tests/neighbours.py partly "$work/data.npz" "$work/partly.npz"
"$work/dml" fit "$work/partly.npz" --out "$work/model" --folds 0 --device cpu --set 'model.encoder={kind="mlp",hidden=[32]}' --set training.epochs=4 > /dev/null
for split in train test; do
  "$work/dml" embed "$work/model" "$work/partly.npz" --split $split --device cpu --out "$work/$split.npz" > /dev/null
done
"$work/dml" label "$work/model" "$work/partly.npz" --split test --read-out knn --device cpu --out "$work/labels.csv" > "$work/said"
"$python" xtask/tests/neighbours.py check "$work/train.npz" "$work/test.npz" "$work/labels.csv" "$work/said"
