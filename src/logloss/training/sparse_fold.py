"""The fits of one fold of a sparse matrix along a path of penalties, each begun where the one before ended; of their
coefficients only those that are not 0 are kept, where these are few.

>>> import numpy as np
>>> kept = KeptCoefficients.of(np.array([0.5, 0.0, 0.0, 2.0, 0.0, 0.0]))
>>> kept.places.tolist(), kept.values.tolist(), kept.at(np.array([1, 2])).tolist()
([2], [2.0], [0.0, 2.0])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.data.rows import Array
from logloss.data.sparse_rows import SparseRows
from logloss.training.best_intercept import best_intercept
from logloss.training.fit_options import FitOptions
from logloss.training.fold_fits import ADDED_TO_ONE_CLASS, FoldFit, has_one_class
from logloss.training.path_grid import Run, spaced
from logloss.training.sparse_lasso import LassoOptimum, find_lasso_optimum, path_of
from logloss.training.sparse_lasso_problem import LassoProblem
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

# The coefficients stand elsewhere.
NONE = np.zeros(0)


@dataclass(frozen=True, eq=False, slots=True)
class KeptCoefficients:
    """An intercept and n coefficients: the values at some places, which ascend, and 0 elsewhere; places None: all."""

    intercept: float
    n: int
    places: Array | None
    values: Array

    @classmethod
    def of(cls, at: Array) -> KeptCoefficients:
        """Of all coefficients, the intercept first."""
        intercept, n = float(at[0]), len(at) - 1
        places = np.flatnonzero(at[1:])
        if 2 * len(places) > n:
            return cls(intercept, n, None, at[1:].copy())
        return cls(intercept, n, places, at[1:][places])

    @property
    def n_nonzero(self) -> int:
        """How many are not 0, without the intercept."""
        return int(np.count_nonzero(self.values))

    def full(self) -> Array:
        """All of them, shape (n,)."""
        if self.places is None:
            return self.values
        out = np.zeros(self.n)
        out[self.places] = self.values
        return out

    def at(self, columns: Array) -> Array:
        """Those of some columns, which ascend."""
        if self.places is None:
            return self.values[columns]
        out = np.zeros(len(columns))
        _, own, theirs = np.intersect1d(self.places, columns, assume_unique=True, return_indices=True)
        out[theirs] = self.values[own]
        return out

    def raise_to_sizes(self, largest: Array) -> None:
        """Raise numbers of all columns to the sizes of their coefficients, where these are larger."""
        places = slice(None) if self.places is None else self.places
        largest[places] = np.maximum(largest[places], np.abs(self.values))


@dataclass(eq=False, slots=True)
class SparseFits:
    """Fits along a path. n_walks: over all columns, and products with the Hessian."""

    fits: list[FoldFit] = field(default_factory=list)
    coefficients: list[KeptCoefficients] = field(default_factory=list)
    n_walks: int = 0

    def add(self, at: Array, n_passes: int, bound: float) -> None:
        """Take in a fit; bound: in nats per row."""
        own = KeptCoefficients.of(at)
        self.coefficients.append(own)
        # Of a Hessian of so many columns there are no eigenvalues.
        self.fits.append(FoldFit(NONE, (), n_passes, bound, math.nan, own.n_nonzero))
        self.n_walks += n_passes


@dataclass(frozen=True, eq=False)
class SparseFold:
    """Rows that train, others having weight 0, and what is asked for. factors: of the penalty of each column."""

    rows: SparseRows
    options: FitOptions
    factors: Array | None = None
    progress: Callable[[Any], None] | None = None

    @property
    def sum_weight(self) -> float:
        """The weight of the rows that train."""
        return float(self.rows.mass.sum())

    @property
    def n_columns(self) -> int:
        """How many columns there are."""
        return self.rows.matrix.n_columns

    @property
    def of_one_class(self) -> float:
        """The log-odds that are predicted where rows of one class only train; NaN where both do."""
        total, positive = self.sum_weight, float(self.rows.mass @ self.rows.labels)
        if not has_one_class(total, positive):
            return math.nan
        # Not from their rate, which rounds to 1 for large weights.
        return math.log((positive + ADDED_TO_ONE_CLASS) / (max(total - positive, 0.0) + ADDED_TO_ONE_CLASS))

    def along(self, runs: Sequence[Run]) -> SparseFits:
        """The fits at each value of each run; each run begins where all coefficients are 0."""
        made, start = SparseFits(), self._start()
        if self.options.fit_intercept and math.isfinite(self.of_one_class):
            for _ in range(sum(map(len, runs))):
                made.add(start, 0, 0.0)
            return made
        for run in runs:
            if run[0].l1 or self.factors is not None:
                self._lasso(run, start, made)
            else:
                self._ridge(run, start, made)
        return made

    def least_l1_of_zeros(self) -> tuple[float, Array, int]:
        """(The least l1 at which every penalised coefficient is 0, sizes of the derivatives there, passes).

        The intercept and what is not penalised are fitted.
        """
        problem = self._problem()
        held = problem.l1 > 0
        # No derivative is larger than the norm of its column times that of the residuals, each of which is below 1.
        beyond = 2.0 * math.sqrt(self.sum_weight) * float((problem.norms[held] / problem.l1[held]).max(initial=0.0))
        if not beyond > 0:
            return 0.0, np.zeros(self.n_columns), 0
        found = find_lasso_optimum(
            problem.with_penalty(beyond * problem.l1, beyond * problem.l2), self._start(), self.options.max_passes
        )
        return beyond * (found.least_of_zeros or 0.0), np.abs(found.gradient[1:]), len(found.passes)

    def values_of_l1(self, n_values: int, n_rows: int) -> tuple[tuple[float, ...], int]:
        """(Values of l1 that suit the data, from the strongest; walks that this took). n_rows: as they count."""
        most, gradient, n_passes = self.least_l1_of_zeros()
        if not most > 0:
            # No column says anything: any value leaves every coefficient at 0.
            return (1.0,), n_passes
        scales = self.rows.matrix.scales(self.rows.mass, self.sum_weight)
        if self.factors is not None:
            # A factor is to the penalty of a column what its inverse is to the scale; 0: it has none.
            scales = np.divide(scales, self.factors, out=np.zeros(self.n_columns), where=self.factors > 0)
        is_wide = n_rows <= self.n_columns + self.options.fit_intercept
        return spaced(most, gradient, scales, n_values, is_wide=is_wide), n_passes + 2

    def _start(self) -> Array:
        """Coefficients of 0 and the intercept that is best then."""
        at = np.zeros(1 + self.n_columns)
        if not self.options.fit_intercept:
            return at
        if math.isfinite(self.of_one_class):
            at[0] = self.of_one_class
        else:
            at[0] = best_intercept(self.rows, float(self.rows.mass @ self.rows.labels) / self.sum_weight)
        return at

    def _problem(self) -> LassoProblem:
        """What is minimised, for l1 = l2 = 1."""
        each = np.ones(self.n_columns) if self.factors is None else self.factors
        own = self.options.fit_intercept, self.sum_weight, self.options.tolerance, self.progress
        return LassoProblem(self.rows, each, each, *own)

    def _lasso(self, run: Run, start: Array, made: SparseFits) -> None:
        """With an L1 penalty, or one that differs between columns."""
        l1s, l2s = [each.l1 for each in run], [each.l2 for each in run]
        optimum: LassoOptimum
        for _, optimum in path_of(self._problem(), l1s, start, self.options.max_passes, l2s):
            made.add(optimum.at, len(optimum.passes), optimum.bound / self.sum_weight)

    def _ridge(self, run: Run, start: Array, made: SparseFits) -> None:
        """With an L2 penalty."""
        at, options = start, self.options
        for each in run:
            own = options.fit_intercept, self.sum_weight, options.tolerance, self.progress
            optimum = find_sparse_optimum(SparseProblem(self.rows, each.l2, *own), at, options.max_passes)
            at = optimum.evaluation.at
            made.add(at, len(optimum.passes), optimum.evaluation.bound / self.sum_weight)
            made.n_walks += optimum.n_products
