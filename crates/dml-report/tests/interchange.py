"""Opens a report's results, and a trial's latent space, with the packages that people use.

    cargo run -p dml-report --example synthetic_report -- FOLDER 2000
    python3 crates/dml-report/tests/interchange.py FOLDER/report FOLDER/store     # needs pandas and numpy
"""
import sys
from pathlib import Path

import numpy as np
import pandas as pd

report, store = Path(sys.argv[1]), Path(sys.argv[2])
table = pd.read_csv(report / "results.csv", dtype={"id": str})
lines = pd.read_json(report / "results.jsonl", lines=True, dtype={"id": str}, precise_float=True)
assert table["id"].is_unique and set(table["outcome"]) <= {"scored", "diverged", "missing"}
done = table[table["outcome"] != "missing"].set_index("id")
assert set(done.index) == set(lines["id"])
for line in lines.itertuples():
    row = done.loc[line.id]
    assert line.outcome["kind"] == row["outcome"] and line.trial["seed"] == row["seed"]
    for score, value in line.outcome.get("scores", {}).items():
        assert row[score] == value, (line.id, score)
spaces = sorted(store.glob("trials/*/latent.npz"))
for path in spaces[:20]:
    with np.load(path) as latent:
        n, d = latent["embeddings"].shape
        assert latent["labels"].shape == latent["rows"].shape == (n,)
        assert "components_mean" not in latent or latent["components_mean"].shape[1] == d
print(f"{len(table)} trials, {len(lines)} results and {len(spaces)} latent spaces are read as written")
