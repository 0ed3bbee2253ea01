#!/bin/bash
# A real sweep's results, latent spaces, weights, embeddings and TensorBoard events are opened with the Python packages that people use.
#
#   PYTHON=.../bin/python xtask/tests/interchange.sh      # with pandas, numpy, safetensors, tensorboard
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sweep_file small 5
sweep small "$work/store" --seeds 1 --quiet -- --tensorboard > /dev/null
mkdir "$work/embeddings"
for trial in "$work"/store/trials/*; do
  "$work/dml" embed "$trial" --device cpu --out "$work/embeddings/${trial##*/}.npz" > /dev/null
done
"${PYTHON:-python3}" xtask/tests/interchange.py "$work/store-report" "$work/store" "$work/embeddings" "$work/data.npz"
