"""The fits of a penalty path of a sparse matrix in every fold; rows that do not train have weight 0, without a copy.

Each fold goes along the path from the strongest penalty, each fit begun where the one before ended.

>>> import numpy as np, scipy.sparse
>>> from logloss.training.fold_choice import fold_choice
>>> rows = scipy.sparse.csr_array(np.arange(12.0)[:, None] % 5)
>>> options = FitOptions(l2_path=(10.0, 0.1))
>>> fits = sparse_path_fits(rows, np.arange(12) % 2, RowOptions(), fold_choice(3, 12), options)
>>> fits.l2s, len(fits.folds), fits.points[0].l2
((10.0, 0.1), 3, 10.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import logit
from logloss.data.block import Block
from logloss.data.dense_matrix import DenseMatrix, frozen
from logloss.data.request import RowOptions
from logloss.data.rows import Array
from logloss.data.sparse_rows import CsrMatrix, SparseRows
from logloss.errors import DataError
from logloss.onepass.kernels import losses
from logloss.onepass.summaries.fold_rows import row_numbers
from logloss.training.fit_options import FitOptions
from logloss.training.fold_choice import FoldChoice, fold_choice, folds_text, kind_of, rule_of
from logloss.training.fold_fits import (
    ADDED_TO_ONE_CLASS,
    FoldFit,
    PathFits,
    has_one_class,
    points_of,
    warn_of_bounds,
)
from logloss.training.interruptible import told_of_waiting
from logloss.training.matrix_input import MatrixInput
from logloss.training.penalty_path import PenaltyPath, grid_of
from logloss.training.sparse_fit import BesideMatrix, beside_matrix
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

if TYPE_CHECKING:
    from logloss.onepass.summaries import FoldRule


@dataclass(frozen=True, eq=False)
class SparseFoldPaths:
    """The models of all folds, by fold and value of l2, the intercept first; `HeldOutPaths` of a sparse matrix."""

    rule: FoldRule
    coefficients: list[list[Array]]
    matrix: CsrMatrix | DenseMatrix
    unit: float = 1.0
    n_units: int = 0

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return self.rule.n_folds

    @property
    def n_l2(self) -> int:
        """How many models each fold has."""
        return len(self.coefficients[0])

    def units(self, block: Block) -> Array:
        """None: rows are independent."""
        return np.zeros(0, np.int64)

    def held_out(self, block: Block) -> Iterator[tuple[int, Array, Block, Array]]:
        """(Fold, numbers of its test rows, these rows, their losses) of each fold."""
        tests = self.rule.test[self.rule.cells(block)]
        plain = replace(block, by=(), cluster=())
        numbers = row_numbers(block)
        for fold in np.flatnonzero(tests.any(axis=0)).tolist():
            rows = np.flatnonzero(tests[:, fold])
            own = plain.taken(rows)
            yield fold, rows, own, self._losses(fold, own, self.matrix.taken(numbers[rows]))

    def _losses(self, fold: int, block: Block, matrix: CsrMatrix | DenseMatrix) -> Array:
        """The loss of each row under each model of a fold, shape (n_rows, n_l2)."""
        costs = np.empty((self.n_l2, block.n_rows))
        of_rows = losses.surprisals if block.y_true.dtype == np.uint8 else losses.soft_surprisals
        for at, own in zip(self.coefficients[fold], costs, strict=True):
            logits = matrix.logits(float(at[0]), at[1:])
            if block.offset is not None:
                logits += block.offset
            of_rows(block.y_true, logits, None, logits, own)
        return costs.T.copy()


@dataclass(frozen=True, eq=False)
class SparsePathFits(PathFits):
    """The fits of a path of a sparse matrix; those of all rows are not made."""

    def coefficients_of(self, fold: int, l2: float) -> tuple[float, Array]:
        """(Intercept, coefficients) of the fit of a fold."""
        at = self.folds[fold][self.l2s.index(l2)].coefficients
        return float(at[0]), at[1:]


def sparse_path_fits(
    X: Any, y_true: Any, requested: RowOptions, choice: FoldChoice, options: FitOptions
) -> SparsePathFits:
    """Every fold fitted at each penalty of `options.l2_path`, or those that suit the data; losses of held-out rows.

    Memory: the coefficients of every fit.
    """
    from logloss.onepass.run import blas_on_one_thread
    from logloss.onepass.summaries import FoldKeySummary, HeldOutSummary

    by = None if choice.is_numbered else {"cv": choice.column}
    with blas_on_one_thread(), told_of_waiting(requested.progress):
        beside = beside_matrix(X, y_true, replace(requested, by=by))
        seen = FoldKeySummary(kind_of(choice, has_cluster=False), choice.n_folds)
        for block in beside.blocks:
            seen = seen.merge(seen.of_block(block))
        rule = rule_of(choice, seen)
        cells = np.zeros(len(beside.labels), np.int64)
        for block in beside.blocks:
            cells[row_numbers(block)] = rule.cells(block)
        rows = SparseRows.of(X, beside.labels, beside.mass, beside.offset)
        if rows.matrix.n_rows < len(cells):
            raise DataError("rows of weight 0 hold what is no number; leave them out to choose `l2` from a path.")
        l2s = _penalties(rows, beside, options)
        mass = rows.mass if len(rows.mass) else np.ones(len(cells))
        own = [replace(rows, mass=frozen(mass * rule.train[cells, fold])) for fold in range(rule.n_folds)]
        n_walks, folds = 0, []
        for each in own:
            fits, n_products = _along(each, l2s, options, requested.progress)
            n_walks += n_products + sum(fit.n_passes for fit in fits)
            folds.append(fits)
        unit = math.ldexp(1.0, math.frexp(beside.sum_weight / beside.n_rows)[1])
        paths = SparseFoldPaths(rule, [[fit.coefficients for fit in fits] for fits in folds], rows.matrix, unit)
        held_out = HeldOutSummary.empty(paths)
        for block in beside.blocks:
            held_out = held_out.merge(held_out.of_block(block))
    warn_of_bounds(
        [fit for fits in folds for fit in fits], options.tolerance, options.max_passes, "the folds", "held-out"
    )
    # Of a Hessian of so many columns there are no eigenvalues.
    none = [FoldFit(np.zeros(0), (), 0, 0.0, math.nan)] * len(l2s)
    return SparsePathFits(
        None,  # type: ignore[arg-type]
        l2s,
        folds,
        none,
        rule,
        held_out,
        points_of(l2s, folds, none, held_out),
        sum(math.isfinite(_one_class(each)) for each in own),
        n_walks,
        folds_text(choice, ()),
        "row",
    )


def _penalties(rows: SparseRows, beside: BesideMatrix, options: FitOptions) -> tuple[float, ...]:
    """The values of l2 that were asked for, or that suit the data: by the diagonal of the null model's Hessian.

    That of the slopes, the intercept eliminated, is weight · base rate · (1 − base rate) · variance of each column. Of
    columns that are seldom together the Hessian is nearly diagonal.
    """
    if isinstance(options.l2_path, tuple):
        if min(options.l2_path) == 0:
            raise DataError("a path of a sparse matrix needs penalties above 0: leave l2=0 (C=inf) out.")
        return options.l2_path
    total, rate = beside.sum_weight, beside.base_rate
    squares = total * rate * (1.0 - rate) * rows.matrix.standard_deviations(rows.mass, total) ** 2
    return grid_of(squares[squares > 0], None if isinstance(options.l2_path, bool) else options.l2_path)


def chosen_path(given: MatrixInput, requested: RowOptions, options: FitOptions, cv: Any) -> PenaltyPath:
    """The path of penalties of a sparse matrix with its choice, by the log loss of held-out rows."""
    choice = fold_choice(cv, given.matrix.shape[0])
    return sparse_path_fits(given.matrix, given.labels, requested, choice, options).path(options.selection)


def _one_class(rows: SparseRows) -> float:
    """The log-odds that are predicted where rows of one class only train; NaN where both do."""
    total, positive = float(rows.mass.sum()), float(rows.mass @ rows.labels)
    if not has_one_class(total, positive):
        return math.nan
    # Not from their rate, which rounds to 1 for large weights.
    return math.log((positive + ADDED_TO_ONE_CLASS) / (max(total - positive, 0.0) + ADDED_TO_ONE_CLASS))


def _along(rows: SparseRows, l2s: Sequence[float], options: FitOptions, progress: Any) -> tuple[list[FoldFit], int]:
    """The fits of one fold, each begun where the one before ended; products with the Hessian of all together."""
    at = np.zeros(1 + rows.matrix.n_columns)
    total, alone = float(rows.mass.sum()), _one_class(rows)
    if options.fit_intercept and math.isfinite(alone):
        at[0] = alone
        return [FoldFit(at, (), 0, 0.0, math.nan)] * len(l2s), 0
    if options.fit_intercept and not len(rows.offset):
        at[0] = logit(float(rows.mass @ rows.labels) / total)
    fits, n_products = [], 0
    for l2 in l2s:
        problem = SparseProblem(rows, l2, options.fit_intercept, total, options.tolerance, progress)
        optimum = find_sparse_optimum(problem, at, options.max_passes)
        at = optimum.evaluation.at
        n_products += optimum.n_products
        fits.append(FoldFit(at, (), len(optimum.passes), optimum.evaluation.bound / total, math.nan))
    return fits, n_products
