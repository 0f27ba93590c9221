"""Training beside scikit-learn, scikit-learn-intelex and glum, each at its own tolerance and at the same gap.

Tables are drawn from a fixed seed: "plain", 100 independent standard normal columns, on which every solver is fast;
"narrow" and "short", the same with 20 columns and all or a tenth of the rows; "ordinary", 100 columns and three tenths
of the rows, neighbouring columns correlated by 0.9 and in units that differ by up to e^6, as in tables that are not
standardised; "mixed", text with missing values, and weights. FOLDER contains public tables; absent ones are left out.
The penalty is l2 = 1, scikit-learn's C = 1. `--only narrow` runs the tables whose name has this in it.

The true gap is computed without our code: the gradient at our answer is summed in extended precision, and the gap is
Newton's decrement there. Each peer is run with its default tolerance, and then with smaller and smaller ones until its
relative gap is at most 1e-9, or its time is up; both settings take turns with ours (`of_ours`: how many times our time
they take). The loss on new rows is that of a fifth of the rows, held out at random. All may use all processors: ours as
threads with one BLAS thread each, the peers through their own BLAS and OpenMP threads.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from _record import Figures, Lines, ratio, record, turns
from _samples import labels_of
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

import logloss

L2, SEED, BLOCK = 1.0, 20251124, 1 << 14
RELATIVE_GAP = 1e-9
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12)
# Seconds that one peer may spend on finding its tolerance, and steps after which it stops.
PATIENCE, MOST_STEPS = 30.0, 100
# A matrix of more columns is given to the peers as a sparse one.
MOST_DENSE = 500


@dataclass(frozen=True)
class Table:
    """A table made ready: features, labels as 0 and 1, weights, an offset, options of the fit."""

    features: Any
    labels: Any
    weight: Any = None
    offset: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def taken(self, rows: Any) -> Table:
        """Some of its rows."""
        weight, offset = (None if each is None else each[rows] for each in (self.weight, self.offset))
        is_frame = isinstance(self.features, pd.DataFrame)
        features = self.features.iloc[rows].reset_index(drop=True) if is_frame else self.features[rows]
        return replace(self, features=features, labels=self.labels[rows], weight=weight, offset=offset)

    def fit(self, l2: float = L2) -> logloss.LogisticModel:
        """Our model, without the leave-one-out loss, which no peer computes."""
        options = {"sample_weight": self.weight, "offset": self.offset, "leave_one_out": False, **self.options}
        return logloss.fit(self.features, self.labels, l2=l2, **options)


def plain(n_rows: int, *, is_ordinary: bool = False, n_columns: int = 100) -> Table:
    """Numbers."""
    random = np.random.default_rng(SEED)
    features = random.standard_normal((n_rows, n_columns))
    if is_ordinary:
        for j in range(1, n_columns):
            features[:, j] = 0.9 * features[:, j - 1] + np.sqrt(1 - 0.9**2) * features[:, j]
    labels = labels_of(random, expit(features @ random.standard_normal(n_columns) * 0.2 - 1))
    if is_ordinary:
        features *= np.exp(random.uniform(-3, 3, n_columns))
    return Table(features, labels)


def mixed(n_rows: int) -> Table:
    """Text, missing values, weights."""
    random = np.random.default_rng(SEED)
    number, level = random.standard_normal(n_rows), random.integers(0, 6, n_rows)
    labels = labels_of(random, expit(number + 0.3 * level - 1))
    kinds = np.array(["a", "b", "c", "d", "e", None], object)[level]
    frame = pd.DataFrame({"number": np.where(random.random(n_rows) < 0.1, np.nan, number), "kind": kinds})
    return Table(frame, labels, random.gamma(2.0, 0.5, n_rows), options={"missing": "indicator"})


def adult(folder: pathlib.Path) -> Table:
    """Income, with text and missing values."""
    frame = pd.read_csv(folder / "adult_train.csv", skipinitialspace=True)
    labels = (frame["class"] == ">50K").to_numpy(np.uint8)
    return Table(frame.drop(columns=["class", "fnlwgt"]), labels, options={"missing": "indicator"})


def covtype(folder: pathlib.Path) -> Table:
    """Forest cover: rare, constant and dependent columns of 0 and 1."""
    frame = pd.read_csv(folder / "covtype_20k.csv", header=None).rename(columns=str)
    return Table(frame.drop(columns="54").astype(float), (frame["54"] == 2).to_numpy(np.uint8))


def kdd(folder: pathlib.Path) -> Table:
    """Network connections: nearly separated, values hundreds of standard deviations away."""
    frame = pd.read_csv(folder / "kddcup99_10_percent.csv.gz", header=None).rename(columns=str)
    return Table(frame.drop(columns="41"), (frame["41"] != "normal.").to_numpy(np.uint8))


def fertility(folder: pathlib.Path) -> Table:
    """A quarter of a million women, few columns."""
    frame = pd.read_parquet(folder / "fertility.parquet")
    return Table(frame.drop(columns=["rownames", "morekids"]), (frame["morekids"] == "yes").to_numpy(np.uint8))


def car_insurance(folder: pathlib.Path) -> Table:
    """Claims in a year: the logarithm of the exposure is an offset."""
    frame = pd.read_parquet(folder / "car_insurance_claims.parquet")
    labels, offset = frame["clm"].to_numpy(np.uint8), np.log(frame["exposure"].to_numpy())
    left_out = ["rownames", "X_OBSTAT_", "clm", "exposure", "numclaims", "claimcst0"]
    return Table(frame.drop(columns=left_out), labels, offset=offset)


def lectures(folder: pathlib.Path) -> Table:
    """Ratings of 4 and 5, by 2,972 students of 1,128 lecturers."""
    frame = pd.read_parquet(folder / "lecture_ratings.parquet")
    names = ["s", "d", "dept"]
    return Table(frame[names], (frame["y"] >= 4).to_numpy(np.uint8), options={"categories": names})


def higgs(folder: pathlib.Path) -> Table:
    """Physics, with weights."""
    rows, weight = np.loadtxt(folder / "higgs_7000.tsv"), np.loadtxt(folder / "higgs_7000_weights.txt")
    frame = pd.DataFrame(rows[:, 1:], columns=[f"x{j}" for j in range(rows.shape[1] - 1)])
    return Table(frame, rows[:, 0].astype(np.uint8), weight=weight)


def matrix(table: Table, names: list[str]) -> Any:
    """One column for each coefficient of a model, made of its name: the input of a peer."""
    if not isinstance(table.features, pd.DataFrame):
        return table.features
    columns = []
    for name in names:
        column, is_level, level = name.partition(": ")
        if is_level:
            values = table.features[column].astype(str).to_numpy() == level
        elif name.endswith(" is missing"):
            values = table.features[name.removesuffix(" is missing")].isna().to_numpy()
        else:
            values = table.features[name].astype(float).to_numpy(copy=True)
            is_missing = np.isnan(values)
            weight = np.ones(len(values)) if table.weight is None else table.weight
            values[is_missing] = np.average(values[~is_missing], weights=weight[~is_missing])
        columns.append(values.astype(float)[:, None])
    if len(names) <= MOST_DENSE:
        return np.hstack(columns)
    return scipy.sparse.hstack([scipy.sparse.csc_array(column) for column in columns], format="csr")


def judged(table: Table, rows: Any, point: Any, *, has_decrement: bool = False) -> tuple[float, float]:
    """(Objective in extended precision, Newton's decrement or nan), summed; intercept first."""
    point = point.astype(np.longdouble)
    penalty = np.full(len(point), L2, np.longdouble)
    penalty[0] = 0
    total, gradient, hessian = 0.5 * penalty @ point**2, penalty * point, np.diag(penalty.astype(float))
    for start in range(0, len(table.labels), BLOCK):
        piece = rows[start : start + BLOCK]
        piece = np.asarray(piece.toarray() if scipy.sparse.issparse(piece) else piece)
        y = table.labels[start : start + BLOCK].astype(np.longdouble)
        w = 1.0 if table.weight is None else table.weight[start : start + BLOCK].astype(np.longdouble)
        z = piece.astype(np.longdouble) @ point[1:] + point[0]
        if table.offset is not None:
            z += table.offset[start : start + BLOCK]
        total += np.sum(w * (np.logaddexp(0, z) - y * z))
        if has_decrement:
            proba = 1 / (1 + np.exp(-z))
            piece = np.column_stack([np.ones(len(piece)), piece])
            gradient += (w * (proba - y)) @ piece
            hessian += (piece.T * (w * proba * (1 - proba)).astype(float)) @ piece
    if not has_decrement:
        return float(total), np.nan
    slope = gradient.astype(float)
    return float(total), 0.5 * float(slope @ np.linalg.lstsq(hessian, slope, rcond=1e-14)[0])


# The final point of a solver, intercept first, and its steps; None for the tolerance stands for its own.
Solver = Callable[[Table, Any, float | None], tuple[Any, int]]


def of_sklearn(solver: str, *, has_patch: bool = False) -> Solver:
    """Of scikit-learn, or of scikit-learn-intelex in its place."""

    def fit(table: Table, rows: Any, tolerance: float | None) -> tuple[Any, int]:
        kind = importlib.import_module("sklearnex.linear_model").LogisticRegression if has_patch else LogisticRegression
        options = {} if tolerance is None else {"tol": tolerance}
        model = kind(C=1 / L2, solver=solver, max_iter=MOST_STEPS, **options)
        # Warnings are ignored, since the gap is measured.
        with warnings.catch_warnings(action="ignore"):
            model.fit(rows, table.labels, sample_weight=table.weight)
        return np.append(model.intercept_, model.coef_[0]), int(np.ravel(model.n_iter_)[0])

    return fit


def of_glum(table: Table, rows: Any, tolerance: float | None) -> tuple[Any, int]:
    """Of glum, whose objective is per row."""
    options = {} if tolerance is None else {"gradient_tol": tolerance}
    weight = np.ones(len(table.labels)) if table.weight is None else table.weight
    model = importlib.import_module("glum").GeneralizedLinearRegressor(
        family="binomial", alpha=L2 / weight.sum(), l1_ratio=0, max_iter=MOST_STEPS, **options
    )
    with warnings.catch_warnings(action="ignore"):
        model.fit(rows, table.labels.astype(float), sample_weight=weight)
    return np.append(model.intercept_, model.coef_), int(model.n_iter_)


# By name: the package that must be installed, whether sparse matrices are taken, the solver.
PEERS: dict[str, tuple[str, bool, Solver]] = {
    "lbfgs": ("sklearn", True, of_sklearn("lbfgs")),
    "newton-cholesky": ("sklearn", False, of_sklearn("newton-cholesky")),
    "newton-cg": ("sklearn", True, of_sklearn("newton-cg")),
    "scikit-learn-intelex lbfgs": ("sklearnex", False, of_sklearn("lbfgs", has_patch=True)),
    "glum": ("glum", False, of_glum),
}


def timed(table: Table, rows: Any, solver: Solver, tolerance: float | None, least: float) -> Figures:
    """One run of a peer."""
    began = time.perf_counter()
    point, n_steps = solver(table, rows, tolerance)
    seconds = time.perf_counter() - began
    gap = (judged(table, rows, point)[0] - least) / least
    return {"seconds": seconds, "steps": n_steps, "tolerance": tolerance or "its own", "relative_gap": gap}


def best_setting(table: Table, rows: Any, solver: Solver, least: float) -> Figures:
    """The first tolerance with which a peer reaches the gap, or the last that was tried."""
    began = time.perf_counter()
    for tolerance in TOLERANCES:
        line = timed(table, rows, solver, tolerance, least)
        if line["relative_gap"] <= RELATIVE_GAP or time.perf_counter() - began > PATIENCE:
            break
    return line


def fitted(table: Table, l2: float) -> tuple[Figures, logloss.LogisticModel]:
    """Our fit with its time, passes, loss and certificate."""
    began = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        model = table.fit(l2)
    figures: Figures = {"seconds": time.perf_counter() - began, "passes": len(model.passes), "loss": model.log_loss}
    figures |= {"rows": len(table.labels), "columns": len(model.coefficients)}
    if model.separation is not None:
        return figures | {"divided_rows": model.separation.n_divided}, model
    return figures | {"certificate": model.certificate.nats_per_row, "proved": model.certificate.is_proven}, model


def compared(name: str, table: Table, rounds: int) -> Lines:
    """The lines of one table."""
    figures, model = fitted(table, L2)
    rows = matrix(table, list(model.coefficients))
    point = np.array([model.intercept, *model.coefficients.values()])
    own, left = judged(table, rows, point, has_decrement=True)
    work: dict[str, Callable[[], Any]] = {"logloss": table.fit}
    lines: dict[str, tuple[Solver, Figures]] = {}
    is_sparse = scipy.sparse.issparse(rows)
    for peer, (package, takes_sparse, solver) in PEERS.items():
        # None takes an offset.
        if table.offset is not None or (is_sparse and not takes_sparse):
            continue
        if importlib.util.find_spec(package) is None:
            print(f"  {name}, {peer}: left out, {package} is not installed")
            continue
        lines[f"{peer}, its own tolerance"] = solver, timed(table, rows, solver, None, own - left)
        lines[peer] = solver, best_setting(table, rows, solver, own - left)
    for peer, (solver, line) in lines.items():
        tolerance = None if "its own" in peer else line["tolerance"]
        # A peer at the same gap that does not come to it is not timed again.
        if tolerance is None or line["relative_gap"] <= RELATIVE_GAP:
            work[peer] = lambda solver=solver, tolerance=tolerance: solver(table, rows, tolerance)
    with warnings.catch_warnings(action="ignore"):
        seconds = turns(work, rounds, warm_up=0)
    figures |= {"seconds": statistics.median(seconds["logloss"]), "true_gap": left / len(table.labels)}
    yield name, figures
    if name != "lectures":
        yield f"{name}, no penalty", fitted(table, 0.0)[0]
    for peer, (_, line) in lines.items():
        if peer in work:
            of_ours = ratio(seconds[peer], seconds["logloss"])
            line |= {"seconds": statistics.median(seconds[peer]), "of_ours": of_ours}
        yield f"{name}, {peer}", line
    yield f"{name}, new rows", held_out(table)


def held_out(table: Table) -> Figures:
    """The loss on a fifth of the rows that no model has seen."""
    order = np.random.default_rng(SEED).permutation(len(table.labels))
    cut = len(order) // 5
    old, new = table.taken(np.sort(order[cut:])), table.taken(np.sort(order[:cut]))
    with warnings.catch_warnings(action="ignore"):
        model = old.fit()
        options = {} if table.offset is None else {"offset": new.offset}
        logits = model.predict_logit(new.features, **options)
        figures = {"ours": logloss.log_loss(new.labels, y_logit=logits, sample_weight=new.weight)}
        if table.offset is None:
            names = list(model.coefficients)
            point, _ = of_sklearn("lbfgs")(old, matrix(old, names), TOLERANCES[0])
            logits = matrix(new, names) @ point[1:] + point[0]
            figures["lbfgs"] = logloss.log_loss(new.labels, y_logit=logits, sample_weight=new.weight)
    return figures


def drawn(requested: argparse.Namespace) -> Lines:
    """The tables that are drawn."""
    tables: dict[str, Callable[[], Table]] = {
        "plain": lambda: plain(requested.rows),
        "narrow": lambda: plain(requested.rows, n_columns=20),
        "short": lambda: plain(requested.rows // 10, n_columns=20),
        "ordinary": lambda: plain(requested.rows * 3 // 10, is_ordinary=True),
        "mixed": lambda: mixed(requested.rows // 10),
    }
    for name, make in tables.items():
        if requested.only in name:
            yield from compared(name, make(), requested.rounds)


def real(requested: argparse.Namespace) -> Lines:
    """The tables of the folder."""
    tables = {"adult": adult, "covtype": covtype, "KDD'99": kdd, "fertility": fertility}
    tables |= {"car insurance": car_insurance, "lectures": lectures, "higgs": higgs}
    for name, make in tables.items() if requested.folder else ():
        if requested.only not in name:
            continue
        try:
            table = make(requested.folder)
        except FileNotFoundError as error:
            print(f"  {name}: left out, {error.filename} is absent")
            continue
        yield from compared(name, table, requested.rounds)


if __name__ == "__main__":
    record(drawn, real, folder=True, has_only=True, rows=(1_000_000, 8000), rounds=(3, 1))
