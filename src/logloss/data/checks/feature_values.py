"""Features: numbers are finite, dates are refused, what is a code stays as it was found."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from logloss.data.checks.missing_values import fail_missing, lacking_rows
from logloss.data.checks.reading import Check, read_only
from logloss.data.rows import Array, Column, Roles, Rows
from logloss.errors import DataError

# What to do where a value is missing that training always had.
NO_COEFFICIENT = (
    'The model was fitted without missing values in this column: fill it, pass missing="drop" to give such rows no '
    'prediction, or train with missing="indicator" on rows with such gaps.'
)
# The same of a model that has no such indicators.
NO_INDICATOR = (
    "The model was fitted without missing values in this column, and beside hash(…) has no coefficient of them: fill "
    'it, or pass missing="drop" to give such rows no prediction.'
)

# What to do where a number is infinite of which another is computed, and where a product of finite numbers is.
IF_INFINITE = "Correct such values, or mark them as missing."
IF_TOO_LARGE = "It is the product of finite numbers, and beyond 1.8e308: change their units."


def checked_features(
    rows: Rows, roles: Roles, may_lack: frozenset[str], hint: str = NO_COEFFICIENT
) -> tuple[Column, ...]:
    """The features of rows that have no labels: finite, and nothing is missing but where it may be, with a hint."""
    check = Check(rows, roles)
    for name in roles.features:
        lacking = None if name in may_lack else lacking_rows(check, name)
        if lacking is not None:
            fail_missing(check, name, lacking, hint)
    return features_of(check)


def refuse_missing_in_matrix(rows: Rows, roles: Roles, name: str, needed: Array) -> None:
    """Refuse a matrix that holds nothing in a column that needs a value. needed: which columns do, bool."""
    column = rows.columns[name]
    is_lacking = np.isnan(column.values) & needed
    if is_lacking.any():
        own = column.names[int(np.argmax(is_lacking.any(axis=0)))]
        values = column.values[:, column.names.index(own)]
        check = Check(Rows({own: Column(values)}, rows.first_row, rows.place), roles)
        fail_missing(check, own, np.isnan(values), NO_COEFFICIENT)


def features_of(check: Check) -> tuple[Column, ...]:
    """The columns of a fit: numbers as floats, finite (or, with missing="indicator", NaN); others as found."""
    return tuple(_feature(check, name) for name in check.roles.features)


def _feature(check: Check, name: str) -> Column:
    column = check.rows.columns[name]
    if column.is_matrix:
        if not check.roles.is_checked:
            _check_matrix(check, name, column)
        is_ready = column.values.dtype in (np.float32, np.float64)
        return column if is_ready else Column(column.values.astype(np.float64), names=column.names)
    if column.is_date:
        raise DataError(
            f"{check.roles.spoken(name)} holds dates; a feature must hold numbers, bools or text. Name the part that "
            f'matters: "year({name})", "month({name})", "weekday({name})", "hour({name})", or "days({name})", the days '
            "since 1970."
        )
    if not check.roles.is_checked and name not in check.roles.categories:
        check.check_text_range(name)
        check.check_exact(name)
    is_code = column.categories is not None or column.values.dtype == np.bool_
    if name in check.roles.categories or (is_code and not column.has_exact_numbers):
        return column
    values = check.present(name) if column.missing is not None else check.numeric(name)
    if not check.roles.is_checked:
        bad = np.isinf(values) if check.roles.has_gaps else ~np.isfinite(values)
        if bad.any():
            _fail_infinite(check, name, column, bad)
    return Column(read_only(values))


def _fail_infinite(check: Check, name: str, column: Column, bad: Array) -> NoReturn:
    """Raise for the first row that is not finite; of a column that was computed, with the value of which it was."""
    index = int(np.argmax(bad))
    origin = next((each for each in column.origins if each.is_wrong[index]), None)
    if origin is not None:
        hint = IF_INFINITE if np.isinf(origin.values[index]) else origin.hint
        _named(check, origin.name, origin.values).fail(origin.name, origin.expected, bad & origin.is_wrong, hint)
    if column.origins:
        _named(check, name, np.where(bad, np.inf, 0.0)).fail(name, "must be finite", bad, IF_TOO_LARGE)
    check.fail(name, "must be finite", bad)


def _named(check: Check, name: str, values: Array) -> Check:
    """The check of one column of the same rows."""
    return Check(Rows({name: Column(values)}, check.rows.first_row, check.rows.place), check.roles, check.numbers)


def _check_matrix(check: Check, name: str, column: Column) -> None:
    """Refuse a matrix that holds infinity, or NaN where nothing may be missing; the column is named."""
    allows = np.isnan if check.roles.has_gaps else np.zeros_like
    unsound = check.unsound_rows(name)
    bad = ~np.isfinite(column.values[unsound]) & ~allows(column.values[unsound]).astype(bool)
    if bad.any():
        own = column.names[int(np.argmax(bad.any(axis=0)))]
        j = column.names.index(own)
        wrong = np.zeros(len(column.values), dtype=bool)
        wrong[unsound] = bad[:, j]
        if column.origins:
            _fail_infinite(check, name, column, wrong)
        _named(check, own, column.values[:, j]).fail(own, "must be finite", wrong)
