"""The penalty chosen by cross-validation, beside scikit-learn's LogisticRegressionCV: time, walks, loss on new rows.

Both compare the same ten values of C in the same five stratified folds, by log loss. Tables are drawn from a fixed
seed: "plain", independent standard normal columns, and "ordinary", correlated ones in units that differ by up to e^6.
The peer runs with its default solver and tolerance, and with newton-cholesky, its fastest exact one here. of_ours: its
time over ours, by rounds in which they take turns. worst_gap: by how much its mean held-out loss is off that of ours,
at the value where it is off most, in nats. new_rows: the loss of the chosen model on rows that no fold has seen.

`intervals` draws many small tables, and counts how often the interval of the held-out loss of the chosen value contains
the loss that the same models of the folds have on 20,000 new rows each.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from _record import Figures, Lines, ratio, record, turns
from _samples import labels_of
from scipy.special import expit
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold

import logloss

SEED, N_COLUMNS, N_NEW = 20251129, 20, 20_000
CS = np.logspace(-4, 4, 10)
PEERS = {"lbfgs": {}, "newton-cholesky": {"solver": "newton-cholesky"}}


def table(random: np.random.Generator, n_rows: int, *, is_ordinary: bool = False) -> tuple[Any, Any]:
    """Features and labels of rows, and of as many new ones."""
    features = random.standard_normal((n_rows + N_NEW, N_COLUMNS))
    if is_ordinary:
        for j in range(1, N_COLUMNS):
            features[:, j] = 0.9 * features[:, j - 1] + np.sqrt(1 - 0.9**2) * features[:, j]
    labels = labels_of(random, expit(features @ random.standard_normal(N_COLUMNS) * 0.3 - 1))
    if is_ordinary:
        features *= np.exp(random.uniform(-3, 3, N_COLUMNS))
    return features, labels


def compared(name: str, features: Any, labels: Any, rounds: int) -> Lines:
    """Ours, and each solver of the peer beside it."""
    X, y, X_new, y_new = features[:-N_NEW], labels[:-N_NEW], features[-N_NEW:], labels[-N_NEW:]
    splits = list(StratifiedKFold(5).split(X, y))
    found: dict[str, Any] = {}

    def ours() -> None:
        found["ours"] = logloss.LogisticRegressionCV(Cs=CS, cv=splits).fit(X, y)

    ours()
    path = found["ours"].path_
    n_passes = sum(point.n_passes for point in path.points)
    yield f"{name}, ours", {"walks": path.n_walks, "passes": n_passes, "new_rows": loss_of(found["ours"], X_new, y_new)}
    for solver, options in PEERS.items():

        def peer(solver: str = solver, options: dict[str, Any] = options) -> None:
            model = LogisticRegressionCV(Cs=CS, cv=splits, scoring="neg_log_loss", **options)
            with warnings.catch_warnings(action="ignore"):
                found[solver] = model.fit(X, y)

        seconds = turns({"ours": ours, solver: peer}, rounds, warm_up=0)
        [scores] = found[solver].scores_.values()
        [exact] = found["ours"].scores_.values()
        gap = float(np.abs(np.reshape(scores, exact.shape) - exact).mean(axis=0).max())
        of_ours = ratio(seconds[solver], seconds["ours"])
        figures = {"of_ours": of_ours, "worst_gap": gap, "new_rows": loss_of(found[solver], X_new, y_new)}
        yield f"{name}, {solver}", figures


def loss_of(model: Any, features: Any, labels: Any) -> float:
    """The log loss on new rows."""
    return logloss.log_loss(labels, model.predict_proba(features)[:, 1])


def paths(requested: argparse.Namespace) -> Lines:
    """Both kinds of table, small and large."""
    for is_ordinary in (False, True):
        for n_rows in (requested.rows // 10, requested.rows):
            random = np.random.default_rng(SEED)
            features, labels = table(random, n_rows, is_ordinary=is_ordinary)
            size = "small" if n_rows < requested.rows else "large"
            kind = "ordinary" if is_ordinary else "plain"
            yield from compared(f"{kind}, {size}", features, labels, requested.rounds)


def intervals(requested: argparse.Namespace) -> Lines:
    """How often the interval of the chosen value's loss contains the loss of the same models on new rows."""
    for n_rows in (200, 1000):
        yield f"{n_rows} rows", coverage(n_rows, requested.repetitions)


def coverage(n_rows: int, repetitions: int) -> Figures:
    """The share of intervals that contain what they estimate, 0.95 within 0.044 for 100 of them."""
    random = np.random.default_rng(SEED)
    covered, excess = 0, []
    for _ in range(repetitions):
        features, labels = table(random, n_rows)
        X, y, X_new, y_new = features[:-N_NEW], labels[:-N_NEW], features[-N_NEW:], labels[-N_NEW:]
        with warnings.catch_warnings(action="ignore"):
            model = logloss.LogisticRegressionCV(Cs=CS, cv=5).fit(X, y)
        place = list(CS).index(model.C_[0])
        [paths] = model.coefs_paths_.values()
        losses = [logloss.log_loss(y_new, y_logit=X_new @ own[:-1] + own[-1]) for own in paths[:, place]]
        estimate = model.path_.chosen.log_loss
        covered += estimate.low <= np.mean(losses) <= estimate.high
        excess.append(float(estimate) - np.mean(losses))
    return {"covered": covered / repetitions, "mean_error": float(np.mean(excess))}


if __name__ == "__main__":
    record(paths, intervals, rows=(20_000, 1000), rounds=(3, 1), repetitions=(100, 2))
