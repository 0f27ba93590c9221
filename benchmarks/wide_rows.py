"""Arrays of more than 5,000 columns under an L2 penalty, beside other solvers at the same distance from the minimum.

Tables: expressions of genes that 20 factors share, as float64: 500 rows of 20,000 columns, 1,000 of 10,000. Each
solver is given the loosest of its tolerances, by factors of ten, at which its objective is at most 1e-6 of the minimum
above it, as benchmarks/sparse_rows.py has it; glum forms the Hessian of all columns and takes no part. peak_mb: of a
process that makes the widest table, and fits it.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from _record import Lines, in_own_process, peak_mb, record
from _samples import labels_of
from scipy.special import expit
from sparse_rows import L2, compared

import logloss

SEED, N_FACTORS = 20261130, 20


def expressions(n_rows: int, n_columns: int) -> tuple[Any, Any]:
    """Columns of standard deviation 1, half of it from factors, and labels that depend on 20 of them."""
    random = np.random.default_rng(SEED)
    shared = random.standard_normal((n_rows, N_FACTORS)) @ random.standard_normal((N_FACTORS, n_columns))
    rows = np.sqrt(0.5 / N_FACTORS) * shared + np.sqrt(0.5) * random.standard_normal((n_rows, n_columns))
    return rows, labels_of(random, expit(rows[:, :20] @ random.standard_normal(20) - 0.5))


def shapes(most: int) -> dict[str, tuple[int, int]]:
    """Rows and columns of each table; most: columns of the widest."""
    return {"widest": (most // 40, most), "wide": (most // 20, most // 2)}


def tables(requested: argparse.Namespace) -> Lines:
    """The tables, with the peers that are installed."""
    for name, (n_rows, n_columns) in shapes(requested.columns).items():
        yield from compared(name, *expressions(n_rows, n_columns), requested.rounds)


def peak_of_widest(most: int, is_fitted: bool) -> float:
    """The peak of a process that makes a table, and perhaps fits it."""
    rows, labels = expressions(*shapes(most)["widest"])
    before = peak_mb()
    if is_fitted:
        logloss.fit(rows, labels, l2=L2)
    return peak_mb() if is_fitted else before


def memory(requested: argparse.Namespace) -> Lines:
    """The peak of the widest table: to make it, and to make and fit it."""
    made = in_own_process(peak_of_widest, requested.columns, False)
    yield "widest", {"made_mb": made, "peak_mb": in_own_process(peak_of_widest, requested.columns, True)}


if __name__ == "__main__":
    record(tables, memory, columns=(20_000, 10_000), rounds=(1, 1))
