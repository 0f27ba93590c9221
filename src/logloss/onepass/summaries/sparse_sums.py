"""Sums of one pass over a sparse table: loss and gradient at a point, products with the Hessian, a block of it.

Each holds as many numbers as the table has columns, and none more: no Hessian of all columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from logloss.data.rows import Array
from logloss.data.sparse_rows import SparseBlock
from logloss.onepass.kernels import csr_rows, exact
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, raise_if_stopped
from logloss.text import count, significant

# Rows of a piece, before each of which a thread can be stopped.
PIECE_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class SparsePoint:
    """Where the sums are taken; curvatures: room for that of each row of the table, which products then read."""

    intercept: float
    coefficients: Array
    curvatures: Array = field(compare=False)


@dataclass(frozen=True, slots=True)
class SparseDirection:
    """What the Hessian is multiplied with, and the curvature of each row of the table."""

    intercept: float
    coefficients: Array
    curvatures: Array = field(compare=False)


@dataclass(frozen=True, slots=True)
class HeavyColumns:
    """The columns of a block of the Hessian: `places` of each column, from 1, and 0 where it has none."""

    places: Array
    n_places: int
    curvatures: Array = field(compare=False)


def pieces_of_rows(block: SparseBlock) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of the rows of a block."""
    for start in range(block.start, block.stop, PIECE_ROWS):
        raise_if_stopped()
        yield start, min(start + PIECE_ROWS, block.stop)


class _FoldedSummary(BlockwiseSummary):
    """A summary whose workspace adds to arrays of its own: merging one for each block would copy them."""

    __slots__ = ()
    if TYPE_CHECKING:
        n_rows: int

    def merge(self, other: Self) -> Self:
        """Of the rows of both; nothing is added where one of them has none."""
        if not (self.n_rows and other.n_rows):
            return self if self.n_rows else other
        return super().merge(other)

    def of_block(self, block: Any) -> Any:
        """Of the rows of a block."""
        workspace = self.workspace()
        workspace.add(block)
        return workspace.freeze()


@dataclass(frozen=True, slots=True, repr=False)
class SparseGradientSummary(_FoldedSummary):
    """Loss, gradient, and the diagonal of the Hessian of the loss. Floating: laws hold to rounding.

    sum_loss: exact, in units of `exact`. sums: those of `csr_rows.N_SUMS`. of_columns: Σ residual·x and Σ curvature·x²,
    shape (n_columns, 2). n_blocks, most_rows: how many blocks were merged, and the rows of the largest.
    """

    point: SparsePoint
    n_rows: int
    sum_loss: int
    sums: Array
    of_columns: Array
    # How the rows were cut.
    n_blocks: int = field(default=0, compare=False)
    most_rows: int = field(default=0, compare=False)
    merged_by = MappingProxyType({"most_rows": max})

    @classmethod
    def empty(cls, point: SparsePoint) -> SparseGradientSummary:
        """Of no rows."""
        return cls(point, 0, 0, np.zeros(csr_rows.N_SUMS), np.zeros((len(point.coefficients), 2)))

    def workspace(self) -> Workspace:
        """A new workspace at the same point."""
        return _GradientWorkspace(self.point)

    @property
    def total_loss(self) -> float:
        """The summed loss in nats; inf where log-odds are beyond the floats."""
        is_known = not math.isnan(self.sums[csr_rows.RESIDUAL])
        return exact.rounded(self.sum_loss, 1) if is_known else math.inf

    @property
    def n_additions(self) -> int:
        """Of how many additions each sum is the result, at most: in a block, and of blocks."""
        return self.most_rows + self.n_blocks

    def __repr__(self) -> str:
        return f"SparseGradientSummary: n_rows={count(self.n_rows)}  total_loss={significant(self.total_loss)} nats"


class _GradientWorkspace:
    def __init__(self, point: SparsePoint) -> None:
        self.point, self.limbs = point, exact.new_limbs(1)
        self.sums, self.of_columns = np.zeros(csr_rows.N_SUMS), np.zeros((len(point.coefficients), 2))
        self.n_rows = self.n_blocks = 0

    def add(self, block: Any) -> None:
        """Take in a block."""
        rows, at = block.rows, self.point
        for start, stop in pieces_of_rows(block):
            own = self.sums, self.of_columns, self.limbs
            rows.matrix.fold(start, stop, rows.beside, (at.intercept, at.coefficients), at.curvatures, own)
        self.n_rows += block.n_rows
        self.n_blocks += block.n_rows > 0

    def freeze(self) -> SparseGradientSummary:
        """The summary of the blocks that were added."""
        total, n_rows = exact.as_integer(self.limbs[0]), self.n_rows
        return SparseGradientSummary(self.point, n_rows, total, self.sums, self.of_columns, self.n_blocks, n_rows)


@dataclass(frozen=True, slots=True, repr=False)
class SparseProductSummary(_FoldedSummary):
    """The Hessian of the loss times a direction: of the intercept, and of the columns. Floating."""

    direction: SparseDirection
    n_rows: int
    of_intercept: float
    of_columns: Array

    @classmethod
    def empty(cls, direction: SparseDirection) -> SparseProductSummary:
        """Of no rows."""
        return cls(direction, 0, 0.0, np.zeros(len(direction.coefficients)))

    def workspace(self) -> Workspace:
        """A new workspace for the same direction."""
        return _ProductWorkspace(self.direction)

    def __repr__(self) -> str:
        return f"SparseProductSummary: n_rows={count(self.n_rows)}  of_intercept={significant(self.of_intercept)}"


class _ProductWorkspace:
    def __init__(self, direction: SparseDirection) -> None:
        self.direction, self.of_columns = direction, np.zeros(len(direction.coefficients))
        self.n_rows, self.of_intercept = 0, 0.0

    def add(self, block: Any) -> None:
        """Take in a block."""
        own, matrix = self.direction, block.rows.matrix
        along = own.intercept, own.coefficients
        for start, stop in pieces_of_rows(block):
            self.of_intercept += matrix.add_product(start, stop, own.curvatures, along, self.of_columns)
        self.n_rows += block.n_rows

    def freeze(self) -> SparseProductSummary:
        """The summary of the blocks that were added."""
        return SparseProductSummary(self.direction, self.n_rows, self.of_intercept, self.of_columns)


@dataclass(frozen=True, slots=True, repr=False)
class SparseBlockSummary(_FoldedSummary):
    """The block of the Hessian of the loss of the intercept and some columns. Floating.

    products: of two different ones, what stands on either side of the diagonal is to be added up.
    """

    columns: HeavyColumns
    n_rows: int
    products: Array

    @classmethod
    def empty(cls, columns: HeavyColumns) -> SparseBlockSummary:
        """Of no rows."""
        return cls(columns, 0, np.zeros((columns.n_places + 1, columns.n_places + 1)))

    def workspace(self) -> Workspace:
        """A new workspace of the same columns."""
        return _BlockWorkspace(self.columns)

    @property
    def matrix(self) -> Array:
        """The block, symmetric, the intercept first."""
        return self.products + self.products.T - np.diag(self.products.diagonal())

    def __repr__(self) -> str:
        return f"SparseBlockSummary: n_rows={count(self.n_rows)}  n_columns={count(self.columns.n_places)}"


class _BlockWorkspace:
    def __init__(self, columns: HeavyColumns) -> None:
        self.columns, self.n_rows = columns, 0
        self.products = np.zeros((columns.n_places + 1, columns.n_places + 1))

    def add(self, block: Any) -> None:
        """Take in a block."""
        own, matrix = self.columns, block.rows.matrix
        for start, stop in pieces_of_rows(block):
            matrix.add_block(start, stop, own.curvatures, own.places, self.products)
        self.n_rows += block.n_rows

    def freeze(self) -> SparseBlockSummary:
        """The summary of the blocks that were added."""
        return SparseBlockSummary(self.columns, self.n_rows, self.products)
