"""Rows in memory: `log_loss` and `measure` beside a bare read of the same bytes; groups, clusters and `compare` beside
`measure`; maps.

The bare read adds up the bits of the same arrays, labels of one byte, with as many threads; ratios are medians over
rounds in which all take turns. Peers get labels of 64-bit integers, as `log_loss` beside them does. A calibration is
made of a summary: its time does not depend on the number of rows.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numba
import numpy as np
import pandas as pd
from _record import CORES, Lines, ratio, record, turns
from _samples import labels_of
from scipy.special import expit, logit
from sklearn import metrics

import logloss

try:
    import polars
except ImportError:
    polars = None


@numba.njit(nogil=True)
def sum_of_bits(labels, forecasts):
    """Add up the bits of two arrays."""
    total = 0
    for i in range(labels.shape[0]):
        total += labels[i] + forecasts[i]
    return total


def bare_read(labels, forecasts, pool) -> int:
    """Every byte once, on all processors."""
    cuts = np.linspace(0, len(labels), 4 * CORES + 1).astype(int)
    bits = forecasts.view(np.int64)
    return sum(pool.map(lambda cut: sum_of_bits(labels[slice(*cut)], bits[slice(*cut)]), itertools.pairwise(cuts)))


def of_one(requested: argparse.Namespace) -> Lines:
    """One forecast; labels as bytes, or as 64-bit integers and floats."""
    random = np.random.default_rng(1)
    proba = random.random(requested.rows)
    labels = labels_of(random, proba)
    log_odds = logit(proba)
    whole, floats = labels.astype(np.int64), labels.astype(np.float64)
    with ThreadPoolExecutor(CORES) as pool:
        seconds = turns(
            {
                "bare read of the bytes": lambda: bare_read(labels, proba, pool),
                "log_loss, probabilities": lambda: logloss.log_loss(labels, proba),
                "log_loss, logits": lambda: logloss.log_loss(labels, y_logit=log_odds),
                "log_loss, labels of int64": lambda: logloss.log_loss(whole, proba),
                "log_loss, labels of float64": lambda: logloss.log_loss(floats, proba),
                "measure, probabilities": lambda: logloss.measure(labels, proba),
                "measure, logits": lambda: logloss.measure(labels, y_logit=log_odds),
            },
            requested.rounds,
        )
    for name, times in seconds.items():
        yield name, {"ms": 1e3 * statistics.median(times), "of_a_read": ratio(times, seconds["bare read of the bytes"])}
    beside = {
        "ours": lambda: logloss.log_loss(whole, proba),
        "scikit-learn's log_loss": lambda: metrics.log_loss(whole, proba),
        "NumPy's mean of -log": lambda: -np.log(np.where(whole == 1, proba, 1 - proba)).mean(),
    }
    if polars is None:
        print("  polars is not installed: left out")
    else:
        frame = polars.DataFrame({"y": whole, "p": proba})
        given = polars.when(polars.col("y") == 1).then(polars.col("p")).otherwise(1 - polars.col("p"))
        beside["polars' mean of -log"] = lambda: frame.select(-given.log().mean()).item()
    seconds = turns(beside, max(1, requested.rounds // 5))
    for name in list(beside)[1:]:
        ms = 1e3 * statistics.median(seconds[name])
        yield name, {"ms": ms, "of_ours": ratio(seconds[name], seconds["ours"])}


def of_keys(requested: argparse.Namespace) -> Lines:
    """One forecast with groups, with clusters, and with both."""
    random = np.random.default_rng(1)
    proba = random.random(requested.rows)
    labels = labels_of(random, proba)
    keys = {"by": random.integers(0, 50, requested.rows), "cluster": random.integers(0, 10**4, requested.rows)}
    texts = pd.Series(pd.Categorical.from_codes(keys["by"], [f"country {k:02}" for k in range(50)]))
    work = {
        "measure": lambda: logloss.measure(labels, proba),
        "measure, 50 groups": lambda: logloss.measure(labels, proba, by=keys["by"]),
        "measure, 50 groups as text": lambda: logloss.measure(labels, proba, by=texts),
        "measure, 10,000 clusters": lambda: logloss.measure(labels, proba, cluster=keys["cluster"]),
        "measure, both": lambda: logloss.measure(labels, proba, **keys),
    }
    yield from beside_measure(work, requested)


def of_several(requested: argparse.Namespace) -> Lines:
    """Two forecasts, and five; two with groups, clusters and an order; a pair of five is one of ten."""
    random = np.random.default_rng(1)
    proba = random.random(requested.rows)
    labels = labels_of(random, proba)
    several = {"a": proba}
    several |= {name: expit(logit(proba) + random.normal(0, 0.3, requested.rows)) for name in "bcde"}
    two = {name: several[name] for name in "ab"}
    keys = {name: random.integers(0, n, requested.rows) for name, n in (("order", 1000), ("by", 30), ("cluster", 3000))}
    work = {"measure": lambda: logloss.measure(labels, proba), "compare": lambda: logloss.compare(labels, two)}
    work |= {f"compare, {name}=": partial(logloss.compare, labels, two, **{name: keys[name]}) for name in keys}
    work["compare five"] = lambda: logloss.compare(labels, several)
    yield from beside_measure(work, requested)


def beside_measure(work: dict[str, Callable[[], object]], requested: argparse.Namespace) -> Lines:
    """Milliseconds of each, and how many times the first one's."""
    seconds = turns(work, max(1, requested.rounds // 3))
    for name, times in seconds.items():
        yield name, {"ms": 1e3 * statistics.median(times), "of_measure": ratio(times, seconds["measure"])}


def of_summary(requested: argparse.Namespace) -> Lines:
    """Calibrations from a measurement."""
    random = np.random.default_rng(5)
    log_odds = random.normal(-0.5, 1.5, requested.rows)
    measured = logloss.measure(labels_of(random, expit(0.75 * log_odds)), expit(log_odds))
    methods = ("auto", "shift", "temperature", "platt", "beta", "isotonic")
    work = {name: partial(logloss.calibrate, measured, method=name) for name in methods}
    for name, times in turns(work, max(1, requested.rounds // 3)).items():
        yield f"calibrate, {name}", {"ms": 1e3 * statistics.median(times)}


if __name__ == "__main__":
    record(of_one, of_keys, of_several, of_summary, rows=(10**7, 10**5), rounds=(15, 1))
