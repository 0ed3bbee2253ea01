"""Compares dml-eval with scikit-learn, side by side in one run. Needs numpy and scikit-learn.

    python3 crates/dml-eval/benches/compare.py [agreement] [accuracy] [speed] [memory]

agreement: AMI, NMI and ARI of 10,000 random and degenerate pairs of labelings; largest difference.
accuracy: read-outs over 20 seeds on 5 data sets; mean accuracy of both.
speed: seconds of both on the same data, and their ratio; n_jobs = 2 on either side.
memory: retrieval of 60,000 x 128.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

N_JOBS = 2
os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(N_JOBS)

import numpy as np
from sklearn import cluster, datasets, metrics, neighbors
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parents[3]
READOUTS = {
    "knn": lambda seed: KNeighborsClassifier(n_jobs=N_JOBS),
    "random_forest": lambda seed: RandomForestClassifier(random_state=seed, n_jobs=N_JOBS),
    "mlp": lambda seed: MLPClassifier(random_state=seed),
    "linear": lambda seed: LogisticRegression(),
}


class Answers:
    """The Rust half, running."""

    def __init__(self):
        build = ["cargo", "build", "-q", "-p", "dml-eval", "--example", "answer", "--message-format=json"]
        lines = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
        binary = next(e for line in lines if (e := json.loads(line).get("executable")))
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **request):
        plain = lambda x: x.tolist() if isinstance(x, np.ndarray) else x
        self.process.stdin.write(json.dumps({name: plain(x) for name, x in request.items()}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def timed(work):
    start = time.perf_counter()
    value = work()
    return value, time.perf_counter() - start


def pairs(rng):
    """10,000 pairs of labelings: random ones of many sizes, noisy copies, and degenerate ones."""
    for i in range(10_000):
        n = int(rng.integers(1, 40) if i % 4 == 0 else rng.integers(40, 2000) if i % 100 else 10_000)
        ka, kb = rng.integers(1, min(n, 60) + 1, 2)
        a, b = rng.integers(0, ka, n), rng.integers(0, kb, n)
        match i % 10:
            case 0: b = np.where(rng.random(n) < rng.random(), a, b)      # a noisy copy
            case 1: b = (a * 7 + 3) % 61                                   # a renamed copy, or a coarser one
            case 2: b = np.zeros(n, int)                                   # one cluster
            case 3: a, b = np.zeros(n, int), np.full(n, 5)                 # one class and one cluster
            case 4: b = rng.permutation(n)                                 # singletons against classes
            case 5: a = np.where(rng.random(n) < 0.01, a, 0)               # very unequal classes
        yield a, b


def agreement(answers):
    rng = np.random.default_rng(0)
    worst = dict.fromkeys(["ami", "nmi", "ari"], (0.0, ""))
    for i, (a, b) in enumerate(pairs(rng)):
        expected = {
            "ami": metrics.adjusted_mutual_info_score(a, b),
            "nmi": metrics.normalized_mutual_info_score(a, b),
            "ari": metrics.adjusted_rand_score(a, b),
        }
        found = answers(**{"do": "agreement", "a": a, "b": b})
        for name, value in expected.items():
            worst[name] = max(worst[name], (abs(value - found[name]), f"pair {i}, n = {len(a)}"))
    print("largest difference from scikit-learn on 10,000 pairs of labelings")
    for name, (difference, where) in worst.items():
        print(f"  {name}  {difference:.1e}  ({where})")


def accuracy(answers):
    sets = {
        "digits": datasets.load_digits(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "breast_cancer": datasets.load_breast_cancer(return_X_y=True),
        "iris": datasets.load_iris(return_X_y=True),
        "synthetic": datasets.make_classification(1500, 10, n_informative=8, n_classes=5, random_state=0),
    }
    print("mean accuracy in percent over 20 splits and seeds: scikit-learn, dml-eval, difference ± its standard error")
    for name, (x, y) in sets.items():
        for readout, make in READOUTS.items():
            ours, theirs = [], []
            for seed in range(20):
                fit, ask, y_fit, y_ask = train_test_split(x, y, test_size=1 / 3, random_state=seed)
                scaler = StandardScaler().fit(fit)
                fit, ask = (scaler.transform(part).astype(np.float32) for part in (fit, ask))
                theirs.append(100 * np.mean(make(seed).fit(fit, y_fit).predict(ask) == y_ask))
                found = answers(**{"do": "readout", "readout": readout, "seed": seed, "fit": fit, "labels": y_fit, "ask": ask})
                ours.append(100 * np.mean(np.array(found["predicted"]) == y_ask))
            difference = np.array(ours) - np.array(theirs)
            error = difference.std(ddof=1) / np.sqrt(20)
            print(f"  {name:14} {readout:14} {np.mean(theirs):6.2f} {np.mean(ours):6.2f} {difference.mean():+6.2f} ± {error:.2f}")


def map_at_r(x, y):
    """With scikit-learn's neighbours, 500 queries at a time."""
    sizes = np.bincount(y)
    search = neighbors.NearestNeighbors(n_neighbors=sizes.max(), n_jobs=N_JOBS).fit(x)
    total = 0.0
    for start in range(0, len(x), 500):
        rows = np.arange(start, min(start + 500, len(x)))
        found = search.kneighbors(x[rows], return_distance=False)
        # The query itself is the nearest, unless it has a copy.
        hits = y[found[:, 1:]] == y[rows, None]
        r = sizes[y[rows]] - 1
        ranks = np.arange(1, hits.shape[1] + 1)
        precision = np.cumsum(hits, axis=1) / ranks
        total += np.sum((precision * hits * (ranks <= r[:, None])).sum(axis=1) / r)
    return total / len(x)


def speed(answers):
    rng = np.random.default_rng(1)
    means = rng.normal(0, 1.0, (10, 10))
    labels = rng.integers(0, 10, 70_000)
    points = (means[labels] + rng.normal(0, 1, (70_000, 10))).astype(np.float32)
    print(f"seconds, {N_JOBS} threads: scikit-learn, dml-eval, ratio; then what both got")
    for n_fit, n_ask in [(6_666, 3_334), (60_000, 10_000)]:
        fit, ask = points[:n_fit], points[n_fit : n_fit + n_ask]
        y_fit, y_ask = labels[:n_fit], labels[n_fit : n_fit + n_ask]
        print(f"  {n_fit:,} x 10 fitted, {n_ask:,} asked")

        def line(name, theirs, ours, note):
            print(f"    {name:14} {theirs:9.4f} {ours:9.4f} {theirs / ours:7.1f}x   {note}", flush=True)

        for readout, make in READOUTS.items():
            predicted, theirs = timed(lambda: make(0).fit(fit, y_fit).predict(ask))
            found = answers(**{"do": "readout", "readout": readout, "seed": 0, "fit": fit, "labels": y_fit, "ask": ask})
            ours = np.array(found["predicted"])
            note = f"accuracy {np.mean(predicted == y_ask):.4f} {np.mean(ours == y_ask):.4f}, {np.mean(predicted == ours):.4%} alike"
            line(readout, theirs, found["seconds"], note)
            if readout == "knn":
                knn = predicted
        times = [timed(lambda: metrics.adjusted_mutual_info_score(y_ask, knn)) for _ in range(5)]
        found = [answers(**{"do": "agreement", "a": y_ask, "b": knn}) for _ in range(5)]
        theirs, ours = (min(s) for s in ([t for _, t in times], [f["seconds"] for f in found]))
        line("ami", theirs, ours, f"{times[0][0]:.12f} {found[0]['ami']:.12f}")
        model, theirs = timed(lambda: cluster.KMeans(10, n_init=10, random_state=0).fit(fit))
        found = answers(**{"do": "k_means", "embeddings": fit, "n_clusters": 10, "n_starts": 10, "seed": 0})
        line("k-means", theirs, found["seconds"], f"inertia {model.inertia_:.1f} {found['inertia']:.1f}")
        value, theirs = timed(lambda: map_at_r(ask, y_ask))
        found = answers(**{"do": "retrieval", "embeddings": ask, "labels": y_ask})
        line("map@r", theirs, found["seconds"], f"of those asked; {value:.9f} {found['map_at_r']:.9f}")


def memory(answers):
    found = answers(**{"do": "retrieval_memory", "n": 60_000, "d": 128})
    print(f"retrieval of 60,000 x 128: {found['seconds']:.1f} s, at most {found['peak_memory']} of memory, all in all")


if __name__ == "__main__":
    parts = {"agreement": agreement, "accuracy": accuracy, "speed": speed, "memory": memory}
    for name in sys.argv[1:] or parts:
        parts[name](Answers())
