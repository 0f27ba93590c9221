"""A matrix of numbers with many columns, read where it is: summed up tile by tile, each by BLAS in double precision.

>>> import numpy as np
>>> matrix, _ = DenseMatrix.of(np.array([[0.0, 2.0], [1.0, 0.0]], np.float32))
>>> matrix.logits(1.0, np.array([1.0, 0.5])).tolist()
[2.0, 2.0]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.onepass.kernels import csr_rows
from logloss.text import value_text

# Values of a tile, 2 MB of float64; of a row, or of a column where columns are contiguous, it has so many at most.
VALUES_OF_TILE, LONGEST = 1 << 18, 1 << 12
# Values of the columns that a product of all rows with each other takes at once: 16 MB.
VALUES_OF_GRAM = 1 << 21
# So many pairs of a block of the Hessian take as long as one of a sparse row.
PAIRS_BY_BLAS = 8.0
# Where there are no weights, and no offset.
NONE = np.zeros(0)
NONE.flags.writeable = False


def frozen(values: Array) -> Array:
    """A read-only view, contiguous, so that each kernel is compiled for one kind of array."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True, eq=False)
class DenseMatrix:
    """An array of float32 or float64, of any strides, and the Euclidean norm of each row."""

    values: Array
    norms: Array

    @classmethod
    def of(cls, X: Array, mass: Array = NONE) -> tuple[DenseMatrix, Array | None]:
        """(Of an array of numbers, checked; the rows that were taken, None where all are).

        mass: of each row; rows of mass 0 that hold what is no number are left out, in a copy. Cost: one look at each
        value; no copy of float32 and float64 in the order of this machine.
        """
        if X.dtype not in (np.float32, np.float64) or not X.dtype.isnative:
            X = X.astype(np.float64)
        norms = norms_of(X)
        suspects = np.flatnonzero(~np.isfinite(norms))
        faulty = suspects[[not np.isfinite(X[row]).all() for row in suspects]]
        if len(faulty) and len(mass):
            weighed = faulty[mass[faulty] > 0]
            if not len(weighed):
                taken = np.flatnonzero(mass > 0)
                return cls(X[taken], norms[taken]), taken
            faulty = weighed
        if len(faulty):
            fail(X, int(faulty[0]))
        return cls(X, norms), None

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return int(self.values.shape[0])

    @property
    def n_columns(self) -> int:
        """How many columns it has."""
        return int(self.values.shape[1])

    @property
    def n_values(self) -> int:
        """How many values it holds."""
        return int(self.values.size)

    def logits(self, intercept: float, coefficients: Array) -> Array:
        """intercept + Σ coefficient · x of each row, shape (n_rows,)."""
        logits = np.full(self.n_rows, intercept, np.float64)
        for rows, columns, tile in tiles_of(self.values, 0, self.n_rows):
            logits[rows] += tile @ coefficients[columns]
        return logits

    def transposed_times(self, weights: Array) -> Array:
        """Σ weight · x of each column, shape (n_columns,)."""
        out = np.zeros(self.n_columns)
        for rows, columns, tile in tiles_of(self.values, 0, self.n_rows):
            out[columns] += weights[rows] @ tile
        return out

    def fold(
        self,
        start: int,
        stop: int,
        beside: tuple[Array, Array, Array],
        at: tuple[float, Array],
        curvatures: Array,
        sums: tuple[Array, Array, Array],
    ) -> None:
        """Sums of a fit over some rows, as `CsrMatrix.fold`.

        The sizes of the terms of a row's log-odds are at most |x|·|w| together (Cauchy and Schwarz).
        """
        (labels, mass, offset), (b, w) = beside, at
        of_all, of_columns, limbs = sums
        _, n_columns = shape_of_tiles(self.values, stop - start)
        # Of a logit: in a tile, of the tiles, and what it begins with.
        n_additions = min(n_columns, self.n_columns) + -(-self.n_columns // n_columns) + 2
        length = float(np.linalg.norm(w))
        for first, last in runs_of_rows(self.values, start, stop):
            own = slice(first, last)
            logits = np.full(last - first, b)
            sizes = np.full(last - first, abs(b))
            if len(offset):
                logits += offset[own]
                sizes += np.abs(offset[own])
            for _, columns, tile in tiles_of(self.values, first, last):
                logits += tile @ w[columns]
            sizes = (sizes + self.norms[own] * length) * n_additions
            weights = mass[own] if len(mass) else np.ones(last - first)
            residuals = np.empty(last - first)
            arrays = labels[own], weights, logits, sizes, self.norms[own], curvatures[own], residuals
            csr_rows.sum_rows(*arrays, of_all, limbs)
            for _, columns, tile in tiles_of(self.values, first, last):
                of_columns[columns, 0] += residuals @ tile
                of_columns[columns, 1] += curvatures[own] @ np.square(tile)

    def add_product(self, start: int, stop: int, curvatures: Array, along: tuple[float, Array], out: Array) -> float:
        """Adds the Hessian of some rows times a direction to out, of the columns; returns that of the intercept."""
        total = 0.0
        for first, last in runs_of_rows(self.values, start, stop):
            changes = np.full(last - first, along[0])
            for _, columns, tile in tiles_of(self.values, first, last):
                changes += tile @ along[1][columns]
            changes *= curvatures[first:last]
            total += float(changes.sum())
            for _, columns, tile in tiles_of(self.values, first, last):
                out[columns] += changes @ tile
        return total

    def add_block(self, start: int, stop: int, curvatures: Array, places: Array, out: Array) -> None:
        """Adds the block of the Hessian of the columns that have a place to the lower half of out."""
        chosen = np.flatnonzero(places)
        chosen = chosen[np.argsort(places[chosen])]
        n_rows = max(VALUES_OF_TILE // max(len(out), 1), 1)
        for first in range(start, stop, n_rows):
            last = min(first + n_rows, stop)
            tile = np.ones((last - first, len(out)))
            tile[:, 1:] = self.values[first:last, chosen]
            out += np.tril((tile * curvatures[first:last, None]).T @ tile)

    def pairs(self, places: Array, limits: Array) -> Array:
        """How long `add_block` takes of all rows, in pairs of a sparse row, as `CsrMatrix.pairs`."""
        n_places = np.count_nonzero((places > 0) & (places <= limits[:, None]), axis=1)
        return 0.5 * self.n_rows * (1.0 + n_places) ** 2 / PAIRS_BY_BLAS

    def standard_deviations(self, mass: Array, sum_weight: float) -> Array:
        """Of the values of each column by the mass of the rows, shape (n_columns,), as of `CsrMatrix`: two walks."""
        each = mass if len(mass) else np.ones(self.n_rows)
        means, squares = self.transposed_times(each) / sum_weight, np.zeros(self.n_columns)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows, columns, tile in tiles_of(self.values, 0, self.n_rows):
                squares[columns] += each[rows] @ np.square(tile - means[columns])
            deviations = np.sqrt(squares / sum_weight)
        # Of values whose squares are beyond the floats.
        return np.nan_to_num(deviations, nan=np.finfo(float).max, posinf=np.finfo(float).max)

    def column_norms(self, mass: Array) -> Array:
        """√Σ mass·x² of each column, shape (n_columns,)."""
        squares = np.zeros(self.n_columns)
        with np.errstate(over="ignore"):
            for rows, columns, tile in tiles_of(self.values, 0, self.n_rows):
                tile = np.square(tile)
                squares[columns] += mass[rows] @ tile if len(mass) else tile.sum(axis=0)
        return np.sqrt(squares, out=squares)

    def scales(self, mass: Array, sum_weight: float) -> Array:
        """The standard deviation of each column: a value of 0 is one like others. Two walks."""
        return self.standard_deviations(mass, sum_weight)

    def taken(self, rows: Array) -> DenseMatrix:
        """Some of the rows, copied."""
        return DenseMatrix(self.values[rows], self.norms[rows])

    def with_columns(self, columns: Array, mass: Array) -> DenseMatrix:
        """A copy of some columns, which ascend; rows of mass 0 have values, too."""
        return DenseMatrix.of(self.values[:, columns])[0]

    def by_columns(self) -> tuple[Array, Array, Array]:
        """The same by columns, none of whose values is left out: starts, rows, values, as of `csc_columns`."""
        n_rows, n_columns = self.values.shape
        rows = np.tile(np.arange(n_rows, dtype=np.int32), n_columns)
        return np.arange(n_columns + 1) * n_rows, rows, self.values.ravel(order="F").astype(np.float64)

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """The same as the kernels of sparse rows take it, a copy; none of the values is left out."""
        n_rows, n_columns = self.values.shape
        indices = np.tile(np.arange(n_columns), n_rows)
        return frozen(np.arange(n_rows + 1) * n_columns), frozen(indices), frozen(self.values.ravel())

    def ends_of_parts(self, n_parts: int) -> list[int]:
        """Where runs of about as many rows each end."""
        return [self.n_rows * (k + 1) // n_parts for k in range(n_parts)]

    def gram(self) -> Array:
        """The products of all rows with each other, X·Xᵀ, shape (n_rows, n_rows). Cost: n_rows² · n_columns."""
        n_columns = max(VALUES_OF_GRAM // max(self.n_rows, 1), self.n_rows, 64)
        products = np.zeros((self.n_rows, self.n_rows))
        for first in range(0, self.n_columns, n_columns):
            part = np.ascontiguousarray(self.values[:, first : first + n_columns], dtype=np.float64)
            # The same matrix twice: NumPy forms one half.
            products += part @ part.T
        return products


def shape_of_tiles(X: Array, n_rows: int) -> tuple[int, int]:
    """(Rows, columns) of the tiles of so many rows: long where values are contiguous."""
    if abs(X.strides[0]) < abs(X.strides[1]):
        n_rows = max(min(n_rows, LONGEST), 1)
        return n_rows, max(VALUES_OF_TILE // n_rows, 1)
    n_columns = max(min(X.shape[1], LONGEST), 1)
    return max(VALUES_OF_TILE // n_columns, 1), n_columns


def runs_of_rows(X: Array, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of rows that are one tile high."""
    n_rows, _ = shape_of_tiles(X, stop - start)
    for first in range(start, stop, n_rows):
        yield first, min(first + n_rows, stop)


def tiles_of(X: Array, start: int, stop: int) -> Iterator[tuple[slice, slice, Array]]:
    """(Rows, columns, the values there as float64) of the tiles of some rows; where they are float64, a view."""
    for first, last in runs_of_rows(X, start, stop):
        _, n_columns = shape_of_tiles(X, last - first)
        for left in range(0, X.shape[1], n_columns):
            columns = slice(left, min(left + n_columns, X.shape[1]))
            yield slice(first, last), columns, np.asarray(X[first:last, columns], dtype=np.float64)


def norms_of(X: Array) -> Array:
    """The Euclidean norm of each row, shape (n_rows,): inf or NaN where its squares are no numbers."""
    squares = np.zeros(X.shape[0])
    with np.errstate(over="ignore", invalid="ignore"):
        for rows, _, tile in tiles_of(X, 0, X.shape[0]):
            squares[rows] += np.einsum("ij,ij->i", tile, tile)
        return np.sqrt(squares)


def fail(X: Any, row: int) -> None:
    """Raise with the first value of a row that is no number."""
    column = int(np.argmin(np.isfinite(X[row])))
    raise DataError(
        f"`X` must be finite; row {row:,}, column {column:,} has {value_text(float(X[row, column]))}. "
        "Leave out its row, or fill it in."
    )
