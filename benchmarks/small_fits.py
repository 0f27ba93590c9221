"""Fits of small tables beside scikit-learn: seconds, and how far each is above the minimum.

`sizes`: 10 to 10^4 rows of 1, 5 and 20 independent standard normal columns, l2 = 1: `logloss.fit`, the estimator and
scikit-learn's LogisticRegression with its default solver and tolerance, lbfgs, and with newton-cholesky. of_peer:
our time over that of the peer, by rounds in which they take turns; the gap is in nats per row, from the objective at
the coefficients that each returns.

`cross_validation`: five stratified folds at each of twenty values of C, by LogisticRegressionCV and by cross_val_score;
"scoring alone" is the same with an estimator whose fit does nothing.

`left_out`: the leave-one-out log loss by refits without each row, by how much it adds to a fit.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _record import Lines, ratio, record, turns
from _samples import labels_of
from scipy.special import expit
from sklearn import linear_model
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

import logloss

SEED = 20261129
WIDTHS = (1, 5, 20)
# Seconds of each case at most, and the fewest rounds.
SECONDS, FEWEST = 2.0, 5
CS = np.logspace(-4, 4, 20)


def drawn(n_rows: int, width: int) -> tuple[Any, Any]:
    """Features and labels; both classes occur."""
    random = np.random.default_rng([SEED, n_rows, width])
    features = random.standard_normal((n_rows, width))
    labels = labels_of(random, expit(features @ random.standard_normal(width) / math.sqrt(width) - 0.5))
    labels[:2] = 0, 1
    return features, labels


def rounds_of(call: Callable[[], object], requested: argparse.Namespace) -> int:
    """So many as take a second or two."""
    call()
    began = time.perf_counter()
    call()
    most = int(SECONDS / max(time.perf_counter() - began, 1e-6))
    return 1 if requested.quick else max(FEWEST, min(most, 500))


def objective(features: Any, labels: Any, intercept: float, slopes: Any) -> float:
    """The summed loss and the penalty, in nats."""
    logits = features @ slopes + intercept
    return math.fsum(np.logaddexp(0.0, np.where(labels, -logits, logits))) + 0.5 * math.fsum(slopes**2)


def sizes(requested: argparse.Namespace) -> Lines:
    """Each number of rows and columns."""
    n_rows = 10
    while n_rows <= requested.rows:
        for width in WIDTHS:
            features, labels = drawn(n_rows, width)
            yield from compared(f"{n_rows:,} × {width}", features, labels, requested)
        n_rows *= 10


def compared(name: str, features: Any, labels: Any, requested: argparse.Namespace) -> Lines:
    """Ours and the peers in turn."""
    estimators = {
        "estimator": logloss.LogisticRegression(),
        "lbfgs": linear_model.LogisticRegression(),
        "newton-cholesky": linear_model.LogisticRegression(solver="newton-cholesky"),
    }
    work: dict[str, Callable[[], object]] = {
        "fit": lambda: logloss.fit(features, labels, l2=1.0, leave_one_out=False),
        **{own: lambda each=each: each.fit(features, labels) for own, each in estimators.items()},
    }
    # On one thread each, as more only slow the products of tables of this size.
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
        seconds = turns(work, rounds_of(work["estimator"], requested))
    least = math.inf
    reached = {}
    for own, each in estimators.items():
        reached[own] = objective(features, labels, float(each.intercept_[0]), each.coef_[0])
        least = min(least, reached[own])
    for own, times in seconds.items():
        figures: dict[str, Any] = {"ms": 1e3 * min(times)}
        if own in reached:
            figures["gap"] = (reached[own] - least) / len(labels)
        for peer in ("lbfgs", "newton-cholesky"):
            if own not in ("lbfgs", "newton-cholesky"):
                figures[f"of_{peer}"] = ratio(times, seconds[peer])
        yield f"{name}, {own}", figures


class Unfitted(linear_model.LogisticRegression):
    """An estimator whose fit does nothing."""

    def fit(self, X: Any, y: Any) -> Unfitted:
        """Coefficients of 0."""
        self.classes_, self.n_features_in_ = np.array([0, 1]), X.shape[1]
        self.coef_, self.intercept_ = np.zeros((1, X.shape[1])), np.zeros(1)
        return self


def cross_validation(requested: argparse.Namespace) -> Lines:
    """5 × 20 fits."""
    features, labels = drawn(requested.rows, WIDTHS[-1])

    def along(kind: Any) -> Callable[[], object]:
        options = {"cv": 5, "scoring": "neg_log_loss"}
        return lambda: [cross_val_score(kind(C=C), features, labels, **options) for C in CS]

    theirs = linear_model.LogisticRegressionCV(Cs=CS, cv=5, scoring="neg_log_loss")
    kinds: dict[str, dict[str, Callable[[], object]]] = {
        "LogisticRegressionCV": {
            "ours": lambda: logloss.LogisticRegressionCV(Cs=CS, cv=5).fit(features, labels),
            "scikit-learn": lambda: theirs.fit(features, labels),
        },
        "cross_val_score": {
            "ours": along(logloss.LogisticRegression),
            "scikit-learn": along(linear_model.LogisticRegression),
            "scoring alone": along(Unfitted),
        },
    }
    for name, work in kinds.items():
        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            seconds = turns(work, requested.rounds, warm_up=1)
        for own, times in seconds.items():
            yield f"{name}, {own}", {"ms": 1e3 * min(times), "of_scikit_learn": ratio(times, seconds["scikit-learn"])}


def left_out(requested: argparse.Namespace) -> Lines:
    """1,000 rows of 10 columns, or a tenth of `rows`."""
    features, labels = drawn(requested.rows // 10, 10)
    for l2 in (0.0, 1.0):
        work: dict[str, Callable[[], object]] = {
            "with": lambda l2=l2: logloss.fit(features, labels, l2=l2),
            "without": lambda l2=l2: logloss.fit(features, labels, l2=l2, leave_one_out=False),
        }
        seconds = turns(work, rounds_of(work["with"], requested))
        added = 1e3 * (min(seconds["with"]) - min(seconds["without"]))
        yield f"{len(labels):,} × 10, l2 = {l2:g}", {"added_ms": added, "ms": 1e3 * min(seconds["with"])}


if __name__ == "__main__":
    record(sizes, cross_validation, left_out, rows=(10_000, 100), rounds=(5, 1))
