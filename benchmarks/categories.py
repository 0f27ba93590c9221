"""Fits with categories beside scikit-learn on sparse one-hot columns and glum, at their tolerances and at ours.

Drawn tables: "shops", numbers and a category of 2,000 levels; "pairs", two categories that cross, as of students and
teachers. FOLDER contains public tables; absent ones are left out. The penalty is l2 = 1, scikit-learn's C = 1, which is
a mean penalty of 1 / n_rows for glum. Each peer runs at its default tolerance, then with smaller ones until its
relative gap is at most 1e-9 or its time is up; the gap is that of its objective to ours, whose own true gap is printed.
Peers that are not installed are left out. All use one BLAS thread.

The other part fits tables of 500, 2,000 and 5,000 rows without a penalty whose labels many levels separate: what
separates them is found and proved. No peer looks for it; scikit-learn runs beside it at its defaults.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from _record import Figures, Lines, record
from _samples import labels_of
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from training import Table, adult, kdd, lectures, matrix

import logloss

try:
    import glum
except ModuleNotFoundError:
    glum = None

L2, SEED = 1.0, 20251129
RELATIVE_GAP = 1e-9
# Of each peer, its default first.
TOLERANCES = (None, 1e-6, 1e-8, 1e-10, 1e-12)
# Seconds that one peer may spend on finding its tolerance; steps after which it stops.
PATIENCE, MOST_STEPS = 30.0, 1000
# More columns are too many for a peer that forms their whole Hessian.
MOST_OF_HESSIAN = 6000


def levels_of(random: Any, n_rows: int, n_levels: int) -> tuple[Any, Any]:
    """(Text of each row, an effect of its level)."""
    codes = random.integers(0, n_levels, n_rows)
    return np.array([f"v{code}" for code in codes], dtype=object), random.standard_normal(n_levels)[codes]


def shops(n_rows: int) -> Table:
    """Numbers, and a category of many levels."""
    random = np.random.default_rng(SEED)
    names, effects = levels_of(random, n_rows, min(2000, n_rows // 10))
    numbers = random.standard_normal((n_rows, 5))
    frame = pd.DataFrame(numbers, columns=[f"x{j}" for j in range(5)]).assign(shop=names)
    return Table(frame, labels_of(random, expit(numbers.sum(axis=1) / 2 + effects - 1)))


def pairs(n_rows: int, n_levels: int = 1500) -> Table:
    """Two categories that cross."""
    random = np.random.default_rng(SEED)
    student, of_student = levels_of(random, n_rows, min(n_levels, n_rows // 10))
    teacher, of_teacher = levels_of(random, n_rows, min(n_levels, n_rows // 10))
    frame = pd.DataFrame({"student": student, "teacher": teacher})
    return Table(frame, labels_of(random, expit(of_student + of_teacher)))


def objective(table: Table, rows: Any, point: Any) -> float:
    """The penalised loss, summed in extended precision; intercept first."""
    logits = (rows @ point[1:] + point[0]).astype(np.longdouble)
    penalty = 0.5 * L2 * np.sum(point[1:].astype(np.longdouble) ** 2)
    return float(np.sum(np.logaddexp(0, logits) - table.labels * logits) + penalty)


def of_sklearn(solver: str) -> Callable[[Table, Any, float | None], tuple[Any, int]]:
    """(Coefficients, steps) of a solver of scikit-learn."""

    def fit(table: Table, rows: Any, tolerance: float | None) -> tuple[Any, int]:
        options = {} if tolerance is None else {"tol": tolerance}
        model = LogisticRegression(C=1 / L2, solver=solver, max_iter=MOST_STEPS, **options)
        model.fit(rows, table.labels)
        return np.append(model.intercept_, model.coef_[0]), int(model.n_iter_[0])

    return fit


def of_glum(table: Table, rows: Any, tolerance: float | None) -> tuple[Any, int]:
    """(Coefficients, steps) of glum on the same columns, which it keeps sparse."""
    options = {} if tolerance is None else {"gradient_tol": tolerance}
    model = glum.GeneralizedLinearRegressor(
        family="binomial", alpha=L2 / len(table.labels), l1_ratio=0, max_iter=MOST_STEPS, **options
    )
    model.fit(scipy.sparse.csc_matrix(rows), table.labels.astype(float))
    return np.append(model.intercept_, model.coef_), int(model.n_iter_)


def peers_of(n_columns: int) -> dict[str, Callable[[Table, Any, float | None], tuple[Any, int]]]:
    """Those that are installed and can take so many columns."""
    peers = {"lbfgs": of_sklearn("lbfgs")}
    if n_columns <= MOST_OF_HESSIAN:
        peers["newton-cholesky"] = of_sklearn("newton-cholesky")
        if glum is not None:
            peers["glum"] = of_glum
    return peers


def fastest(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """(The least seconds of some rounds, what the last of them returned)."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), found


def compared(name: str, table: Table, rounds: int) -> Lines:
    """The lines of one table."""
    seconds, model = fastest(table.fit, rounds)
    rows = matrix(table, list(model.coefficients))
    rows = rows if scipy.sparse.issparse(rows) else scipy.sparse.csr_array(rows)
    best = objective(table, rows, np.array([model.intercept, *model.coefficients.values()]))
    figures: Figures = {"seconds": seconds, "rows": len(table.labels), "columns": len(model.coefficients)}
    figures |= {"passes": len(model.passes), "certificate": model.certificate.nats_per_row}
    yield name, figures
    for peer, fit in peers_of(len(model.coefficients)).items():
        for line, case in of_peer(fit, table, rows, best, rounds):
            yield f"{name}, {peer}{case}", line | {"of_ours": line["seconds"] / seconds}


def of_peer(
    fit: Callable[..., Any], table: Table, rows: Any, best: float, rounds: int
) -> Iterator[tuple[Figures, str]]:
    """The line at its default tolerance, and at the first one with which it reaches the gap, or the last tried."""
    began = time.perf_counter()
    for tolerance in TOLERANCES:
        seconds, (point, steps) = fastest(lambda tolerance=tolerance: fit(table, rows, tolerance), rounds)
        gap = (objective(table, rows, point) - best) / best
        line: Figures = {"seconds": seconds, "steps": steps, "relative_gap": gap}
        if tolerance is None:
            yield line, ""
        is_done = gap <= RELATIVE_GAP or time.perf_counter() - began > PATIENCE
        if is_done or tolerance == TOLERANCES[-1]:
            yield line | {"tolerance": tolerance or "default"}, ", same gap"
            return


def quietly(lines: Lines) -> Lines:
    """The lines, without warnings of solvers that stop early, on one BLAS thread."""
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1, "blas"):
        yield from lines


def drawn(requested: argparse.Namespace) -> Lines:
    """The tables that are drawn."""
    if glum is None:
        print("  glum: left out, it is not installed")
    for name, table in (("shops", shops(requested.rows)), ("pairs", pairs(requested.rows // 2))):
        yield from quietly(compared(name, table, requested.rounds))


def real(requested: argparse.Namespace) -> Lines:
    """The tables of the folder."""
    for name, make in {"adult": adult, "KDD'99": kdd, "lectures": lectures}.items() if requested.folder else ():
        try:
            table = make(requested.folder)
        except FileNotFoundError as error:
            print(f"  {name}: left out, {error.filename} is absent")
            continue
        yield from quietly(compared(name, table, requested.rounds))


def separated(requested: argparse.Namespace) -> Lines:
    """Tables without a penalty that many levels separate: one category of nearly as many levels as rows, and two."""
    for n_rows in (size for size in (500, 2000, 5000) if size <= requested.rows):
        random = np.random.default_rng(SEED)
        one, two = levels_of(random, n_rows, n_rows)[0], [levels_of(random, n_rows, n_rows * 3 // 10)[0] for _ in "ab"]
        labels = random.integers(0, 2, n_rows)
        tables = {"one category": {"a": one}, "two categories": dict(zip("ab", two, strict=True))}
        for name, columns in tables.items():
            table = Table(pd.DataFrame(columns), labels)
            yield from quietly(found(f"{n_rows:,} rows, {name}", table, requested.rounds))


def found(name: str, table: Table, rounds: int) -> Lines:
    """What separates a table, beside a solver that does not look for it."""
    seconds, model = fastest(lambda: table.fit(0.0), rounds)
    rows = scipy.sparse.csr_array(pd.get_dummies(table.features, sparse=True, dtype=float).sparse.to_coo())
    of_peer, _ = fastest(lambda: LogisticRegression(C=np.inf).fit(rows, table.labels), rounds)
    figures: Figures = {"seconds": seconds, "columns": len(model.coefficients), "lbfgs_seconds": of_peer}
    figures |= {"divided_rows": 0 if model.separation is None else model.separation.n_divided}
    yield name, figures | {"directions": 0 if model.separation is None else len(model.separation.directions)}


if __name__ == "__main__":
    logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    record(drawn, real, separated, folder=True, rows=(200_000, 1000), rounds=(3, 1))
