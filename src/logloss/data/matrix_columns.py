"""What the columns of a matrix are called, millions of them: names are made when they are asked for.

>>> columns = MatrixColumns(3)
>>> [columns.name(place) for place in range(3)], columns.place("x2"), columns.place("x3")
(['x0', 'x1', 'x2'], 2, -1)
>>> MatrixColumns(3, first_index=1).name(0), MatrixColumns(2, names=("age", "height")).place("height")
('1', 1)

Columns without names are x0, x1, …; those of an svmlight file are called by their index there; those of a frame, or
where `feature_names` is given, have names of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from logloss.data.sparse_rows import is_sparse
from logloss.errors import DataError
from logloss.text import count, printable, value_text


@dataclass(frozen=True)
class MatrixColumns:
    """Names of n columns. first_index: of the first one, in an svmlight file. names: where they have names."""

    n: int
    first_index: int | None = None
    names: tuple[str, ...] = ()

    def name(self, place: int) -> str:
        """The name of a column."""
        if self.names:
            return self.names[place]
        if self.first_index is not None:
            return str(place + self.first_index)
        return "x" if self.n == 1 else f"x{place}"

    def place(self, name: object) -> int:
        """The column of a name; −1 where it is none."""
        if not isinstance(name, str):
            return -1
        if self.names:
            return self._places.get(name, -1)
        if self.first_index is None and self.n == 1:
            return 0 if name == "x" else -1
        start = 0 if self.first_index is not None else 1
        digits = name[start:]
        if name[:start] != "x"[:start] or not (digits.isdecimal() and digits.isascii() and len(digits) < 10):
            return -1
        place = int(digits) - (self.first_index or 0)
        return place if str(int(digits)) == digits and 0 <= place < self.n else -1

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names) if self.names else map(self.name, range(self.n))


def named_columns(names: Iterable[str], n: int) -> MatrixColumns:
    """The columns of a matrix of n, by names that were given."""
    own = tuple(names)
    wrong = next((each for each in own if not isinstance(each, str)), None)
    if isinstance(names, str) or wrong is not None:
        got = value_text(names if isinstance(names, str) else wrong)
        raise DataError(f"`feature_names` must be a list of texts, one for each column; got {got}.")
    if len(own) != n:
        raise DataError(f"`feature_names` must have a name for each column, {count(n)}; it has {count(len(own))}.")
    columns = MatrixColumns(n, names=own)
    if len(columns._places) < n:
        seen: set[str] = set()
        twice = next(name for name in own if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f'`feature_names` must be unique; "{printable(twice)}" occurs twice.')
    return columns


def is_sparse_frame(X: Any) -> bool:
    """Whether it is a frame of pandas all of whose columns are sparse."""
    if type(X).__module__.split(".")[0] != "pandas" or not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return False
    return bool(len(X.columns)) and all(hasattr(kind, "fill_value") and hasattr(kind, "subtype") for kind in X.dtypes)


def as_sparse(X: Any) -> tuple[Any, tuple[str, ...]]:
    """(A sparse matrix, the names of its columns, none where it has none): of a matrix of SciPy, or a sparse frame."""
    if is_sparse(X):
        return X, ()
    filled = [(name, kind.fill_value) for name, kind in X.dtypes.items() if kind.fill_value != 0]
    if filled:
        name, value = filled[0]
        raise DataError(
            f'a sparse frame must leave out zeros; column "{printable(str(name))}" leaves out {value_text(value)}. '
            "Make it anew: pandas.DataFrame.sparse.from_spmatrix."
        )
    return X.sparse.to_coo().tocsr(), tuple(map(str, X.columns))


def columns_of(width: int, names: tuple[str, ...], feature_names: Iterable[str] | None) -> MatrixColumns:
    """What the columns of a matrix are called: as given, else as in its frame, else x0, x1, …."""
    if feature_names is not None:
        return named_columns(feature_names, width)
    return named_columns(names, width) if names else MatrixColumns(width)


def matrix_of_rows(rows: Any, n_columns: int) -> Any:
    """Arrays of rows in svmlight format as a CSR array of SciPy, without a copy."""
    from scipy.sparse import csr_array

    return csr_array((rows.data, rows.indices, rows.indptr), shape=(len(rows.labels), n_columns), copy=False)


def within_width(rows: Any, n_columns: int) -> tuple[Any, int, int]:
    """(The matrix of rows in its first columns, values beyond them, rows that have such)."""
    if rows.n_columns <= n_columns:
        return matrix_of_rows(rows, n_columns), 0, 0
    from scipy.sparse import csr_array

    is_inside = rows.indices < n_columns
    # How many values of the rows up to each one are inside.
    up_to = np.concatenate([[0], np.cumsum(is_inside)])[rows.indptr].astype(rows.indptr.dtype)
    n_rows = int(np.count_nonzero(np.diff(up_to) < np.diff(rows.indptr)))
    arrays = (rows.data[is_inside], rows.indices[is_inside], up_to)
    matrix = csr_array(arrays, shape=(len(rows.labels), n_columns), copy=False)
    return matrix, len(rows.data) - len(arrays[0]), n_rows
