"""A run of rows that is being checked: its columns as numbers, and how a fault is worded."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NoReturn

import numpy as np

from logloss.data.rows import Array, Column, Roles, Rows
from logloss.data.values import EXACT, IF_INEXACT, Value, is_beyond_floats, rounded_as_floats
from logloss.errors import DataError
from logloss.text import value_text


def valued(rows: Rows, roles: Roles) -> Rows:
    """The rows; declared categories of numbers and bools are their values, but for features."""
    columns = {
        name: column if column.categories is None or name in roles.features else column.as_values()
        for name, column in rows.columns.items()
    }
    return Rows(columns, rows.first_row, rows.place)


class Check:
    """One run of rows, their roles, and the results of the checks so far."""

    def __init__(self, rows: Rows, roles: Roles, numbers: Array | None = None) -> None:
        # numbers: of each row in its run, where some rows were left out.
        self.rows, self.roles, self.numbers = rows, roles, numbers
        # Forecasts that are known to be complete and in their domain.
        self.sound: set[str] = set()
        # Rows of the matrix of features that hold NaN or infinity.
        self._unsound: dict[str, Array] = {}

    def only(self, kept: Array) -> Check:
        columns = {
            name: (column if name in self.may_lack else replace(column, missing=None)).taken(kept)
            for name, column in self.rows.columns.items()
        }
        return Check(Rows(columns, self.rows.first_row, self.rows.place), self.roles, np.flatnonzero(kept))

    @property
    def may_lack(self) -> tuple[str, ...]:
        """Columns in which nothing is a value."""
        roles = self.roles
        keys = (*roles.by, *(name for name in roles.keep if name not in roles.needed))
        return (*keys, *roles.features) if roles.has_gaps else keys

    def fail(self, name: str, expected: str, bad: Array, hint: str = "") -> NoReturn:
        """Raise with the first row where `bad` holds, its value and the number of such rows."""
        index = int(np.argmax(bad))
        column = self.rows.columns[name]
        value = column.values[index] if column.categories is None else column.categories[int(column.values[index])]
        number = index if self.numbers is None else int(self.numbers[index])
        others = int(np.count_nonzero(bad))
        more = f" (at least {others:,} such rows)" if others > 1 else ""
        where = self.rows.place.where(self.rows.first_row + number)
        raise DataError(
            f"{self.roles.spoken(name)} {expected}; {where} has {value_text(value)}{more}.{' ' if hint else ''}{hint}"
        )

    def numeric(self, name: str) -> Array:
        """A column as numbers; text is refused."""
        column = self.rows.columns[name]
        if column.categories is not None:
            parsed = np.array([as_float(value) for value in column.categories])
            is_text = name in self.roles.texts
            wrong = np.array(
                [(is_text and isinstance(value, str)) or is_no_number(value) for value in column.categories],
                dtype=bool,
            )
            bad = values_at(wrong, column.values)
            if column.missing is not None:
                bad = bad & ~column.missing
            if bad.any():
                hint = "It is text: make numbers of it first." if is_text else ""
                self.fail(name, "must hold numbers", bad, hint)
            self._check_range(name, column, parsed)
            return values_at(parsed, column.values)
        values = column.values
        if values.dtype == np.float32 or values.dtype == np.float64:
            return np.ascontiguousarray(values)
        if values.dtype.kind in "fiub":
            return np.ascontiguousarray(values, dtype=np.float64)
        raise DataError(f"{self.roles.spoken(name)} must hold numbers; it holds {values.dtype}.")

    def _check_range(self, name: str, column: Column, parsed: Array) -> None:
        """Refuse numbers, written as text or longer than 64 bits, that are finite, or not 0, and not so as floats."""
        extreme = np.isinf(parsed) | (parsed == 0)
        beyond = [bool(e) and is_beyond_floats(each) for e, each in zip(extreme, column.categories or (), strict=True)]
        if any(beyond):
            bad = values_at(np.array(beyond), column.values)
            self.fail(name, "must hold numbers of at most 1.8e308, and none but 0 below 4.9e-324", bad)

    def check_text_range(self, name: str) -> None:
        """Refuse a column of text that writes numbers, some of which no float comes near."""
        categories = self.rows.columns[name].categories or ()
        if any(map(is_beyond_floats, categories)) and not any(map(is_no_number, categories)):
            self._check_range(name, self.rows.columns[name], np.array([as_float(value) for value in categories]))

    def check_exact(self, name: str) -> None:
        """Refuse whole numbers that become others as floats: identifiers, and times in ever smaller units."""
        column = self.rows.columns[name]
        if column.categories is None:
            rounded = rounded_as_floats(column.values)
        else:
            whole = [isinstance(each, int) and int(float(each)) != each for each in column.categories]
            rounded = values_at(np.array(whole), column.values) if any(whole) else None
        if rounded is not None:
            self.fail(name, EXACT, rounded, IF_INEXACT)

    def present(self, name: str) -> Array:
        """A column as float64, NaN where the value is missing."""
        values = np.asarray(self.numeric(name), dtype=np.float64)
        missing = self.rows.columns[name].missing
        return values if missing is None else np.where(missing, np.nan, values)

    def ordered(self, name: str) -> Column:
        """A column by which rows are put in order: numbers as floats, exactly; text as it is."""
        self.check_text_range(name)
        self.check_exact(name)
        return self.rows.columns[name].as_numbers()

    def unsound_rows(self, name: str) -> Array:
        """The numbers of the rows of a matrix that hold NaN or infinity, looked for once."""
        if name not in self._unsound:
            matrix = self.rows.columns[name].values
            self._unsound[name] = np.zeros(0, dtype=np.int64)
            if matrix.dtype.kind == "f" and matrix.size:
                # One look: NaN and infinity times 0 are NaN.
                with np.errstate(invalid="ignore"):
                    self._unsound[name] = np.flatnonzero(np.isnan(matrix @ np.zeros(matrix.shape[1], matrix.dtype)))
        return self._unsound[name]


def as_float(value: Value) -> float:
    """Text as a number (true and false are 1 and 0); NaN if it is none."""
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return float(text == "true")
    # Python reads 1_000 as a number; tables do not.
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def in_numbers(column: Column) -> Column:
    """A column of text that reads as numbers as these; any other column as it is."""
    if column.categories is None or any(map(is_no_number, column.categories)):
        return column
    return Column(values_at(np.array([as_float(value) for value in column.categories]), column.values), column.missing)


def is_no_number(value: Value) -> bool:
    """Whether text is neither a number nor `nan`, which is something missing."""
    return math.isnan(as_float(value)) and str(value).strip().lower() != "nan"


def values_at(of_category: Array, codes: Array) -> Array:
    """The value of each row's category (rows without one: that of some category; they were refused or dropped)."""
    return of_category[codes] if len(of_category) else np.zeros(len(codes), of_category.dtype)


def read_only(values: Array) -> Array:
    """A read-only view, so that each kernel is compiled for one kind of array."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view
