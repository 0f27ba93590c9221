"""Rows of a sparse matrix with their labels: checked once, and handed out as runs of rows of about equal size.

>>> import numpy as np, scipy.sparse
>>> rows = SparseRows.of(scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0]]), np.array([0, 1], np.uint8))
>>> rows.matrix.n_rows, rows.matrix.n_columns, len(rows.parts())
(2, 2, 1)

A matrix that is compressed by rows (CSR) is read where it is; of others, and of one whose columns do not ascend in each
row, there is a copy. Entries that occur twice are added up, as SciPy defines them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from logloss.data.dense_matrix import NONE, DenseMatrix, frozen
from logloss.data.rows import Array
from logloss.data.values import EXACT, IF_INEXACT, rounded_as_floats
from logloss.errors import DataError
from logloss.onepass.kernels import csc_columns, csr_rows
from logloss.text import count, value_text

# Of a matrix of more columns the vectors of a fit, about twelve, take more than 10 GB.
MOST_COLUMNS = 100_000_000
# A part has so many values, and several times as many as the matrix has columns, since each part has sums of its own
# over all columns; there are at most so many parts.
VALUES_OF_PART, TIMES_COLUMNS, MOST_PARTS = 1 << 19, 4, 16


def is_sparse(X: object) -> bool:
    """Whether it is a sparse matrix or array of SciPy, whatever its format."""
    return hasattr(X, "nnz") and hasattr(X, "tocsr") and hasattr(X, "toarray")


@dataclass(frozen=True, slots=True)
class CsrMatrix:
    """The three arrays of a matrix that is compressed by rows: read-only, columns ascending in each row."""

    indptr: Array
    indices: Array
    data: Array
    n_columns: int

    @classmethod
    def of(cls, X: Any, mass: Array = NONE) -> CsrMatrix:
        """Of any sparse matrix, checked. mass: of each row; the values of rows of mass 0 are not looked at.

        Cost: one look at each value; a copy unless it is CSR and its columns ascend.
        """
        check_shape(X)
        if X.format != "csr":
            X = X.tocsr()
        matrix = cls._as_it_is(X)
        fault, row, place = csr_rows.find_fault(*matrix.arrays, mass, matrix.n_columns)
        if fault == csr_rows.UNSORTED:
            # The user's matrix is not changed: SciPy sorts and adds in place.
            X = X.copy()
            X.sum_duplicates()
            matrix = cls._as_it_is(X)
            fault, row, place = csr_rows.find_fault(*matrix.arrays, mass, matrix.n_columns)
        if fault != csr_rows.SOUND:
            matrix.fail(fault, row, place)
        return matrix

    @classmethod
    def _as_it_is(cls, X: Any) -> CsrMatrix:
        """The arrays of a CSR matrix, its values as floats."""
        n_rows, n_columns = X.shape
        indptr, indices, data = (np.asarray(each) for each in (X.indptr, X.indices, X.data))
        is_whole = len(indptr) == n_rows + 1 and indptr[0] == 0 and bool((np.diff(indptr) >= 0).all())
        if not (is_whole and indptr[-1] <= min(len(indices), len(data))):
            raise DataError("`X` is no CSR matrix: its `indptr` does not fit. Build it anew from its rows and columns.")
        if indptr.dtype != indices.dtype:
            indptr = indptr.astype(indices.dtype)
        return cls(frozen(indptr), frozen(indices), frozen(as_floats(data, indptr, indices)), n_columns)

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """As the kernels take them."""
        return self.indptr, self.indices, self.data

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(self.indptr) - 1

    @property
    def n_values(self) -> int:
        """How many values it holds, zeros among them."""
        return int(self.indptr[-1])

    def fail(self, fault: int, row: int, place: int) -> NoReturn:
        """Raise with the row and the column of a fault."""
        column = int(self.indices[place])
        if fault == csr_rows.NO_COLUMN:
            raise DataError(
                f"`X` has {count(self.n_columns)} columns; row {row:,} has a value in column {column}. Build the "
                "matrix anew from its rows and columns."
            )
        raise DataError(
            f"`X` must be finite; row {row:,}, column {column:,} has {value_text(float(self.data[place]))}. "
            "A value that is not known is no 0: leave out its row, or fill it in."
        )

    def taken(self, rows: Array) -> CsrMatrix:
        """Some of the rows, copied."""
        sizes = np.diff(self.indptr)[rows]
        indptr = np.zeros(len(rows) + 1, self.indptr.dtype)
        np.cumsum(sizes, out=indptr[1:])
        places = np.repeat(self.indptr[:-1][rows] - indptr[:-1], sizes) + np.arange(indptr[-1])
        return CsrMatrix(frozen(indptr), frozen(self.indices[places]), frozen(self.data[places]), self.n_columns)

    def logits(self, intercept: float, coefficients: Array) -> Array:
        """intercept + Σ coefficient · x of each row, shape (n_rows,)."""
        logits = np.empty(self.n_rows)
        csr_rows.csr_logits(*self.arrays, intercept, frozen(coefficients), logits)
        return logits

    def fold(
        self,
        start: int,
        stop: int,
        beside: tuple[Array, Array, Array],
        at: tuple[float, Array],
        curvatures: Array,
        sums: tuple[Array, Array, Array],
    ) -> None:
        """Sums of a fit over some rows, as `csr_rows.csr_fold`: labels, mass and offset beside them; where: (b, w)."""
        csr_rows.csr_fold(start, stop, *self.arrays, *beside, *at, curvatures, *sums)

    def standard_deviations(self, mass: Array, sum_weight: float) -> Array:
        """Of the values of each column, zeros included, by the mass of the rows, shape (n_columns,).

        Around the mean, as a difference of squares loses the digits that both have in common. Cost: two walks.
        """
        sums = np.zeros((self.n_columns, 2))
        csr_rows.csr_sums(*self.arrays, mass, sums)
        means, squares = sums[:, 1] / sum_weight, np.zeros(self.n_columns)
        csr_rows.csr_squares(*self.arrays, mass, frozen(means), squares)
        absent = np.maximum(sum_weight - sums[:, 0], 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = np.sqrt((squares + absent * means**2) / sum_weight)
        # Of values whose squares are beyond the floats.
        return np.nan_to_num(deviations, nan=np.finfo(float).max, posinf=np.finfo(float).max)

    def add_product(self, start: int, stop: int, curvatures: Array, along: tuple[float, Array], out: Array) -> float:
        """Adds the Hessian of some rows times a direction to out, of the columns; returns that of the intercept."""
        of_intercept: float = csr_rows.csr_products(start, stop, *self.arrays, curvatures, *along, out)
        return of_intercept

    def add_block(self, start: int, stop: int, curvatures: Array, places: Array, out: Array) -> None:
        """Adds the block of the Hessian of the columns that have a place; either half of out may be filled."""
        csr_rows.csr_block(start, stop, *self.arrays, curvatures, places, out)

    def pairs(self, places: Array, limits: Array) -> Array:
        """How many pairs `add_block` takes of all rows, for the columns whose place is at most each of some limits."""
        pairs = np.zeros(len(limits))
        csr_rows.csr_pairs(self.indptr, self.indices, frozen(places), limits, pairs)
        return pairs

    def column_norms(self, mass: Array) -> Array:
        """√Σ mass·x² of each column, shape (n_columns,)."""
        squares = np.zeros(self.n_columns)
        csc_columns.csr_norms(*self.arrays, mass, squares)
        return np.sqrt(squares, out=squares)

    def scales(self, mass: Array, sum_weight: float) -> Array:
        """Root mean square of the values of each column that are not 0, shape (n_columns,); 0 where there are none.

        Unlike a standard deviation it has the unit of a column without how rare its values are. Memory: 4 bytes for
        each value. Cost: two walks.
        """
        ones = CsrMatrix(self.indptr, self.indices, frozen((self.data != 0).astype(np.float32)), self.n_columns)
        sizes, n_each = self.column_norms(mass), ones.column_norms(mass)
        return np.divide(sizes, n_each, out=np.zeros(self.n_columns), where=n_each > 0)

    def with_columns(self, columns: Array, mass: Array) -> CsrMatrix:
        """A copy of some columns, which ascend; rows of mass 0 without values."""
        if not len(columns):
            starts = frozen(np.zeros(self.n_rows + 1, self.indptr.dtype))
            return CsrMatrix(starts, frozen(self.indices[:0]), frozen(self.data[:0]), 0)
        places = np.zeros(self.n_columns, np.int32)
        places[columns] = np.arange(1, len(columns) + 1)
        indptr, indices, data = csc_columns.csr_take(*self.arrays, mass, frozen(places))
        return CsrMatrix(frozen(indptr), frozen(indices), frozen(data), len(columns))

    def by_columns(self) -> tuple[Array, Array, Array]:
        """The same by columns: starts, rows, values, as of `csc_columns`."""
        starts, rows, values = csc_columns.csc_of(*self.arrays, self.n_columns)
        return starts, rows, values

    def ends_of_parts(self, n_parts: int) -> list[int]:
        """Where runs of rows with about as many values each end."""
        cuts = np.searchsorted(self.indptr, np.linspace(0, self.n_values, n_parts + 1)[1:-1])
        return [*cuts.tolist(), self.n_rows]


def check_shape(X: Any) -> None:
    """Refuse what no fit has room for, and what is no matrix."""
    if len(X.shape) != 2:
        raise DataError(f"`X` must have two dimensions, (n_rows, n_features); it has shape {tuple(X.shape)}.")
    if X.shape[1] > MOST_COLUMNS:
        raise DataError(
            f"`X` has {count(X.shape[1])} columns; a sparse matrix may have up to {count(MOST_COLUMNS)}, for which a "
            "fit takes about 10 GB. Keep the columns that occur, X[:, numpy.unique(X.indices)], or hash names into "
            "fewer columns, such as 2^24."
        )


def as_floats(data: Array, indptr: Array, indices: Array) -> Array:
    """The values of a matrix as float32 or float64."""
    if data.dtype in (np.float32, np.float64) and data.dtype.isnative:
        return data
    if data.dtype.kind not in "biuf":
        raise DataError(f"`X` must hold numbers; it holds {data.dtype}.")
    rounded = rounded_as_floats(data) if data.dtype.kind in "iu" else None
    if rounded is not None:
        place = int(np.argmax(rounded))
        row = int(np.searchsorted(indptr, place, side="right")) - 1
        raise DataError(f"`X` {EXACT}; column {indices[place]:,} has {data[place]} in row {row:,}. {IF_INEXACT}")
    return data.astype(np.float64)


@dataclass(frozen=True, slots=True)
class SparseBlock:
    """Rows start to stop of a sparse table."""

    rows: SparseRows
    start: int
    stop: int

    @property
    def n_rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class SparsePart:
    """A run of rows that one thread sums up."""

    block: SparseBlock

    def blocks(self) -> Iterator[SparseBlock]:
        """All of it at once."""
        yield self.block


@dataclass(frozen=True, slots=True)
class SparseRows:
    """A matrix, sparse or dense, with labels (uint8, or float64 where some are shares), weights times counts, and
    offsets, or none."""

    matrix: CsrMatrix | DenseMatrix
    labels: Array
    mass: Array
    offset: Array

    @classmethod
    def of(cls, X: Any, labels: Array, mass: Array = NONE, offset: Array = NONE) -> SparseRows:
        """Of a matrix, sparse or an array, and arrays that were checked."""
        if is_sparse(X):
            return cls(CsrMatrix.of(X, frozen(mass)), *map(frozen, (labels, mass, offset)))
        matrix, taken = DenseMatrix.of(X, mass)
        return cls(
            matrix,
            *(frozen(each if taken is None or not len(each) else each[taken]) for each in (labels, mass, offset)),
        )

    @property
    def beside(self) -> tuple[Array, Array, Array]:
        """What stands beside the matrix."""
        return self.labels, self.mass, self.offset

    @property
    def block(self) -> SparseBlock:
        """All rows."""
        return SparseBlock(self, 0, self.matrix.n_rows)

    def parts(self) -> list[SparsePart]:
        """Runs of rows with about as many values each: how many depends on the matrix alone."""
        matrix = self.matrix
        of_part = max(VALUES_OF_PART, TIMES_COLUMNS * matrix.n_columns)
        n_parts = max(1, min(MOST_PARTS, matrix.n_values // of_part, matrix.n_rows))
        ends = [0, *matrix.ends_of_parts(n_parts)]
        return [SparsePart(SparseBlock(self, a, b)) for a, b in pairwise(ends)]
