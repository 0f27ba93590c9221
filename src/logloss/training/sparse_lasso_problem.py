"""What is minimised under an L1 penalty over the rows of a sparse table: its passes, and the same of some columns.

Vectors of coefficients have the intercept first. A penalty is a vector with one number for each column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from logloss.data.rows import Array
from logloss.data.sparse_rows import SparseRows
from logloss.onepass.summaries.sparse_sums import SparseGradientSummary
from logloss.training.certificate import Pass
from logloss.training.interruptible import tick
from logloss.training.sparse_passes import SparsePasses


@dataclass(frozen=True, eq=False)
class LassoProblem(SparsePasses):
    """Σ loss + Σ l1ⱼ|wⱼ| + Σ l2ⱼwⱼ²/2, until the bound is within a tolerance.

    l1, l2: of each column, shape (n_columns,); where both are 0 a column is not penalised. sum_weight: of the rows.
    tolerance: in nats per row. on_pass: called with each pass over all columns.
    """

    rows: SparseRows
    l1: Array
    l2: Array
    fit_intercept: bool
    sum_weight: float
    tolerance: float
    progress: Callable[[Any], None] | None = None
    on_pass: Callable[[Pass], None] | None = None

    @property
    def most(self) -> float:
        """The tolerance in nats, summed."""
        return self.tolerance * self.sum_weight

    @cached_property
    def is_free(self) -> Array:
        """Which columns are not penalised, shape (n_columns,)."""
        free: Array = (self.l1 == 0) & (self.l2 == 0)
        return free

    @cached_property
    def norms(self) -> Array:
        """√Σ mass·x² of each column, shape (n_columns,): one walk."""
        return self.rows.matrix.column_norms(self.rows.mass)

    def with_penalty(self, l1: Array, l2: Array) -> LassoProblem:
        """The same under another penalty; the norms of columns that are known stay so."""
        own = replace(self, l1=l1, l2=l2)
        own.__dict__.update({name: self.__dict__[name] for name in ("norms",) if name in self.__dict__})
        return own

    def told_to(self, progress: Callable[[Any], None] | None) -> LassoProblem:
        """The same, whose walks are told to somebody."""
        own = replace(self, progress=progress)
        own.__dict__.update({name: self.__dict__[name] for name in ("norms",) if name in self.__dict__})
        return own

    def taken(self, columns: Array) -> LassoProblem:
        """The same of some columns, which ascend, all other coefficients being 0: one walk and a copy of these."""
        rows = self.rows
        matrix = rows.matrix.with_columns(columns, rows.mass)
        tick()
        own = LassoProblem(
            SparseRows(matrix, rows.labels, rows.mass, rows.offset),
            self.l1[columns],
            self.l2[columns],
            self.fit_intercept,
            self.sum_weight,
            self.tolerance,
        )
        if "norms" in self.__dict__:
            own.__dict__["norms"] = self.norms[columns]
        return own

    def evaluated(self, at: Array) -> LassoPoint:
        """Loss, gradient and curvature at a point: one walk."""
        sums, gradient, curvatures = self.sums_at(at, self.l2)
        penalty = float(self.l1 @ np.abs(at[1:])) + 0.5 * float((self.l2 * at[1:]) @ at[1:])
        return LassoPoint(at, sums, gradient, penalty, curvatures)


@dataclass(frozen=True, eq=False, slots=True)
class LassoPoint:
    """A point and what a pass has found there: gradient of loss and L2 penalty; penalty: both, in nats, summed."""

    at: Array
    sums: SparseGradientSummary
    gradient: Array
    penalty: float
    curvatures: Array

    @property
    def objective(self) -> float:
        """The summed loss and the penalty."""
        return self.sums.total_loss + self.penalty
