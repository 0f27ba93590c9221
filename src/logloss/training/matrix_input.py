"""Matrices that models read: sparse ones in memory, sparse frames, and files in svmlight format, which have labels.

>>> import numpy as np, scipy.sparse
>>> given = matrix_input(scipy.sparse.csr_array(np.eye(2)), [0, 1], ["a", "b"])
>>> given.matrix.shape, list(given.columns)
((2, 2), ['a', 'b'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from logloss.data.binding import features_matrix
from logloss.data.matrix_columns import (
    MatrixColumns,
    as_sparse,
    columns_of,
    is_sparse_frame,
    matrix_of_rows,
    within_width,
)
from logloss.data.rows import Array
from logloss.data.source import as_source, is_paths
from logloss.data.sparse_rows import is_sparse
from logloss.errors import DataError, SourceNotFound, warn
from logloss.text import count, counted, value_text
from logloss.training.recipe import MOST_COEFFICIENTS

if TYPE_CHECKING:
    from logloss.data.arrow.svmlight import SvmlightSource


@dataclass(frozen=True, slots=True)
class MatrixInput:
    """A matrix that is fitted, sparse or of many columns, its labels, what its columns are called, and notes on how it
    was read."""

    matrix: Any
    labels: Any
    columns: MatrixColumns
    notes: tuple[str, ...] = ()


def is_wide(X: object) -> bool:
    """Whether it is an array of more columns than a Hessian is formed of."""
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] >= MOST_COEFFICIENTS


def is_svmlight(table: object) -> TypeGuard[SvmlightSource]:
    """Whether it is the source of files in svmlight format."""
    return hasattr(table, "matrix") and hasattr(table, "no_table")


def opened(table: Any, *, header: bool = True, must_exist: bool = True) -> Any:
    """The source of files in svmlight format, where a path, list, pattern or folder means such; else the same table.

    must_exist: whether a path to nothing is an error here, and not of what reads tables.
    """
    if not is_paths(table) or (isinstance(table, list | tuple) and not table):
        return table
    try:
        source = as_source(table, header=header)
    except SourceNotFound:
        # A list of texts may be one of values, of which others say what is wrong.
        if must_exist and not isinstance(table, list | tuple):
            raise
        return table
    # A stream that was opened cannot be opened again.
    return source if is_svmlight(source) or not source.is_rewalkable else table


def matrix_input(
    data: Any,
    y_true: Any,
    feature_names: Iterable[str] | None = None,
    progress: Callable[[Any], None] | None = None,
    **beside: Any,
) -> MatrixInput | None:
    """What is fitted where it is a sparse matrix, an array of many columns, or in svmlight format; None of others.

    beside: weights and the like, by name.
    """
    if is_svmlight(data):
        refuse_label(data, y_true)
        if feature_names is not None:
            raise DataError(
                f"columns of {data.name} are called by their index there. For other names read it with "
                "sklearn.datasets.load_svmlight_file, and pass the matrix and `feature_names`."
            )
        for role, value in beside.items():
            if isinstance(value, str):
                raise DataError(
                    f"{data.name} is in svmlight format, without columns that have names: `{role}` must be an array, "
                    f"in the order of the rows; got {value_text(value)}."
                )
        rows = data.matrix(progress=progress)
        columns = MatrixColumns(rows.n_columns, first_index=rows.first_index)
        return MatrixInput(matrix_of_rows(rows, rows.n_columns), labels_of(rows.labels), columns, rows.notes)
    if is_sparse(data) or (is_sparse_frame(data) and not isinstance(y_true, str)):
        matrix, names = as_sparse(data)
        return MatrixInput(matrix, y_true, columns_of(matrix.shape[-1], names, feature_names))
    if is_wide(data) and not isinstance(y_true, str):
        return MatrixInput(features_matrix(data), y_true, columns_of(data.shape[1], (), feature_names))
    if feature_names is not None:
        raise DataError(
            "`feature_names` are those of a sparse matrix. Pass a frame, pandas.DataFrame(X, columns=names), or name "
            "columns of a table by `features`."
        )
    return None


def refuse_label(source: SvmlightSource, y_true: Any) -> None:
    """Refuse labels beside those of the file."""
    if y_true is not None:
        raise DataError(
            f"labels of {source.name} stand first in each line: leave `y_true` out. For others read the file with "
            "sklearn.datasets.load_svmlight_file, and pass the matrix."
        )


def labels_of(labels: Array) -> Array:
    """Labels as whole numbers where all are, so that −1 is a class and not −1.0."""
    whole = labels.astype(np.int64)
    return whole if bool((whole == labels).all()) else labels


def rows_for_model(
    source: SvmlightSource, n_columns: int, first_index: int | None, progress: Callable[[Any], None] | None = None
) -> tuple[Any, Array]:
    """(The matrix of a file as wide as that of training, its labels); columns beyond are left out, with a warning.

    first_index: of the first column in training, where that was a file.
    """
    rows = source.matrix(first_index, progress)
    matrix, n_beyond, n_rows = within_width(rows, n_columns)
    if n_beyond:
        last = n_columns - 1 + rows.first_index
        warn(
            f"{source.name} has indices above {last:,}, the last one of training: {counted(n_beyond, 'value')} in "
            f"{count(n_rows)} of {counted(len(rows.labels), 'row')} are not used, as if their coefficients were 0."
        )
    for note in rows.notes:
        warn(note)
    return matrix, labels_of(rows.labels)


def matrix_of_training(predictor: Any) -> tuple[int, int | None]:
    """(Columns of a model, the index of the first one in the svmlight file of training, None of another source)."""
    if hasattr(predictor, "first_index"):
        return predictor.n_columns, predictor.first_index
    names = predictor.design.read
    # As columns of such a file are called: by their index.
    is_of_file = predictor.is_of_matrix and names[:1] in (("0",), ("1",))
    return len(names), int(names[0]) if is_of_file else None
