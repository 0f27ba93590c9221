"""The keys of groups and clusters: typed values of one or several columns.

null, "", 1 and "1" are four values, True is a fifth; 1 and 1.0 are one: `data/values.py` has their canonical values. A
group keeps its values; a cluster is known by a hash of them (`onepass/kernels/hashing.py`). A text file has no types:
its keys are text.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from logloss.data.rows import Column
from logloss.data.values import EXACT_FLOATS, Array, Value, typed

GroupKey = tuple[Value, ...]
# The group of all rows that no listed group holds.
REST: GroupKey = ("\N{HORIZONTAL ELLIPSIS}the rest",)
# Distinct whole numbers within this span are found by counting, others by sorting.
SMALL_SPAN = 1 << 16
UNUSED, UNLISTED = -2, -1
# Up to so many combinations of values, distinct ones are found by counting.
MOST_COUNTED = 1 << 20


def sorting(key: GroupKey) -> tuple[Any, ...]:
    """The order of groups: nothing, then bools, numbers and text, each in its own order; the rest last."""
    if key == REST:
        return ((9, 0),)
    return tuple(_sorting(value) for value in key)


def _sorting(value: Value) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 1, value
    # A decimal may be exactly what a float holds, which prints shorter.
    return (2, (value, isinstance(value, Decimal))) if isinstance(value, int | float | Decimal) else (3, value)


class Keys:
    """Groups numbered as they turn up, at most `limit`; only those of a list, where there is one, and the rest."""

    def __init__(self, n_columns: int, limit: int, only: Sequence[GroupKey] | None = None) -> None:
        self.limit = limit
        listed = None if only is None else [tuple(map(typed, key)) for key in only]
        self.only = None if listed is None else frozenset(map(sorting, listed))
        self._wanted = None if listed is None else [{_sorting(key[j]) for key in listed} for j in range(n_columns)]
        self._values: list[dict[tuple[type, Value], int]] = [{} for _ in range(n_columns)]
        self._groups: dict[tuple[int, ...], int] = {}
        self._rest = -1

    @property
    def n_known(self) -> int:
        return len(self._groups) + (self._rest >= 0)

    def numbers_of(self, columns: Sequence[Column]) -> Array | None:
        """The number of each row's group; None if there are too many."""
        uniques: list[list[int]] = []
        locals_: list[Array] = []
        for j, column in enumerate(columns):
            local, numbers = self._numbered(column, j)
            # Of listed groups a column may have more values than there are groups: the others are the rest.
            if self.only is None and len(self._values[j]) > self.limit:
                return None
            locals_.append(local)
            uniques.append(numbers)
        if len(columns) == 1:
            places, [numbers] = locals_[0], uniques
            keys: list[tuple[int, ...]] = [(number,) for number in numbers]
        else:
            places, keys = _together(locals_, uniques)
        groups = np.array([0 if UNUSED in key else self._group_of(key) for key in keys], np.int32)
        return None if self.n_known > self.limit else groups[places]

    def _group_of(self, key: tuple[int, ...]) -> int:
        if self.only is not None and (UNLISTED in key or sorting(self._key(key)) not in self.only):
            if self._rest < 0:
                self._rest = self.n_known
            return self._rest
        number = self._groups.get(key)
        if number is None:
            number = self.n_known
            self._groups[key] = number
        return number

    def _numbered(self, column: Column, j: int) -> tuple[Array, list[int]]:
        """(A code for each row, the number of the value that each code stands for)."""
        codes, values = _coded(column)
        known, wanted = self._values[j], None if self._wanted is None else self._wanted[j]
        numbers = [UNUSED] * len(values)
        for code in np.flatnonzero(np.bincount(codes, minlength=len(values))).tolist():
            value = typed(values[code])
            is_wanted = wanted is None or _sorting(value) in wanted
            numbers[code] = known.setdefault((type(value), value), len(known)) if is_wanted else UNLISTED
        return codes, numbers

    def _key(self, numbers: tuple[int, ...]) -> GroupKey:
        return tuple(list(known)[number][1] for known, number in zip(self._values, numbers, strict=True))

    def names(self) -> list[GroupKey]:
        """The groups in the order of their numbers."""
        values = [[value for _, value in known] for known in self._values]
        groups = [REST] * self.n_known
        for key, number in self._groups.items():
            groups[number] = tuple(values[j][code] for j, code in enumerate(key))
        return groups


def _together(codes: Sequence[Array], uniques: Sequence[list[int]]) -> tuple[Array, list[tuple[int, ...]]]:
    """(A code for each row over several columns, the numbers of the values that each code stands for)."""
    total = np.zeros(len(codes[0]), np.int64)
    span = 1
    for local, numbers in zip(codes, uniques, strict=True):
        total = total * len(numbers) + local
        span *= len(numbers)
    present: Array
    inverse: Array
    if span <= MOST_COUNTED:
        present = np.flatnonzero(np.bincount(total, minlength=span))
        places = np.zeros(span, np.int32)
        places[present] = np.arange(len(present), dtype=np.int32)
        inverse = places[total]
    else:
        present, inverse = np.unique(total, return_inverse=True)
    keys = []
    for code in present.tolist():
        digits = []
        for numbers in reversed(uniques):
            code, digit = divmod(code, len(numbers))
            digits.append(numbers[digit])
        keys.append(tuple(reversed(digits)))
    return inverse, keys


def values_of(column: Column) -> tuple[Array, list[Value]]:
    """(A code for each row, the value of each code): typed, nothing as None."""
    codes, values = _coded(column)
    return codes, [typed(value) for value in values]


def _coded(column: Column) -> tuple[Array, Sequence[Any]]:
    """(A code for each row, the value of each code as it is stored, None for nothing); not every code stands in it."""
    missing = missing_of(column)
    values: Sequence[Any]
    if column.categories is not None:
        codes, values = column.values, column.categories
    elif column.values.dtype == np.bool_:
        codes, values = column.values.view(np.uint8), (False, True)
    else:
        distinct, codes = _distinct(column.values)
        values = distinct.tolist()
    if missing is None:
        return codes, values
    return np.where(missing, len(values), codes), [*values, None]


def _distinct(numbers: Array) -> tuple[Array, Array]:
    """The distinct numbers of a column and the place of each row's among them; whole ones that are near by counting."""
    whole = numbers
    if len(numbers) and numbers.dtype.kind == "f":
        finite = np.where(np.isfinite(numbers), numbers, 0)
        if np.abs(finite).max() < EXACT_FLOATS:
            whole = finite.astype(np.int64)
    if len(numbers) and whole.dtype.kind in "iu":
        low, high = int(whole.min()), int(whole.max())
        if high - low < SMALL_SPAN and (whole is numbers or (whole == np.nan_to_num(numbers, posinf=np.inf)).all()):
            least = whole.dtype.type(low)
            # A difference that leaves a short signed type wraps around: read without a sign it is right.
            places = (whole - least).view(f"u{whole.dtype.itemsize}").astype(np.int64)
            return np.arange(high - low + 1).astype(whole.dtype) + least, places
    return np.unique(numbers, return_inverse=True)


def missing_of(column: Column) -> Array | None:
    """Which rows of a column hold nothing: null or NaN; None where every row holds something."""
    missing = column.missing
    if column.categories is None and column.values.dtype.kind == "f":
        empty = np.isnan(column.values)
        if empty.any():
            missing = empty if missing is None else missing | empty
    return missing if missing is not None and missing.any() else None
