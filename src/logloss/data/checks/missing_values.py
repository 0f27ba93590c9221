"""Which rows take part: not those of weight or count 0, and each other one must hold what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from logloss.data.checks.forecasts import is_all_in_unit_interval
from logloss.data.checks.reading import Check, values_at
from logloss.data.rows import Array, Column
from logloss.errors import DataError


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Which rows take part. is_kept: None if all do; n_dropped: how many were left out as they lack something;
    is_unlabelled: those that lack nothing but a label, None if none does."""

    is_kept: Array | None = None
    n_dropped: int = 0
    is_unlabelled: Array | None = None


def kept_rows(check: Check, weight: Array | None, counts: Array | None) -> KeptRows:
    """The rows that take part; something missing in one of them is an error unless missing="drop", of labels also
    unless unlabelled="keep"."""
    is_absent = None
    for each in (weight, counts):
        if each is not None and (each == 0).any():
            is_absent = either(is_absent, each == 0)
    is_incomplete = lacks_label = None
    for name in check.roles.needed:
        is_lacking = _lacking_where_needed(check, name)
        if is_lacking is None:
            continue
        if is_absent is not None:
            is_lacking = is_lacking & ~is_absent
        if not is_lacking.any():
            continue
        is_label = name == check.roles.y_true
        if check.roles.missing != "drop" and not (is_label and check.roles.unlabelled == "keep"):
            hint = 'Correct the table, or pass missing="drop" to leave such rows out; the result says how many.'
            fail_missing(check, name, is_lacking, hint)
        if is_label:
            lacks_label = is_lacking
        else:
            is_incomplete = either(is_incomplete, is_lacking)
    is_unlabelled = None
    if lacks_label is not None:
        is_unlabelled = lacks_label if is_incomplete is None else lacks_label & ~is_incomplete
        is_incomplete = either(is_incomplete, lacks_label)
    is_out = is_incomplete if is_absent is None else either(is_incomplete, is_absent)
    n_dropped = 0 if is_incomplete is None else int(np.count_nonzero(is_incomplete))
    if is_unlabelled is not None and check.roles.unlabelled == "keep":
        n_dropped -= int(np.count_nonzero(is_unlabelled))
    return KeptRows(
        None if is_out is None else ~is_out,
        n_dropped,
        is_unlabelled if is_unlabelled is not None and is_unlabelled.any() else None,
    )


def either(first: Array | None, second: Array) -> Array:
    """Rows that are in one of two sets, the first of which may be empty."""
    return second if first is None else first | second


def _lacking_where_needed(check: Check, name: str) -> Array | None:
    """Rows of a column that lack what they need. Probabilities that all are in [0, 1] are complete, and remembered."""
    column, roles = check.rows.columns[name], check.roles
    if name in roles.probabilities and is_all_in_unit_interval(column):
        check.sound.add(name)
        return None
    was_looked_at = roles.is_checked and roles.missing == "error"
    if name in roles.features and (roles.has_gaps or was_looked_at):
        return None
    return lacking_rows(check, name)


def fail_missing(check: Check, name: str, lacking: Array, hint: str) -> NoReturn:
    """Raise for the first row that holds nothing."""
    column = check.rows.columns[name]
    index = int(np.argmax(lacking))
    number = check.rows.first_row + index
    if column.origins:
        # Of a column that was computed: the one that lacks something.
        name = next((origin.name for origin in column.origins if np.isnan(origin.values[index])), name)
    elif column.is_matrix:
        name = column.names[int(np.argmax(np.isnan(column.values[index])))]
    others = int(np.count_nonzero(lacking))
    more = f" (at least {others:,} such rows)" if others > 1 else ""
    where = check.rows.place.where(number)
    raise DataError(f"{check.roles.spoken(name)} must hold a value; {where} has none{more}. {hint}")


def lacking_rows(check: Check, name: str) -> Array | None:
    """Rows of a column that hold nothing; None if no row does."""
    column = check.rows.columns[name]
    return _lacking_in_matrix(column.values, check.unsound_rows(name)) if column.is_matrix else _lacking(column)


def _lacking(column: Column) -> Array | None:
    """Where a column holds nothing (null or NaN, one thing); None if nowhere."""
    lacking = None if column.missing is None or not column.missing.any() else np.asarray(column.missing)
    is_float = column.categories is None and column.values.dtype.kind == "f"
    # The least of floats is NaN if any is: one look.
    if is_float and len(column.values) and np.isnan(column.values.min()):
        empty = np.isnan(column.values)
        lacking = either(lacking, empty)
    if column.categories is not None:
        # The text "nan" is something missing, like the number.
        empty = values_at(np.array([str(v).strip().lower() == "nan" for v in column.categories]), column.values)
        if empty.any():
            lacking = either(lacking, empty)
    return lacking


def _lacking_in_matrix(matrix: Array, unsound: Array) -> Array | None:
    """Rows of a matrix that hold NaN, looked for among the unsound ones; None if no row does."""
    if not len(unsound):
        return None
    lacking = np.zeros(len(matrix), dtype=bool)
    lacking[unsound] = np.isnan(matrix[unsound]).any(axis=1)
    return lacking if lacking.any() else None
