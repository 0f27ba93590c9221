"""Sparse tables under an L2 penalty, beside scikit-learn's solvers at the same distance from the minimum.

Tables: "adult", the 123 columns of 0 and 1 of a9a.svm, where its folder is given, else drawn with as many; "text",
words whose frequency falls with their rank, weighted by rarity (tf-idf); "wide", the same with 20 times as many
columns. Each solver is given the loosest of its tolerances, by factors of ten, at which its objective is at most 1e-6
of the minimum above it; the time is that of such a fit, and `of_ours` its ratio to ours, which stops at the same
distance by its certificate. `full` is our time to the default tolerance, 1e-12 nats per row. liblinear, which penalises
the intercept, has a large `intercept_scaling`. peak_mb: of a process that fits the wide table.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse
from _record import Figures, Lines, in_own_process, peak_mb, ratio, record, turns
from _samples import labels_of
from scipy.special import expit
from sklearn.datasets import load_svmlight_file
from sklearn.linear_model import LogisticRegression

import logloss

SEED, L2, NEAR = 20261130, 1.0, 1e-6
# Scaled by 100 the penalty of the intercept is a 10,000th of what it would be.
PEERS: dict[str, dict[str, Any]] = {"lbfgs": {}, "newton-cg": {}, "liblinear": {"intercept_scaling": 100}}
TOLERANCES = tuple(10.0**-k for k in range(2, 10))


def with_short_indices(rows: Any) -> Any:
    """The same rows with indices of 32 bits, which liblinear needs."""
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def words(n_rows: int, n_columns: int, of_row: int) -> tuple[Any, Any]:
    """Rows of words drawn with a frequency of 1 / rank, tf-idf of norm 1, and labels that depend on them."""
    random = np.random.default_rng(SEED)
    frequency = np.cumsum(1.0 / np.arange(1, n_columns + 1))
    columns = np.searchsorted(frequency, random.random(n_rows * of_row) * frequency[-1])
    counts = scipy.sparse.csr_array(
        (np.ones(n_rows * of_row), (np.repeat(np.arange(n_rows), of_row), columns)), shape=(n_rows, n_columns)
    )
    counts.sum_duplicates()
    rarity = np.log((1 + n_rows) / (1 + np.bincount(counts.indices, minlength=n_columns))) + 1
    counts.data = (1 + np.log(counts.data)) * rarity[counts.indices]
    norms = np.sqrt(np.add.reduceat(counts.data**2, counts.indptr[:-1]))
    counts.data /= np.repeat(norms, np.diff(counts.indptr))
    counts = with_short_indices(counts)
    return counts, labels_of(random, expit(counts @ (3 * random.standard_normal(n_columns)) - 1))


def indicators(n_rows: int) -> tuple[Any, Any]:
    """123 columns of 0 and 1, 14 of them 1 in each row."""
    random = np.random.default_rng(SEED)
    starts, widths = np.arange(0, 123, 9)[:14], np.array([9] * 13 + [6])
    columns = starts + (widths * random.random((n_rows, 14)) ** 2).astype(int)
    rows = scipy.sparse.csr_array(
        (np.ones(14 * n_rows), (np.repeat(np.arange(n_rows), 14), columns.ravel())), shape=(n_rows, 123)
    )
    rows = with_short_indices(rows)
    return rows, labels_of(random, expit(rows @ random.standard_normal(123) - 2))


def adult(requested: argparse.Namespace) -> tuple[Any, Any]:
    """The table of a file, with int32 indices, or one like it."""
    if requested.folder is None:
        return indicators(min(32_561, requested.rows))
    rows, labels = load_svmlight_file(str(requested.folder / "a9a.svm"), n_features=123)
    rows = with_short_indices(scipy.sparse.csr_array(rows))
    return rows, (labels > 0).astype(np.uint8)


def objective(rows: Any, labels: Any, intercept: float, coefficients: Any) -> float:
    """The summed loss and the penalty."""
    logits = rows @ coefficients + intercept
    loss = logloss.log_loss(labels, y_logit=logits) * len(labels)
    return float(loss + L2 / 2 * coefficients @ coefficients)


def peer_of(solver: str, tolerance: float, rows: Any, labels: Any) -> Callable[[], Any]:
    """A fit of scikit-learn."""

    def fitted() -> Any:
        with warnings.catch_warnings(action="ignore"):
            model = LogisticRegression(C=1 / L2, solver=solver, tol=tolerance, max_iter=100_000, **PEERS[solver])
            return model.fit(rows, labels)

    return fitted


def compared(name: str, rows: Any, labels: Any, rounds: int, solvers: Iterable[str] = PEERS) -> Lines:
    """Ours, and some solvers beside it."""
    logloss.fit(rows, labels, l2=L2)
    least = objective(rows, labels, (best := logloss.fit(rows, labels, l2=L2)).intercept, best.coef)
    tolerance = NEAR * least / len(labels)

    def ours() -> Any:
        return logloss.fit(rows, labels, l2=L2, tolerance=tolerance)

    near = ours()
    gap = (objective(rows, labels, near.intercept, near.coef) - least) / least
    times = turns({"near": ours, "full": lambda: logloss.fit(rows, labels, l2=L2)}, rounds)
    yield (
        f"{name}, ours",
        {
            "values": rows.nnz,
            "seconds": min(times["near"]),
            "passes": len(near.passes),
            "products": near.n_products,
            "relative_gap": gap,
            "full": ratio(times["full"], times["near"]),
            "full_passes": len(best.passes),
            "full_products": best.n_products,
            "certificate": best.certificate.nats_per_row,
        },
    )
    for solver in solvers:
        yield f"{name}, {solver}", of_peer(solver, rows, labels, least, ours, rounds)


def of_peer(solver: str, rows: Any, labels: Any, least: float, ours: Callable[[], Any], rounds: int) -> Figures:
    """A solver at the loosest tolerance that comes as near."""
    for tolerance in TOLERANCES:
        fitted = peer_of(solver, tolerance, rows, labels)
        model = fitted()
        gap = (objective(rows, labels, float(model.intercept_[0]), model.coef_[0]) - least) / least
        if gap <= NEAR:
            seconds = turns({"ours": ours, "peer": fitted}, rounds, warm_up=0)
            of_ours = ratio(seconds["peer"], seconds["ours"])
            return {"of_ours": of_ours, "tolerance": tolerance, "steps": int(model.n_iter_[0]), "relative_gap": gap}
    return {"relative_gap": gap, "note": "no tolerance comes as near"}


def tables(requested: argparse.Namespace) -> Lines:
    """The three tables."""
    yield from compared("adult", *adult(requested), requested.rounds)
    yield from compared("text", *words(requested.rows // 5, requested.rows // 2, 100), requested.rounds)
    # lbfgs would take minutes a fit.
    solvers = [solver for solver in PEERS if solver != "lbfgs"]
    yield from compared("wide", *words(requested.rows, 10 * requested.rows, 120), requested.rounds, solvers)


def peak_of_wide(n_rows: int, is_fitted: bool) -> float:
    """The peak of a process that makes the wide table, and perhaps fits it."""
    rows, labels = words(n_rows, 10 * n_rows, 120)
    before = peak_mb()
    if is_fitted:
        logloss.fit(rows, labels, l2=L2)
    return peak_mb() if is_fitted else before


def memory(requested: argparse.Namespace) -> Lines:
    """The peak of the wide table: to make it, and to make and fit it."""
    made = in_own_process(peak_of_wide, requested.rows, False)
    yield "wide", {"made_mb": made, "peak_mb": in_own_process(peak_of_wide, requested.rows, True)}


if __name__ == "__main__":
    record(tables, memory, folder=True, rows=(100_000, 1000), rounds=(5, 1))
