"""Makes poisson.json beside it with SciPy (1.17.1 was used): python3 crates/dml-eval/tests/eval/scipy/make.py

120 points in three noisy rings, six labels, and the scores of Poisson learning (Calder et al. 2020) on
their graph of neighbours: L u = sum over labelled j of (y(j) - mean y) delta(j), solved by a sparse LU with
the constant pinned, divided by the share of each class among the labels.
"""

import json
import pathlib

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

HERE = pathlib.Path(__file__).parent
K = 6


def main():
    rng = np.random.default_rng(5)
    classes = np.arange(120) % 3
    angle = rng.uniform(0, 2 * np.pi, 120)
    points = (1.0 + classes)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    points = (points + rng.normal(0, 0.15, points.shape)).astype(np.float32).astype(float)
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(squared, np.inf)
    near = np.argsort(squared, 1)[:, :K]
    rows = np.repeat(np.arange(120), K)
    d2 = squared[rows, near.ravel()]
    weight = np.exp(-4 * d2 / squared[np.arange(120), near[:, -1]].repeat(K))
    one_way = csr_matrix((weight, (rows, near.ravel())), (120, 120))
    w = (one_way + one_way.T) / 2
    degrees = np.asarray(w.sum(1)).ravel()
    labelled = [0, 1, 2, 3, 4, 9]
    y = np.eye(3)[classes[labelled]]
    sources = np.zeros((120, 3))
    sources[labelled] = y - y.mean(0)
    # The last row says that the mean, weighted by degrees, is 0, in place of an equation that follows from the others.
    matrix = (diags(degrees) - w).tolil()
    matrix[119] = degrees
    sources[119] = 0
    scores = splu(matrix.tocsc()).solve(sources) / y.mean(0)
    fixture = dict(points=points.tolist(), neighbours=K, rows=labelled, classes=classes[labelled].tolist(), scores=scores.tolist())
    (HERE / "poisson.json").write_text(json.dumps(fixture) + "\n")


main()
