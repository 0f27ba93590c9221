"""`penalty_factors` of `fit`: what the penalty of each column is multiplied with, as glmnet's `penalty.factor`.

Unlike there the factors are not rescaled: a column of factor 1 has the penalty that it has without them.

>>> factors_of({"age": 0.0, "income": 2})
{'age': 0.0, 'income': 2.0}
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from logloss.data.binding import no_feature
from logloss.data.design import Design
from logloss.data.matrix_columns import MatrixColumns
from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.text import count, printable, value_text

# What is given: by the names of columns, or one for each.
Factors = Mapping[str, float] | Array


def factors_of(given: object) -> Factors | None:
    """What was given, checked: finite numbers of at least 0; None where nothing was."""
    if given is None:
        return None
    expected = "`penalty_factors` must be finite numbers of at least 0"
    of_each = f"{expected}, by the names of columns or one for each; got {value_text(given)}."
    try:
        values = np.asarray(list(given.values()) if isinstance(given, Mapping) else given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(of_each) from error
    if values.ndim != 1:
        raise DataError(of_each)
    is_wrong = ~((values >= 0) & np.isfinite(values))
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        of = value_text(list(given)[place]) if isinstance(given, Mapping) else f"column {place:,}"
        then = " To hold a coefficient at 0, leave its column out." if values[place] == math.inf else ""
        raise DataError(f"{expected}; that of {of} is {values[place]}.{then}")
    return dict(zip(given, values.tolist(), strict=True)) if isinstance(given, Mapping) else values


def factors_of_design(given: Factors | None, design: Design) -> Array | None:
    """The factor of each coefficient of a design, shape (width,): of all levels of a category that of its column."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        given = dict(zip(design.read, _one_for_each(given, len(design.read)).tolist(), strict=True))
    factors, place_of = np.ones(design.width), dict(zip(design.names, design.places.tolist(), strict=True))
    for name, factor in given.items():
        if name not in design.variables:
            raise no_feature("penalty_factors", str(name), design.read)
        factors[[place_of[own] for own in design.variables[name]]] = factor
    return factors


def named_factors(given: Factors | None, design: Design) -> dict[str, float]:
    """The factors that are not 1, by the names of columns."""
    if given is None:
        return {}
    named = dict(given) if isinstance(given, Mapping) else dict(zip(design.read, given.tolist(), strict=True))
    return {name: factor for name, factor in named.items() if factor != 1}


def factors_of_matrix(given: Factors | None, columns: MatrixColumns) -> Array | None:
    """The factor of each column of a matrix, shape (n_columns,)."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return _one_for_each(given, columns.n)
    # Few of millions are named: each is looked up.
    factors = np.ones(columns.n)
    for name, factor in given.items():
        place = columns.place(name)
        if place < 0:
            raise DataError(
                f"`penalty_factors` must name columns of `X`, such as {printable(columns.name(0))}; got "
                f"{value_text(name)}."
            )
        factors[place] = factor
    return factors


def _one_for_each(values: Array, n_columns: int) -> Array:
    if len(values) != n_columns:
        raise DataError(
            f"`penalty_factors` must have one number for each column, {count(n_columns)}; it has {count(len(values))}."
        )
    return values
