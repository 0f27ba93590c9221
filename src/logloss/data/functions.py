"""What the functions of features do with a column of rows: logarithms and roots, parts of dates, splines.

>>> from logloss.data.rows import Place
>>> column = Column(np.array([0, 1]), None, ("2024-03-05", "2024-12-24 18:30:00"), is_date=True)
>>> values = function_of("month", "t", Rows({"t": column}, 0, Place()))
>>> [values.categories[code] for code in values.values]
['Mar', 'Dec']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from logloss.data.checks.reading import Check, is_no_number, values_at
from logloss.data.grammar import OF_DATES
from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column, Origin, Roles, Rows
from logloss.errors import DataError
from logloss.text import printable

# Each function of numbers: itself, of what, and the same in words.
OF_REALS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array], str]] = {
    "log": (np.log, lambda x: x > 0, "must be finite and above 0 for log({})"),
    "log1p": (np.log1p, lambda x: x > -1, "must be finite and above −1 for log1p({})"),
    "sqrt": (np.sqrt, lambda x: x >= 0, "must be finite and at least 0 for sqrt({})"),
}
# What to do with others: where all are 0, and elsewhere.
IF_ZERO = "log1p({}) is log(1 + {}), which takes 0, too."
IF_BELOW = "Shift or clip the column first, or take bs({}), which takes any finite number."
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Parts of dates that are categories; the others are numbers.
LEVELS: dict[str, tuple[Any, ...]] = {"month": MONTHS, "weekday": WEEKDAYS, "hour": tuple(range(24))}
# A date as files and frames have it; its time, and its distance from UTC, which is no part of it.
ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d*)?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?")
SECONDS_OF_DAY = 86_400


def is_level(function: str) -> bool:
    """Whether the values of a function are levels of a category."""
    return function in LEVELS


def function_of(function: str, name: str, rows: Rows) -> Column:
    """A function of a column, or ("") the column itself as numbers; nothing where nothing stands."""
    if function in OF_DATES:
        return part_of_dates(function, name, rows)
    values = numbers_in(name, rows, function)
    if not function:
        return Column(values, origins=(Origin(name, values, "must be finite"),))
    compute, holds, expected = OF_REALS[function]
    with np.errstate(divide="ignore", invalid="ignore"):
        is_outside = ~(holds(values) | np.isnan(values))
        found = compute(values)
    # What no value belongs to is found where rows are checked, once it is known which take part.
    found[is_outside] = -np.inf
    are_zero = function == "log" and not values[is_outside].any()
    hint = (IF_ZERO if are_zero else IF_BELOW).format(name, name)
    return Column(found, origins=(Origin(name, values, expected.format(name), hint, is_outside | np.isinf(values)),))


def lacking_origin(name: str, missing: Array | None) -> tuple[Origin, ...]:
    """Where what a column is computed of lacks something, for messages, where it holds no numbers."""
    return () if missing is None else (Origin(name, np.where(missing, np.nan, 0.0)),)


def numbers_in(name: str, rows: Rows, function: str = "") -> Array:
    """A column as float64, NaN where nothing stands; dates and text are refused."""
    column = rows.columns[name].as_values().as_numbers()
    if column.is_date:
        raise DataError(
            f'column "{printable(name)}" must hold numbers{_for(function, name)}; it holds dates. Functions of dates '
            f"are {', '.join(OF_DATES)}: days({printable(name)}) is the number of days since 1970."
        )
    if column.is_matrix:
        raise DataError(f'column "{printable(name)}" must be one column; it is a matrix. Pass a frame.')
    checked = Check(Rows({name: column}, rows.first_row, rows.place), Roles("", features=(name,)))
    if column.categories is not None and any(map(is_no_number, column.categories)):
        is_text = values_at(np.array([is_no_number(value) for value in column.categories]), column.values)
        is_text = is_text if column.missing is None else is_text & ~column.missing
        if is_text.any():
            checked.fail(name, f"must hold numbers{_for(function, name)}", is_text)
    return checked.present(name)


def _for(function: str, name: str) -> str:
    return f" for {function}({printable(name)})" if function else ""


def part_of_dates(function: str, name: str, rows: Rows) -> Column:
    """A part of dates: month, weekday and hour are categories in their order, year, day and days numbers."""
    column = rows.columns[name]
    missing = missing_of(column)
    if missing is not None and missing.all():
        return Column(np.full(len(missing), np.nan), origins=lacking_origin(name, missing))
    if column.categories is None:
        kind = "bools" if column.values.dtype == np.bool_ else "numbers"
        raise DataError(
            f'column "{printable(name)}" must hold dates for {function}({printable(name)}); it holds {kind}. Make '
            "dates of it first, such as 2024-03-05 or 2024-03-05 17:30."
        )
    seconds, is_date = seconds_of(column.categories, column.zone)
    if not is_date.all():
        bad = ~is_date[column.values]
        bad = bad if missing is None else bad & ~missing
        if bad.any():
            check = Check(Rows({name: column}, rows.first_row, rows.place), Roles("", features=(name,)))
            check.fail(name, f"must hold dates for {function}({name})", bad, "They are written 2024-03-05 17:30.")
    parts = _part(function, seconds)
    if function in LEVELS:
        levels = LEVELS[function]
        codes = parts[column.values] if len(parts) else np.zeros(len(column.values), np.int32)
        ranks = tuple(range(len(levels)))
        return Column(codes, missing, levels, ranks=ranks, origins=lacking_origin(name, missing))
    values = parts[column.values].astype(np.float64)
    values = values if missing is None else np.where(missing, np.nan, values)
    return Column(values, origins=lacking_origin(name, missing))


def _part(function: str, seconds: Array) -> Array:
    """A part of moments, given in seconds since 1970."""
    moments = seconds.astype("datetime64[s]")
    if function == "year":
        return moments.astype("datetime64[Y]").astype(np.int64) + 1970
    if function == "month":
        return moments.astype("datetime64[M]").astype(np.int64) % 12
    if function == "day":
        return (moments.astype("datetime64[D]") - moments.astype("datetime64[M]")).astype(np.int64) + 1
    if function == "weekday":
        # 1970 began on a Thursday.
        return (seconds // SECONDS_OF_DAY + 3) % 7
    if function == "hour":
        return seconds % SECONDS_OF_DAY // 3600
    return seconds / SECONDS_OF_DAY


@lru_cache(maxsize=8)
def _remembered(categories: _Same, zone: str) -> tuple[Array, Array]:
    return _seconds_of(categories.values, zone)


class _Same:
    """Categories as the key of a cache, by themselves and not by their values."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    def __hash__(self) -> int:
        return id(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.values is other.values


def seconds_of(categories: Sequence[Any], zone: str = "") -> tuple[Array, Array]:
    """(Seconds since 1970 of each date, as clocks showed them in their zone, whether each is a date)."""
    return _remembered(_Same(categories), zone)


def _seconds_of(categories: Sequence[Any], zone: str) -> tuple[Array, Array]:
    from logloss.data.arrow import local_seconds, seconds_of_texts

    seconds, is_date = seconds_of_texts(categories), np.ones(len(categories), dtype=bool)
    if seconds is None:
        found = [ISO.fullmatch(text.strip()) if isinstance(text, str) else None for text in categories]
        moments = [None if own is None else _moment(f"{own[1]}T{own[2] or '00:00'}") for own in found]
        is_date = np.array([own is not None for own in moments], dtype=bool)
        seconds = np.array([0 if own is None else own for own in moments], dtype=np.int64)
    return local_seconds(seconds, zone) if zone else seconds, is_date


def _moment(text: str) -> int | None:
    """Seconds since 1970; None of 30 February."""
    try:
        return int(np.datetime64(text, "s").astype(np.int64))
    except ValueError:
        return None


def spline_columns(values: Array, knots: Sequence[float], degree: int) -> Array:
    """The B-splines of some numbers but the first, shape (n_rows, n_knots − 2 + degree).

    knots: the ends and what lies between them, ascending. Beyond the ends each goes on as a straight line. NaN where
    nothing stands, infinity of what is infinite.
    """
    from scipy.interpolate import BSpline

    low, high = knots[0], knots[-1]
    padded = np.array([*[low] * degree, *knots, *[high] * degree])
    inside = np.clip(np.where(np.isnan(values), low, values), low, high)
    basis: Array = BSpline.design_matrix(inside, padded, degree).toarray()[:, 1:]
    is_infinite = np.isinf(values)
    is_below, is_above = (values < low) & ~is_infinite, (values > high) & ~is_infinite
    if is_below.any() or is_above.any():
        slopes = BSpline(padded, np.eye(len(padded) - degree - 1), degree).derivative()(np.array([low, high]))[:, 1:]
        basis[is_below] += (values[is_below] - low)[:, None] * slopes[0]
        basis[is_above] += (values[is_above] - high)[:, None] * slopes[1]
    basis[np.isnan(values)], basis[is_infinite] = np.nan, np.inf
    return basis


def spline_knots(values: Array, weights: Array, low: float, high: float, n_inside: int) -> tuple[float, ...]:
    """The ends, and knots at quantiles between them, which are fewer where many values are equal.

    values, weights: of sampled rows. The quantiles are those of R's quantile() and numpy.quantile, a weight being a
    number of equal rows.
    """
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    before = np.cumsum(weights) - weights
    places = np.column_stack([before, before + np.maximum(weights - 1, 0)]).reshape(-1)
    shares = np.arange(1, n_inside + 1) / (n_inside + 1)
    inside = np.interp(shares * places[-1], places, np.repeat(values, 2)) if len(values) else np.zeros(0)
    inside = np.unique(inside[(inside > low) & (inside < high)])
    return (low, *inside.tolist(), high)
