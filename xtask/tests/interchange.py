"""Opens what a real sweep wrote with the packages that people use: pandas, NumPy, safetensors, TensorBoard.

    interchange.py REPORT STORE EMBEDDINGS DATA.npz

STORE's trials ran with --tensorboard; EMBEDDINGS holds ID.npz for each of them, written by `dml embed`. interchange.sh makes all of it.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

report, store, embeddings, data_set = map(Path, sys.argv[1:])


def check_results():
    table = pd.read_csv(report / "results.csv", dtype={"id": str})
    lines = pd.read_json(report / "results.jsonl", lines=True, dtype={"id": str}, precise_float=True)
    assert len(lines) > 0 and table["id"].is_unique and set(table["outcome"]) <= {"scored", "diverged", "missing"}
    done = table[table["outcome"] != "missing"].set_index("id")
    assert set(done.index) == set(lines["id"])
    for line in lines.itertuples():
        row = done.loc[line.id]
        assert line.outcome["kind"] == row["outcome"] and line.trial["seed"] == row["seed"]
        for score, value in line.outcome.get("scores", {}).items():
            assert row[score] == value, (line.id, score)


def check_latent(trial):
    """What the page draws."""
    with np.load(trial / "latent.npz") as latent:
        n, d = latent["embeddings"].shape
        assert latent["labels"].shape == latent["rows"].shape == (n,)
        assert "components_mean" not in latent or latent["components_mean"].shape[1] == d


def check_weights(trial):
    """The encoder, computed again in NumPy from the weights alone, gives the embeddings of `dml embed`."""
    weights = load_file(trial / "weights.safetensors")
    with np.load(data_set) as data, np.load(embeddings / f"{trial.name}.npz") as ours:
        images, labels = data["test_images"], data["test_labels"].ravel()
        x = images.reshape(len(images), -1).astype(np.float32) / 255
        x = np.maximum(x @ weights["encoder.0.weight"] + weights["encoder.0.bias"], 0)
        x = x @ weights["head.mean.weight"] + weights["head.mean.bias"]
        assert np.array_equal(ours["labels"], labels) and ours["labelled"].dtype == bool
        np.testing.assert_allclose(ours["embeddings"], x, rtol=1e-4, atol=1e-4 * np.abs(x).max())


def check_events(trial):
    """TensorBoard's tags, steps and values are the curves; it holds 32 bits of each value."""
    curves = json.loads((trial / "result.json").read_text())["curves"]
    board = EventAccumulator(str(trial)).Reload()
    expected = {
        name: [(step, float(np.float32(value))) for step, value in enumerate(curve, 1) if value is not None]
        for name, curve in curves.items()
    }
    expected = {name: points for name, points in expected.items() if points}
    told = {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
    assert expected and told == expected, (told, expected)


check_results()
trials = sorted((store / "trials").iterdir())
assert trials
for trial in trials:
    check_latent(trial)
    check_weights(trial)
    check_events(trial)
print(f"{len(trials)} trials: results, latent spaces, weights, embeddings and curves are read as they were written")
