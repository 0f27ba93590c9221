"""Small tables: `measure` and `compare` of 10 to 10^6 rows, beside the figures of scikit-learn and a bootstrap.

scikit-learn's figures are its log loss, Brier score, AUC and calibration curve, without intervals; the bootstrap is
that of the log loss alone, 200 resamples in NumPy. Ratios are medians over rounds in which all take turns.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from _record import Lines, ratio, record, turns
from _samples import labels_of
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import logloss

N_RESAMPLES = 200
# Resamples of more rows take minutes.
MOST_RESAMPLED = 10**5


def figures_of(labels: Any, proba: Any) -> tuple[Any, ...]:
    """The figures of scikit-learn."""
    curve = calibration_curve(labels, proba, n_bins=10, strategy="quantile")
    return log_loss(labels, proba), brier_score_loss(labels, proba), roc_auc_score(labels, proba), curve


def bootstrap(labels: Any, proba: Any) -> Any:
    """The ends of a percentile interval of the log loss."""
    losses = -np.log(np.where(labels == 1, proba, 1 - proba))
    random = np.random.default_rng(0)
    means = [losses[random.integers(0, len(losses), len(losses))].mean() for _ in range(N_RESAMPLES)]
    return np.quantile(means, [0.025, 0.975])


def small_measures(requested: argparse.Namespace) -> Lines:
    """All sizes."""
    for n_rows in (10, 20, 100, 1000, 10_000, 100_000, 1_000_000):
        if n_rows > requested.rows:
            break
        random = np.random.default_rng(n_rows)
        proba = random.random(n_rows)
        labels = labels_of(random, proba)
        # Both classes, also in ten rows.
        labels[:2] = 0, 1
        others = {"a": proba, "b": expit(logit(proba) + random.normal(0, 0.3, n_rows))}
        work: dict[str, Callable[[], object]] = {
            "measure": lambda y=labels, p=proba: logloss.measure(y, p),
            "compare": lambda y=labels, both=others: logloss.compare(y, both),
            "scikit-learn's figures": lambda y=labels, p=proba: figures_of(y, p),
        }
        if n_rows <= MOST_RESAMPLED:
            work["bootstrap of the log loss"] = lambda y=labels, p=proba: bootstrap(y, p)
        rounds = requested.rounds if n_rows <= 10_000 else max(1, requested.rounds // 5)
        seconds = turns(work, rounds)
        for name, times in seconds.items():
            figures = {"ms": 1e3 * statistics.median(times), "least_ms": 1e3 * min(times)}
            yield f"{name}, {n_rows:,} rows", figures | {"of_measure": ratio(times, seconds["measure"])}


if __name__ == "__main__":
    record(small_measures, rows=(10**6, 1000), rounds=(50, 2))
