"""Random frames, fitted, predicted, measured and compared in random ways: all must agree with sums made by hand.

One trial draws a small frame (an index of any kind, columns in any order, plain,
nullable, decimal and categorical dtypes, missing values, columns that are no features, the label among them), fits it
one way, and predicts, measures and compares other rows in a few others: pandas, polars, Arrow, a dict, Parquet, CSV, a
saved model. Log-odds are summed by hand from the coefficients; what differs from them by 1e-9 is a silent difference,
and every error but those of logloss is undocumented.
"""

from __future__ import annotations

import datetime
import decimal
import math
import pathlib
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import logloss

TOLERANCE = 1e-9
MOST_FAILURES = 20
# Columns that are features; all others are not, whatever their values.
NUMBERS, CATEGORIES = ("x", "n b", "money"), ("flag", "kind", "code", "level")


@dataclass
class Tally:
    """The outcomes so far."""

    trials: int = 0
    checks: int = 0
    refused: int = 0
    silent_differences: int = 0
    undocumented_exceptions: int = 0
    unexpected_refusals: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, kind: str, what: str) -> None:
        """Count a failure and keep the first ones."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(f"trial {self.trials}: {kind}: {what}")


def run(n_trials: int, seed: int) -> dict[str, Any]:
    """Counts of the outcomes of n_trials random frames, and the first failures as text."""
    tally = Tally()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        for number in range(n_trials):
            tally.trials = number + 1
            try:
                Trial(np.random.default_rng([seed, number]), pathlib.Path(folder), tally).run()
            except Exception as error:
                tally.fail("undocumented_exceptions", described(error))
    return dict(vars(tally))


def described(error: Exception) -> str:
    """An error, and the line that raised it."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:200]} ({pathlib.Path(where.filename).name}:{where.lineno})"


class Trial:
    """One frame, its model, and the checks of both."""

    def __init__(self, rng: np.random.Generator, folder: pathlib.Path, tally: Tally) -> None:
        self.rng, self.folder, self.tally = rng, folder, tally

    def run(self) -> None:
        """Draw, fit, predict, measure, compare, refuse."""
        frame = a_frame(self.rng)
        is_train = self.rng.random(len(frame)) < 0.7
        train, test = frame[is_train], frame[~is_train]
        labels = numbers_of(train["label"])
        if len(test) < 2 or labels.min() == labels.max():
            return
        model = self.fitted(train)
        if model is None:
            return
        self.check_names(model, train)
        expected = by_hand(model, train, test)
        answers = np.isfinite(expected)
        if not answers.all():
            self.unanswered(model, test, int((~answers).sum()))
        test, expected = test[answers], expected[answers]
        if not len(test):
            return
        for way in self.rng.permutation(len(WAYS))[:3]:
            self.predicted(model, test, expected, *WAYS[way])
        if self.rng.random() < 0.3 and len(test) >= 2 and numbers_of(test["label"]).std() > 0:
            self.measured(model, test, expected)
        self.refused(model, test)

    # --- checks

    def fitted(self, train: pd.DataFrame) -> Any:
        """The model, fitted in one way, which must be that of the plain frame."""
        options: dict[str, Any] = {"missing": "indicator", "l2": 1.0, "leave_one_out": False}
        model = self.tried("fit", lambda: logloss.fit(train, "label", **options))
        if model is None:
            return None
        ways: dict[str, Callable[[], Any]] = {
            "shuffled columns": lambda: logloss.fit(
                train[list(self.rng.permutation(train.columns))], "label", **options
            ),
            "arrow": lambda: logloss.fit(pa.Table.from_pandas(arrowable(train)), "label", **options),
            "dict": lambda: logloss.fit({name: train[name] for name in train.columns}, "label", **options),
            "X and y": lambda: logloss.fit(train[features_in(train)], numbers_of(train["label"]), **options),
            "named": lambda: logloss.fit(train, "label", features=features_in(train), **options),
            "reset": lambda: logloss.fit(train.reset_index(drop=True), "label", **options),
        }
        if not any(is_category_of_values(train[name]) for name in train.columns):
            ways["parquet"] = lambda: logloss.fit(self.parquet(arrowable(train)), "label", **options)
            ways["polars"] = lambda: logloss.fit(as_polars(train), "label", **options)
        name = list(ways)[self.rng.integers(len(ways))]
        other = self.tried(f"fit by {name}", ways[name])
        if other is not None:
            self.tally.checks += 1
            # Columns in another order are summed in another order; each fit is within 1e-12 nats of the best.
            theirs, ours = other.coefficients, model.coefficients
            gap = max((abs(ours[key] - theirs.get(key, math.inf)) for key in ours), default=0.0)
            if ours.keys() != theirs.keys() or not gap <= 1e-5:
                self.tally.fail("silent_differences", f"fit by {name}: {sorted(ours)} {sorted(theirs)}, gap {gap:.1e}")
        return model

    def check_names(self, model: Any, train: pd.DataFrame) -> None:
        """Every column is a feature, has another role, or is listed as not used; the index is none of them."""
        used = set(model.design.columns)
        wanted = set(features_in(train))
        if used != wanted:
            self.tally.fail("silent_differences", f"features are {sorted(used)}, not {sorted(wanted)}")
        text = repr(model)
        for name in set(train.columns) - wanted - {"label"}:
            if f"{name} (" not in text:
                self.tally.fail("silent_differences", f"{name} is left out without a message")

    def predicted(self, model: Any, test: pd.DataFrame, expected: Any, way: str, make: Callable[..., Any]) -> None:
        """Log-odds of the rows in one form against those summed by hand."""
        if way == "csv" and any(test[name].dtype == np.float32 for name in test.columns):
            return
        if self.rng.random() < 0.1:
            model.save(self.folder / "model.json")
            model = logloss.load(self.folder / "model.json")
        rows = test
        if self.rng.random() < 0.5:
            rows = rows[list(self.rng.permutation(rows.columns))]
        if self.rng.random() < 0.3:
            rows = rows.drop(columns="label")
        if self.rng.random() < 0.3:
            rows = pd.concat([pd.Series("extra", rows.index, name="more"), rows], axis=1)
        table = make(self, rows)
        found = self.tried(f"predict by {way}", lambda: model.predict_logit(table))
        if found is not None:
            self.compare(f"predict by {way}", found, expected)
        if all(name in NUMBERS for name in model.design.columns) and not test[list(model.design.columns)].isna().any(
            axis=None
        ):
            matrix = test[list(model.design.columns)].astype(float).to_numpy()
            found = self.tried("predict by array", lambda: model.predict_logit(matrix))
            if found is not None:
                self.compare("predict by array", found, expected)
        if self.rng.random() < 0.2:
            sums = self.tried(f"explain by {way}", lambda: model.contributions(make(self, rows)))
            if sums is not None:
                self.compare(f"explain by {way}", [sum(row.values()) for row in sums], expected)

    def unanswered(self, model: Any, test: pd.DataFrame, n_lacking: int) -> None:
        """Rows with missing values that training had not: refused by number, or dropped and counted on request."""
        way, make = WAYS[self.rng.integers(len(WAYS))]
        self.tally.checks += 1
        try:
            model.predict_proba(make(self, test))
            self.tally.fail("silent_differences", f"predicted by {way} rows with missing values")
        except logloss.DataError as error:
            self.tally.refused += 1
            if "row " not in str(error):
                self.tally.fail("unexpected_refusals", f"no row is named: {str(error)[:200]}")
        if self.rng.random() < 0.1 and way != "csv" and n_lacking < len(test):
            found = self.tried("measure with drop", lambda: model.measure(make(self, test), "label", missing="drop"))
            if found is not None and found.n_dropped != n_lacking:
                self.tally.fail("silent_differences", f"{found.n_dropped} rows dropped by {way}, not {n_lacking}")

    def measured(self, model: Any, test: pd.DataFrame, expected: Any) -> None:
        """The loss of the model's own measure, and of a comparison, against that of the log-odds."""
        labels = numbers_of(test["label"])
        loss = logloss.log_loss(labels, y_logit=expected)
        way, make = WAYS[self.rng.integers(len(WAYS))]
        if way == "csv" and any(test[name].dtype == np.float32 for name in test.columns):
            return
        if self.rng.random() < 0.7:
            found = self.tried(f"measure by {way}", lambda: model.measure(make(self, test), "label"))
            if found is not None:
                self.compare(f"measure by {way}", found.log_loss, loss)
        if self.rng.random() < 0.2:
            found = self.tried("measure of X and y", lambda: model.measure(test, labels))
            if found is not None:
                self.compare("measure of X and y", found.log_loss, loss)
        if self.rng.random() < 0.2:
            forecasts = {"model": model, "half": "half"}
            with_half = test.assign(half=0.5)
            found = self.tried(
                f"compare by {way}", lambda: logloss.compare(make(self, with_half), forecasts, y_true="label")
            )
            if found is not None:
                self.compare(f"compare by {way}", found.log_losses["model"], loss)

    def refused(self, model: Any, test: pd.DataFrame) -> None:
        """A column that the model reads and the table lacks must be named in the message."""
        lost = str(self.rng.choice(list(model.design.columns)))
        # A level of the index that has the name would be found under it.
        rows = test.drop(columns=lost).reset_index(drop=True)
        if self.rng.random() < 0.5:
            rows = rows.assign(other=1.0)
        way, make = WAYS[self.rng.integers(len(WAYS))]
        self.tally.checks += 1
        try:
            model.predict_proba(make(self, rows))
        except logloss.DataError as error:
            self.tally.refused += 1
            if f'"{lost}"' not in str(error):
                self.tally.fail("unexpected_refusals", f"{lost} is missing and not named: {str(error)[:200]}")
            return
        self.tally.fail("silent_differences", f"predicted by {way} without {lost}")

    # --- how

    def tried(self, what: str, call: Callable[[], Any]) -> Any:
        """The result of a call; None where it fails, which is counted, since every one of these is valid."""
        try:
            return call()
        except logloss.errors.LogLossError as error:
            self.tally.fail("unexpected_refusals", f"{what}: {str(error)[:300]}")
        except Exception as error:
            self.tally.fail("undocumented_exceptions", f"{what}: {described(error)}")
        return None

    def compare(self, what: str, found: Any, expected: Any) -> None:
        """Count a difference."""
        self.tally.checks += 1
        gap = np.abs(np.asarray(found, dtype=float) - np.asarray(expected, dtype=float))
        if not np.all(gap <= TOLERANCE * np.maximum(1.0, np.abs(expected))):
            self.tally.fail("silent_differences", f"{what}: differs by {np.max(gap):.2e}")

    def parquet(self, frame: pd.DataFrame) -> str:
        """A file."""
        path = self.folder / "rows.parquet"
        frame.to_parquet(path, row_group_size=int(self.rng.integers(5, 200)))
        return str(path)

    def csv(self, frame: pd.DataFrame) -> str:
        """A file of text."""
        path = self.folder / "rows.csv"
        frame.drop(columns=[name for name in frame.columns if name in ("parts", "raw")]).to_csv(path, index=False)
        return str(path)


class Capsule:
    """A table with the Arrow PyCapsule interface and nothing else."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


WAYS: list[tuple[str, Callable[[Trial, pd.DataFrame], Any]]] = [
    ("frame", lambda trial, rows: rows),
    ("frame with another index", lambda trial, rows: rows.reset_index(drop=True)),
    ("arrow", lambda trial, rows: pa.Table.from_pandas(arrowable(rows))),
    ("batch", lambda trial, rows: pa.RecordBatch.from_pandas(arrowable(rows))),
    ("capsule", lambda trial, rows: Capsule(pa.Table.from_pandas(arrowable(rows)))),
    ("polars", lambda trial, rows: as_polars(rows)),
    ("dict", lambda trial, rows: {name: rows[name] for name in rows.columns}),
    ("lists", lambda trial, rows: {name: rows[name].tolist() for name in rows.columns}),
    ("parquet", lambda trial, rows: trial.parquet(arrowable(rows))),
    ("csv", lambda trial, rows: trial.csv(rows)),
]


# --- drawing


def a_frame(rng: np.random.Generator) -> pd.DataFrame:
    """A random frame of 40 to 100 rows."""
    n = int(rng.integers(40, 101))
    columns: dict[str, Any] = {"x": with_gaps(rng, a_float(rng, n))}
    makers: dict[str, Callable[[], Any]] = {
        "n b": lambda: a_whole(rng, n),
        "money": lambda: [decimal.Decimal(int(cents)) / 100 for cents in rng.integers(0, 300, n)],
        "flag": lambda: a_bool(rng, n),
        "kind": lambda: a_text(rng, n),
        "code": lambda: a_code(rng, n),
        "level": lambda: pd.Categorical(
            rng.choice(["low", "mid", "high"], n), ["low", "mid", "high", "never"], ordered=bool(rng.random() < 0.5)
        ),
        "when": lambda: pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
        "day": lambda: [datetime.date(2026, 1, 1 + int(k)) for k in rng.integers(0, 28, n)],
        "parts": lambda: [[1, 2]] * n,
        "raw": lambda: [b"x"] * n,
        "wait": lambda: pd.to_timedelta(rng.integers(0, 90, n), unit="h"),
    }
    for name, make in makers.items():
        if rng.random() < 0.5:
            columns[name] = make()
    z = np.nan_to_num(np.asarray(columns["x"], dtype=float)) + 0.7 * rng.normal(size=n)
    columns["label"] = a_label(rng, (z > 0).astype(int))
    frame = pd.DataFrame(columns)
    frame = frame[list(rng.permutation(frame.columns))]
    frame.index = an_index(rng, n)
    return frame.sample(frac=0.9, random_state=int(rng.integers(1 << 30))) if rng.random() < 0.2 else frame


def an_index(rng: np.random.Generator, n: int) -> pd.Index:
    """An index of any kind."""
    kinds = [
        pd.RangeIndex(n),
        pd.RangeIndex(5, 5 + 2 * n, 2, name="step"),
        pd.Index(rng.permutation(n)),
        pd.Index([f"id{k}" for k in rng.permutation(n)], name="key"),
        pd.MultiIndex.from_arrays([rng.integers(0, 3, n), rng.permutation(n)], names=["a", None]),
        pd.date_range("2026-01-01", periods=n, name="at"),
        pd.Index(rng.integers(0, 5, n)),
        pd.Index(rng.normal(size=n), name="x"),
    ]
    return kinds[rng.integers(len(kinds))]


def with_gaps(rng: np.random.Generator, values: Any) -> Any:
    """The same, in half of all cases with some values missing."""
    if rng.random() < 0.5:
        return values
    found = pd.Series(values)
    if found.dtype.kind in "iub" and not pd.api.types.is_extension_array_dtype(found.dtype):
        return found
    return found.mask(rng.random(len(found)) < 0.15)


def a_float(rng: np.random.Generator, n: int) -> Any:
    values = rng.normal(size=n)
    return [values, values.astype(np.float32), pd.array(values, dtype="Float64")][rng.integers(3)]


def a_whole(rng: np.random.Generator, n: int) -> Any:
    values = rng.integers(0, 9, n)
    kinds = ["int64", "uint8", "int16", "Int64", "UInt8", "float64", "int64[pyarrow]"]
    return with_gaps(rng, pd.array(values, dtype=kinds[rng.integers(len(kinds))]))


def a_bool(rng: np.random.Generator, n: int) -> Any:
    values = rng.random(n) < 0.4
    kinds = [values, pd.array(values, dtype="boolean"), pd.Categorical(values, [True, False]), values.astype(object)]
    return with_gaps(rng, kinds[rng.integers(4)])


def a_text(rng: np.random.Generator, n: int) -> Any:
    values = rng.choice(["u", "v v", "Zürich", "1"], n)
    declared = pd.Categorical(values, ["v v", "u", "1", "Zürich"])
    return with_gaps(rng, [values.astype(object), pd.array(values, dtype="string"), declared][rng.integers(3)])


def a_code(rng: np.random.Generator, n: int) -> Any:
    values = rng.choice([10, 20, 30], n)
    kinds = [pd.Categorical(values, list(rng.permutation([10, 20, 30])), ordered=bool(rng.random() < 0.5))]
    kinds.append(pd.Categorical(values / 4, list(rng.permutation([2.5, 5.0, 7.5]))))
    return with_gaps(rng, kinds[rng.integers(2)])


def a_label(rng: np.random.Generator, values: Any) -> Any:
    kinds = [values, values.astype(bool), pd.array(values, dtype="Int64"), pd.Categorical(values, [1, 0])]
    return [*kinds, values.astype(float), values.astype(np.int8)][rng.integers(6)]


# --- forms of a frame


def features_in(frame: pd.DataFrame) -> list[str]:
    """The columns that are features."""
    return [name for name in frame.columns if name in (*NUMBERS, *CATEGORIES)]


def is_category_of_values(column: pd.Series) -> bool:
    """Whether it is a category of numbers or bools, whose order Parquet does not keep and which polars has not."""
    return isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.categories.dtype.kind in "ifbu"


def arrowable(frame: pd.DataFrame) -> pd.DataFrame:
    """The same: an index with the name of a column would otherwise be stored under it."""
    return frame.rename_axis(index=[None] * frame.index.nlevels) if "x" in frame.index.names else frame


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    """The same columns in polars; declared text as an Enum of its categories."""
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            values = [None if pd.isna(value) else value for value in column.tolist()]
            is_text = not is_category_of_values(column)
            columns[name] = pl.Series(name, values, dtype=pl.Enum(list(column.dtype.categories)) if is_text else None)
        else:
            columns[name] = pl.Series(name, pa.array(column, from_pandas=True))
    return pl.DataFrame(columns)


def numbers_of(column: pd.Series) -> Any:
    """Labels as floats."""
    return np.array([float(value) for value in column])


# --- by hand


def by_hand(model: Any, train: pd.DataFrame, test: pd.DataFrame) -> Any:
    """Log-odds of rows, summed in Python from the coefficients; NaN where the recipe has no answer."""
    found = np.full(len(test), model.intercept)
    for name in features_in(train):
        values, known = test[name].tolist(), train[name].tolist()
        of_column = number if name in NUMBERS else category
        found += np.array(of_column(name, values, known, model.coefficients))
    return found


def number(name: str, values: list[Any], known: list[Any], coefficients: dict[str, float]) -> list[float]:
    """The contribution of a column of numbers to each row; of a missing value, that of the mean and the indicator."""
    present = [float(value) for value in known if not pd.isna(value)]
    of_missing = coefficients.get(f"{name} is missing", math.nan) + coefficients[name] * math.fsum(present) / len(
        present
    )
    return [of_missing if pd.isna(value) else coefficients[name] * float(value) for value in values]


def category(name: str, values: list[Any], known: list[Any], coefficients: dict[str, float]) -> list[float]:
    """The contribution of a category: 0 for its reference, the average for a level that is not in the training rows."""

    def level(value: Any) -> str:
        if pd.isna(value):
            return f"{name} is missing"
        is_whole = isinstance(value, float) and value.is_integer()
        return f"{name}: {int(value) if is_whole else value}"

    seen = [level(value) for value in known]
    of_level = {each: coefficients.get(each, 0.0) for each in seen}
    average = math.fsum(of_level[each] for each in seen) / len(seen)
    lacks = f"{name} is missing" in of_level
    return [math.nan if pd.isna(value) and not lacks else of_level.get(level(value), average) for value in values]
