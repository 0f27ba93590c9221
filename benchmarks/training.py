"""Training on 10^6 × 100 numbers in memory, beside scikit-learn and glum, all judged at the same gap to the optimum.

usage: python benchmarks/training.py [ROWS] [--save FILE]

Two tables are drawn from a fixed seed: "plain", independent standard normal columns, on which any solver is quick; and
"ordinary", neighbouring columns correlated by 0.9 and in units that differ by e^6, as in tables that nobody prepared.
Labels are drawn from a logistic model, about a third of them ones. The penalty is l2 = 1, scikit-learn's C = 1.

The optimum is ours at a tolerance of 1e-15, improved by one Newton step of plain NumPy and checked by the size of the
next; objectives are compared by one function. Each peer is given smaller and smaller tolerances until its relative gap
is at most 1e-9, or its time is up; then that setting and ours take turns, and medians are shown. Nobody tells what new
rows cost. Everybody may use all processors: ours as threads with one BLAS thread each, the peers through their own BLAS
and OpenMP threads.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import logloss
from logloss.onepass.run import available_cpus

L2, N_COLUMNS, SEED = 1.0, 100, 20251124
RELATIVE_GAP = 1e-9
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12)
# Seconds that one peer may spend on finding its tolerance, and rounds in which settings take turns.
PATIENCE, ROUNDS = 30.0, 3
# Steps after which a peer stops, so that the program ends: what it has reached then is shown.
MOST_STEPS = {"lbfgs": 300, "newton-cholesky": 100, "newton-cg": 20}
BLOCK = 1 << 16


def table(kind: str, n_rows: int) -> tuple[Any, Any]:
    """Features of shape (n_rows, 100), float64, in rows; labels."""
    random = np.random.default_rng(SEED)
    features = np.empty((n_rows, N_COLUMNS))
    unit = np.exp(random.uniform(-3, 3, N_COLUMNS)) if kind == "ordinary" else np.ones(N_COLUMNS)
    slopes = random.standard_normal(N_COLUMNS) * 0.2
    labels = np.empty(n_rows, np.uint8)
    for start in range(0, n_rows, BLOCK):
        rows = random.standard_normal((min(BLOCK, n_rows - start), N_COLUMNS))
        if kind == "ordinary":
            for j in range(1, N_COLUMNS):
                rows[:, j] = 0.9 * rows[:, j - 1] + np.sqrt(1 - 0.9**2) * rows[:, j]
        chance = 1 / (1 + np.exp(1 - rows @ slopes))
        labels[start : start + BLOCK] = random.random(len(rows)) < chance
        features[start : start + BLOCK] = rows * unit
    return features, labels


def derivatives(features: Any, labels: Any, point: Any) -> tuple[float, Any, Any]:
    """Objective, gradient and Hessian in plain NumPy, intercept first."""
    penalty = np.full(N_COLUMNS + 1, L2)
    penalty[0] = 0
    loss, gradient, hessian = 0.5 * penalty @ point**2, penalty * point, np.diag(penalty)
    for start in range(0, len(labels), BLOCK):
        rows = np.column_stack([np.ones(len(labels[start : start + BLOCK])), features[start : start + BLOCK]])
        y, z = labels[start : start + BLOCK], rows @ point
        proba = 1 / (1 + np.exp(-z))
        loss += float(np.sum(np.logaddexp(0, z) - y * z))
        gradient += rows.T @ (proba - y)
        hessian += (rows.T * (proba * (1 - proba))) @ rows
    return float(loss), gradient, hessian


def objective(features: Any, labels: Any, point: Any) -> float:
    """Summed loss and penalty at a point, intercept first: one function judges everybody."""
    total = 0.0
    for start in range(0, len(labels), BLOCK):
        z = features[start : start + BLOCK] @ point[1:] + point[0]
        total += float(np.sum(np.logaddexp(0, z) - labels[start : start + BLOCK] * z))
    return total + 0.5 * L2 * float(point[1:] @ point[1:])


@dataclass
class Run:
    """A fit: where it ended, how long it took, how many passes or iterations it says it needed."""

    point: Any
    seconds: float
    n_steps: int
    gap: float = np.nan


def timed(fit: Callable[[], tuple[Any, int]]) -> Run:
    """One fit by the clock; what it warns of is seen in its gap."""
    with warnings.catch_warnings(action="ignore"):
        began = time.perf_counter()
        point, n_steps = fit()
        return Run(point, time.perf_counter() - began, n_steps)


def ours(features: Any, labels: Any) -> tuple[Any, int]:
    """logloss as it stands."""
    model = logloss.fit(features, labels, l2=L2, leave_one_out=False)
    return np.array([model.intercept, *model.coefficients.values()]), len(model.passes)


def peers() -> dict[str, Callable[[Any, Any, float], tuple[Any, int]]]:
    """Everybody else, as functions of features, labels and their own tolerance."""
    from sklearn.linear_model import LogisticRegression

    def of_sklearn(solver: str) -> Callable[[Any, Any, float], tuple[Any, int]]:
        def fit(features: Any, labels: Any, tolerance: float) -> tuple[Any, int]:
            most = MOST_STEPS[solver]
            model = LogisticRegression(C=1 / L2, solver=solver, tol=tolerance, max_iter=most).fit(features, labels)
            return np.append(model.intercept_, model.coef_[0]), int(model.n_iter_[0])

        return fit

    found = {f"scikit-learn {solver}": of_sklearn(solver) for solver in ("lbfgs", "newton-cholesky", "newton-cg")}
    try:
        import glum
    except ImportError:
        print("glum is not installed: left out", file=sys.stderr)
        return found

    def of_glum(features: Any, labels: Any, tolerance: float) -> tuple[Any, int]:
        model = glum.GeneralizedLinearRegressor(
            family="binomial", alpha=L2 / len(labels), l1_ratio=0, gradient_tol=tolerance, max_iter=100
        )
        model.fit(features, labels.astype(float))
        return np.append(model.intercept_, model.coef_), int(model.n_iter_)

    return found | {"glum": of_glum}


def best_setting(fit: Any, features: Any, labels: Any, least: float) -> tuple[float, list[tuple[float, Run]]]:
    """(The first tolerance that reaches the gap, or the last that was tried; every run)."""
    runs: list[tuple[float, Run]] = []
    for tolerance in TOLERANCES:
        run = timed(lambda tolerance=tolerance: fit(features, labels, tolerance))
        run.gap = (objective(features, labels, run.point) - least) / least
        runs.append((tolerance, run))
        if run.gap <= RELATIVE_GAP or sum(each.seconds for _, each in runs) > PATIENCE:
            break
    return runs[-1][0], runs


def compared(kind: str, n_rows: int) -> dict[str, Any]:
    """The table for one kind of data, printed; its figures."""
    features, labels = table(kind, n_rows)
    model = logloss.fit(features, labels, l2=L2, tolerance=1e-15)
    point = np.array([model.intercept, *model.coefficients.values()])
    _, gradient, hessian = derivatives(features, labels, point)
    point = point - np.linalg.solve(hessian, gradient)
    _, gradient, hessian = derivatives(features, labels, point)
    left = 0.5 * float(gradient @ np.linalg.solve(hessian, gradient))
    least = objective(features, labels, point)
    print(f"\n{kind}: {n_rows:,} × {N_COLUMNS} float64, {labels.mean():.3f} ones, {available_cpus()} threads")
    print(f"optimum {least:.9g} nats; Newton expects {left / least:.0e} of it below")
    contestants = {"logloss": lambda: ours(features, labels)}
    settings: dict[str, float] = {}
    gaps: dict[str, tuple[float, int]] = {}
    defaults: dict[str, Run] = {}
    for name, fit in peers().items():
        tolerance, runs = best_setting(fit, features, labels, least)
        settings[name], defaults[name] = tolerance, runs[0][1]
        gaps[name] = runs[-1][1].gap, runs[-1][1].n_steps
        contestants[name] = lambda fit=fit, tolerance=tolerance: fit(features, labels, tolerance)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, fit in contestants.items():
            run = timed(fit)
            seconds[name].append(run.seconds)
            gaps[name] = (objective(features, labels, run.point) - least) / least, run.n_steps
    own = statistics.median(seconds["logloss"])
    print(f"{'':28} {'tolerance':>9} {'steps':>6} {'rel. gap':>9} {'seconds':>8} {'× ours':>7}   as it comes")
    figures: dict[str, Any] = {}
    for name, times in seconds.items():
        ratios = [t / o for t, o in zip(times, seconds["logloss"], strict=True)]
        gap, n_steps = gaps[name]
        default = defaults.get(name)
        at_first = f"{default.seconds:.2f} s to {default.gap:.0e}" if default else ""
        print(
            f"{name:28} {settings.get(name, 1e-12):9.0e} {n_steps:6} {gap:9.0e} {statistics.median(times):8.2f} "
            f"{statistics.median(ratios):7.1f}   {at_first}"
        )
        figures[name] = {"seconds": times, "relative_gap": gap, "n_steps": n_steps, "ratio": statistics.median(ratios)}
    reached = [statistics.median(seconds[n]) for n in settings if gaps[n][0] <= RELATIVE_GAP]
    if reached:
        print(f"the fastest peer that reaches {RELATIVE_GAP:.0e} takes {min(reached) / own:.1f} × as long")
    print(f"certified within {model.certificate.nats_per_row:.0e} nats per row")
    return figures


MEMORY = """
import resource, sys
sys.path.insert(0, {here!r})
import training, logloss
X, y = training.table("plain", {n_rows})
logloss.fit(X[:60_000].copy(), y[:60_000].copy(), l2=1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
logloss.fit(X, y, l2=1.0, leave_one_out=False)
print(X.nbytes // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def memory(n_rows: int) -> dict[str, int]:
    """How much the peak of a process grows by a fit, beside the size of X (KB; ru_maxrss counts KB on Linux)."""
    code = MEMORY.format(here=str(pathlib.Path(__file__).parent), n_rows=n_rows)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    size, grown = map(int, done.stdout.split())
    print(f"\nX has {size // 1024:,} MB; a fit adds {grown // 1024:,} MB to the peak of the process")
    return {"x_kb": size, "grown_kb": grown}


def circumstances() -> dict[str, Any]:
    """Where and with what it was measured."""
    import scipy
    import sklearn

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "machine": platform.machine(),
        "processors": available_cpus(),
        "commit": commit,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def main() -> None:
    """Print both tables and the memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="?", type=float, default=1e6)
    parser.add_argument("--save", type=pathlib.Path)
    given = parser.parse_args()
    n_rows = int(given.rows)
    found: dict[str, Any] = circumstances() | {"rows": n_rows}
    for kind in ("plain", "ordinary"):
        found[kind] = compared(kind, n_rows)
    found["memory"] = memory(n_rows)
    if given.save:
        given.save.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
