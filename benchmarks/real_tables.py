"""Training on real tables: passes, seconds, certificate and true gap of ours beside the peers', and loss on new rows.

usage: python benchmarks/real_tables.py [FOLDER] [--only NAME]...

FOLDER, or else the environment variable LOGLOSS_DATA, names where the tables are; without either nothing is done. It
holds the public tables of TABLES below; one that is absent is left out. The true gap is measured without our code: the
gradient at our answer is summed in extended precision over a one-hot matrix, and Newton's decrement there is what is
left. Peers get that matrix and the same penalty; the loss on new rows is that of a fifth of the rows, held out at
random, for models of the rest.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

import logloss

SEED, BLOCK = 20251124, 4096
# A matrix of more columns is given to the peers as a sparse one.
MOST_DENSE = 500


@dataclass
class Table:
    """A table made ready: features, labels as 0 and 1, options of the fit, the penalty."""

    features: pd.DataFrame
    labels: Any
    l2: float = 1.0
    weight: Any = None
    offset: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def taken(self, rows: Any) -> Table:
        """Some of its rows."""
        weight, offset = (None if each is None else each[rows] for each in (self.weight, self.offset))
        features = self.features.iloc[rows].reset_index(drop=True)
        return Table(features, self.labels[rows], self.l2, weight, offset, self.options)

    def fit(self, l2: float, **options: Any) -> Any:
        """Our model, without the loss on new rows, which no peer tells."""
        return logloss.fit(
            self.features,
            self.labels,
            l2=l2,
            sample_weight=self.weight,
            offset=self.offset,
            leave_one_out=False,
            **self.options,
            **options,
        )


def adult(folder: pathlib.Path) -> Table:
    """Income, with text and missing values."""
    frame = pd.read_csv(folder / "adult_train.csv", skipinitialspace=True)
    labels = (frame["class"] == ">50K").to_numpy(np.uint8)
    return Table(frame.drop(columns=["class", "fnlwgt"]), labels, options={"missing": "indicator"})


def covtype(folder: pathlib.Path) -> Table:
    """Forest cover: rare, constant and dependent columns of 0 and 1."""
    frame = pd.read_csv(folder / "covtype_20k.csv", header=None)
    frame.columns = [str(name) for name in frame.columns]
    return Table(frame.drop(columns="54").astype(float), (frame["54"] == 2).to_numpy(np.uint8))


def kdd(folder: pathlib.Path) -> Table:
    """Network connections: nearly separated, values hundreds of spreads away."""
    frame = pd.read_csv(folder / "kddcup99_10_percent.csv.gz", header=None)
    frame.columns = [str(name) for name in frame.columns]
    return Table(frame.drop(columns="41"), (frame["41"] != "normal.").to_numpy(np.uint8))


def fertility(folder: pathlib.Path) -> Table:
    """A quarter of a million women, few columns."""
    frame = pd.read_parquet(folder / "fertility.parquet")
    labels = (frame["morekids"] == "yes").to_numpy(np.uint8)
    return Table(frame.drop(columns=["rownames", "morekids"]), labels)


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


TABLES: dict[str, Callable[[pathlib.Path], Table]] = {
    "adult": adult,
    "covtype": covtype,
    "KDD'99": kdd,
    "fertility": fertility,
    "car insurance": car_insurance,
    "lectures": lectures,
    "higgs": higgs,
}


def matrix(table: Table, names: list[str]) -> Any:
    """One column for each coefficient of a model, made of its name: what a peer is given."""
    columns = []
    for name in names:
        column, is_level, level = name.partition(" = ")
        if is_level:
            found = table.features[column].astype(str).to_numpy() == level
        elif name.endswith(" is missing"):
            found = table.features[name.removesuffix(" is missing")].isna().to_numpy()
        else:
            found = table.features[name].astype(float).fillna(table.features[name].mean()).to_numpy()
        columns.append(
            found.astype(float) if len(names) <= MOST_DENSE else scipy.sparse.csc_array(found[:, None] * 1.0)
        )
    if len(names) <= MOST_DENSE:
        return np.column_stack(columns)
    return scipy.sparse.hstack(columns, format="csr")


def judged(table: Table, rows: Any, point: Any, l2: float) -> tuple[float, float]:
    """(Objective, what Newton's decrement in extended precision expects below it), both summed; intercept first."""
    width = len(point)
    penalty = np.full(width, l2, np.longdouble)
    penalty[0] = 0
    point = point.astype(np.longdouble)
    total, gradient = 0.5 * penalty @ point**2, penalty * point
    hessian = np.diag(penalty.astype(float))
    for start in range(0, len(table.labels), BLOCK):
        piece = rows[start : start + BLOCK]
        piece = np.asarray(piece.toarray() if scipy.sparse.issparse(piece) else piece)
        piece = np.column_stack([np.ones(len(piece)), piece])
        y = table.labels[start : start + BLOCK].astype(np.longdouble)
        w = 1.0 if table.weight is None else table.weight[start : start + BLOCK].astype(np.longdouble)
        z = piece.astype(np.longdouble) @ point
        if table.offset is not None:
            z += table.offset[start : start + BLOCK]
        proba = 1 / (1 + np.exp(-z))
        total += np.sum(w * (np.logaddexp(0, z) - y * z))
        gradient += (w * (proba - y)) @ piece
        hessian += (piece.T * (w * proba * (1 - proba)).astype(float)) @ piece
    slope = gradient.astype(float)
    return float(total), 0.5 * float(slope @ np.linalg.lstsq(hessian, slope, rcond=1e-14)[0])


def peers(table: Table, rows: Any, l2: float) -> dict[str, Callable[[], Any]]:
    """scikit-learn and glum where they can do it; points have the intercept first."""
    from sklearn.linear_model import LogisticRegression

    def of_sklearn(**options: Any) -> Callable[[], Any]:
        def fit() -> Any:
            model = LogisticRegression(C=1 / l2, max_iter=200, **options)
            model.fit(rows, table.labels, sample_weight=table.weight)
            return np.append(model.intercept_, model.coef_[0])

        return fit

    found: dict[str, Callable[[], Any]] = {}
    if table.offset is None:
        found["lbfgs"] = of_sklearn(solver="lbfgs")
        if not scipy.sparse.issparse(rows):
            found["newton-cholesky"] = of_sklearn(solver="newton-cholesky", tol=1e-8)
    try:
        import glum
    except ImportError:
        return found
    if scipy.sparse.issparse(rows):
        return found

    def of_glum() -> Any:
        weight = np.ones(len(table.labels)) if table.weight is None else table.weight
        model = glum.GeneralizedLinearRegressor(
            family="binomial", alpha=l2 / weight.sum(), l1_ratio=0, gradient_tol=1e-8, max_iter=100
        )
        model.fit(rows, table.labels.astype(float), sample_weight=weight, offset=table.offset)
        return np.append(model.intercept_, model.coef_)

    return found | {"glum": of_glum}


def timed(fit: Callable[[], Any]) -> tuple[Any, float, str]:
    """(What a fit returns, its seconds, the first word of what it warns of or fails with)."""
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = fit()
        except (ValueError, np.linalg.LinAlgError) as error:
            return None, time.perf_counter() - began, f"{type(error).__name__}: {str(error)[:60]}"
    said = ", ".join(sorted({each.category.__name__ for each in caught}))
    return found, time.perf_counter() - began, said


def shown(name: str, table: Table) -> None:
    """The lines of one table."""
    n_rows = len(table.labels)
    table.fit(table.l2)
    for l2 in (0.0, table.l2):
        if l2 == 0 and name == "lectures":
            continue
        model, seconds, said = timed(lambda l2=l2: table.fit(l2))
        names = list(model.coefficients)
        what = "separated" if model.separation else f"{model.certificate.nats_per_row:.0e}"
        what += "" if model.separation or model.certificate.is_proven else " (estimate)"
        print(
            f"\n{name}: {n_rows:,} × {len(names)}, l2 = {l2:g}: {len(model.passes)} passes, {seconds:.2f} s, "
            f"loss {model.log_loss:.9g}, certificate {what} {said}"
        )
        if model.separation:
            some = ", ".join(model.separation.columns[:4])
            print(f"  {model.separation.n_divided:,} rows by {len(model.separation.columns)} coefficients: {some} …")
            continue
        if l2 == 0:
            continue
        rows = matrix(table, names)
        own, left = judged(table, rows, np.array([model.intercept, *model.coefficients.values()]), l2)
        print(f"  true gap by extended precision {left / n_rows:.0e} nats per row")
        for peer, fit in peers(table, rows, l2).items():
            point, took, said = timed(fit)
            gap = np.nan if point is None else (judged(table, rows, point, l2)[0] - own) / n_rows
            print(f"  {peer:16} {took:7.2f} s = {took / seconds:6.1f} × ours, gap {gap:8.0e} nats per row  {said}")


def held_out(name: str, table: Table) -> None:
    """The loss on a fifth of the rows that neither model has seen."""
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng(SEED).permutation(len(table.labels))
    cut = len(order) // 5
    old, new = table.taken(np.sort(order[cut:])), table.taken(np.sort(order[:cut]))
    with warnings.catch_warnings(action="ignore"):
        model = old.fit(table.l2)
        options = {} if table.offset is None else {"offset": new.offset}
        ours = logloss.log_loss(
            new.labels, y_logit=model.predict_logit(new.features, **options), sample_weight=new.weight
        )
        line = f"  on {cut:,} new rows: {ours:.6f}"
        if table.offset is None:
            names = list(model.coefficients)
            theirs = LogisticRegression(C=1 / table.l2, solver="lbfgs", max_iter=200)
            theirs.fit(matrix(old, names), old.labels, sample_weight=old.weight)
            proba = theirs.predict_proba(matrix(new, names))[:, 1]
            loss = logloss.log_loss(new.labels, proba, sample_weight=new.weight)
            line += f"; scikit-learn's lbfgs {loss:.6f}"
    print(line)


def main() -> None:
    """Print every table that is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=os.environ.get("LOGLOSS_DATA"))
    parser.add_argument("--only", action="append", choices=list(TABLES))
    given = parser.parse_args()
    if given.folder is None:
        print("no folder of tables is named: nothing is done")
        return
    given.folder = pathlib.Path(given.folder)
    for name, make in TABLES.items():
        if given.only and name not in given.only:
            continue
        try:
            table = make(given.folder)
        except FileNotFoundError as error:
            print(f"{name}: left out, {error.filename} is absent")
            continue
        shown(name, table)
        held_out(name, table)


if __name__ == "__main__":
    main()
