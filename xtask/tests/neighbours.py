"""What `dml embed` writes, in scikit-learn's hands.

    neighbours.py partly DATA.npz OUT.npz                   # keeps every tenth label of the training images
    neighbours.py check TRAIN.npz TEST.npz LABELS.csv SAID  # KNeighborsClassifier against `dml label --read-out knn`
"""
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier


def partly(data, out):
    with np.load(data) as whole:
        arrays = dict(whole)
    labels = arrays["train_labels"].astype(np.int64)
    labels[np.arange(len(labels)) % 10 != 0] = -1
    np.savez(out, **{**arrays, "train_labels": labels})


def check(train, test, csv, said):
    with np.load(train) as train, np.load(test) as test:
        labelled = train["labels"] >= 0
        assert np.array_equal(train["labelled"], labelled) and 0 < labelled.sum() < len(labelled)
        model = KNeighborsClassifier(5).fit(train["embeddings"][labelled], train["labels"][labelled])
        theirs, truth = model.predict(test["embeddings"]), test["labels"]
    ours = pd.read_csv(csv)["label"].to_numpy()
    right, of = map(int, re.search(r"(\d+) of (\d+) whose class was known are right", Path(said).read_text()).groups())
    assert of == len(truth) and right == (ours == truth).sum(), "the CSV holds what was said"
    assert right == (theirs == truth).sum(), (right, (theirs == truth).sum())
    assert right > len(truth) / 2, "the model has learnt something, so that this says something"
    print(f"scikit-learn's five neighbours have {right} of {of} right, as dml label")


{"partly": partly, "check": check}[sys.argv[1]](*sys.argv[2:])
