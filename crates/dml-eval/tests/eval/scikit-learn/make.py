"""Makes the fixtures beside it with scikit-learn (1.9.1 was used): python3 crates/dml-eval/tests/scikit-learn/make.py

agreement.json: 300 pairs of labelings, random and degenerate, with every score of their agreement.
readouts.json: read-outs on three data sets, split in two, standardized: mean accuracy of scikit-learn over 20 seeds.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn import datasets, metrics
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent


def pair(rng, i):
    n = int(rng.integers(1, 60))
    a, b = (rng.integers(0, rng.integers(1, 9), n) for _ in range(2))
    match i % 10:
        case 0: b = np.where(rng.random(n) < 0.7, a, b)
        case 1: b = (a * 7 + 3) % 61
        case 2: b = np.zeros(n, int)
        case 3: a, b = np.zeros(n, int), np.full(n, 5)
        case 4: b = rng.permutation(n)
        case 5: a = np.where(rng.random(n) < 0.1, a, 0)
    return a, b


def agreement(a, b):
    table = contingency_matrix(a, b)
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(a, b)
    return {
        "a": a.tolist(), "b": b.tolist(),
        "accuracy": float(np.mean(a == b)),
        "ami": metrics.adjusted_mutual_info_score(a, b),
        "nmi": metrics.normalized_mutual_info_score(a, b),
        "ari": metrics.adjusted_rand_score(a, b),
        "homogeneity": homogeneity, "completeness": completeness, "v_measure": v_measure,
        "clustering_accuracy": float(table[linear_sum_assignment(table, maximize=True)].sum() / len(a)),
    }


def readouts(name, x, y):
    fit, ask, y_fit, y_ask = train_test_split(x, y, test_size=1 / 3, random_state=0)
    scaler = StandardScaler().fit(fit)
    fit, ask = (scaler.transform(part).astype(np.float32).round(3) for part in (fit, ask))
    score = lambda model: float(np.mean(model.fit(fit, y_fit).predict(ask) == y_ask))
    return {
        "name": name, "fit": fit.astype(float).round(3).tolist(), "labels": y_fit.tolist(),
        "ask": ask.astype(float).round(3).tolist(), "truth": y_ask.tolist(),
        "knn": KNeighborsClassifier().fit(fit, y_fit).predict(ask).tolist(),
        "linear": LogisticRegression().fit(fit, y_fit).predict(ask).tolist(),
        "random_forest": float(np.mean([score(RandomForestClassifier(random_state=seed)) for seed in range(20)])),
        "mlp": float(np.mean([score(MLPClassifier(random_state=seed)) for seed in range(20)])),
    }


rng = np.random.default_rng(0)
rows = [json.dumps(agreement(*pair(rng, i)), separators=(",", ":")) for i in range(300)]
(HERE / "agreement.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
sets = {
    "wine": datasets.load_wine(return_X_y=True),
    "iris": datasets.load_iris(return_X_y=True),
    "synthetic": datasets.make_classification(400, 6, n_informative=5, n_redundant=0, n_classes=4, random_state=0),
}
rows = [json.dumps(readouts(name, *data), separators=(",", ":")) for name, data in sets.items()]
(HERE / "readouts.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
