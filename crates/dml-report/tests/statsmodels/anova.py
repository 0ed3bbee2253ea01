"""Writes anova.json: shares of variance as statsmodels' type 2 analysis gives them (pip install statsmodels)."""

import itertools
import json
import pathlib
import random

import pandas
import statsmodels
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

draw = random.Random(14)
rows = [
    {"a": a, "b": b, "c": c, "seed": seed, "y": round(0.3 * a + 0.1 * b * a - 0.2 * b * c + 0.05 * seed + draw.gauss(0, 0.1), 6)}
    for seed in range(4)
    for a, b, c in itertools.product(range(2), range(3), range(2))
]
frame = pandas.DataFrame(rows)
table = anova_lm(ols("y ~ C(seed) + (C(a) + C(b) + C(c)) ** 2", frame).fit(), typ=2)["sum_sq"]
total = ((frame.y - frame.y.mean()) ** 2).sum()
shares = {name.replace("C(", "").replace(")", "").replace(":", " × "): value / total for name, value in table.items()}
result = {"statsmodels": statsmodels.__version__, "trials": rows, "shares": shares}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
