"""The fits of a penalty path of a matrix of many columns in every fold; rows that do not train have weight 0, without
a copy.

Each fold goes along the path from the strongest penalty, each fit begun where the one before ended; under an L1 penalty
so do all rows together.

>>> import numpy as np, scipy.sparse
>>> from logloss.training.fold_choice import fold_choice
>>> rows = scipy.sparse.csr_array(np.arange(12.0)[:, None] % 5)
>>> folds = fold_choice(3, 12)
>>> given = MatrixInput(rows, np.arange(12) % 2, MatrixColumns(1))
>>> fits = sparse_path_fits(given, RowOptions(), folds, PathGrid((10.0, 0.1)), FitOptions())
>>> len(fits.strengths), len(fits.folds), fits.points[0].l2
(2, 3, 10.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.block import Block
from logloss.data.dense_matrix import DenseMatrix, frozen
from logloss.data.matrix_columns import MatrixColumns
from logloss.data.request import RowOptions
from logloss.data.rows import Array
from logloss.data.sparse_rows import CsrMatrix, SparseRows
from logloss.errors import DataError
from logloss.onepass.kernels import losses
from logloss.onepass.summaries.fold_rows import row_numbers
from logloss.training.fit_options import FitOptions
from logloss.training.fold_choice import FoldChoice, fold_choice, folds_text, kind_of, rule_of
from logloss.training.fold_fits import FoldFit, PathFits, columns_kept, points_of, warn_of_bounds
from logloss.training.interruptible import told_of_waiting
from logloss.training.matrix_input import MatrixInput
from logloss.training.path_grid import N_VALUES, PathGrid, Run, run_of
from logloss.training.penalty_factors import factors_of_matrix
from logloss.training.penalty_path import PenaltyPath, grid_of
from logloss.training.sparse_fit import BesideMatrix, beside_matrix
from logloss.training.sparse_fold import NONE, KeptCoefficients, SparseFits, SparseFold

if TYPE_CHECKING:
    from logloss.onepass.summaries import FoldRule


@dataclass(frozen=True, eq=False)
class SparseFoldPaths:
    """The models of all folds, by fold and value of the penalty; `HeldOutPaths` of a sparse matrix."""

    rule: FoldRule
    coefficients: list[list[KeptCoefficients]]
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
        for fit, own in zip(self.coefficients[fold], costs, strict=True):
            logits = matrix.logits(fit.intercept, fit.full())
            if block.offset is not None:
                logits += block.offset
            of_rows(block.y_true, logits, None, logits, own)
        return costs.T.copy()


@dataclass(frozen=True, eq=False)
class SparsePathFits(PathFits):
    """The fits of a path of a sparse matrix; those of all rows are made under an L1 penalty only.

    coefficients: of each fold at each value. of_all_rows: at each value. columns, deviations: their names, and the
    standard deviation of each.
    """

    coefficients: list[list[KeptCoefficients]]
    of_all_rows: list[KeptCoefficients]
    columns: MatrixColumns
    deviations: Array

    @property
    def n_coefficients(self) -> int:
        """How many columns there are."""
        return self.columns.n

    def coefficients_of(self, fold: int, number: int) -> tuple[float, Array]:
        """(Intercept, coefficients) of the fit of a fold."""
        own = self.coefficients[fold][number]
        return own.intercept, own.full()

    def chosen(self, path: PenaltyPath) -> Array:
        """The intercept and the coefficients of the fit to all rows at the chosen value."""
        number = next(j for j, each in enumerate(self.strengths) if each[:2] == (path.l1, path.l2))
        own = self.of_all_rows[number]
        return np.append([own.intercept], own.full())

    def _with_coefficients(self, path: PenaltyPath) -> PenaltyPath:
        """With the coefficients of the fits to all rows that are anywhere not 0, the largest if they are many."""
        largest = np.zeros(self.n_coefficients)
        for each in self.of_all_rows:
            each.raise_to_sizes(largest)
        used = np.flatnonzero(largest)
        kept = used[columns_kept(largest[used] * self.deviations[used], len(self.of_all_rows))]
        names = tuple(self.columns.name(k) for k in kept.tolist())
        values = tuple(tuple(each.at(kept).tolist()) for each in self.of_all_rows) if names else ()
        return replace(path, names=names, coefficients=values)


def sparse_path_fits(
    given: MatrixInput, requested: RowOptions, choice: FoldChoice, grid: PathGrid, options: FitOptions
) -> SparsePathFits:
    """Every fold fitted at each penalty that is asked for, or those that suit the data; losses of held-out rows.

    Memory: the coefficients of every fit that are not 0.
    """
    from logloss.onepass.run import blas_on_one_thread
    from logloss.onepass.summaries import FoldKeySummary, HeldOutSummary

    by = None if choice.is_numbered else {"cv": choice.column}
    with blas_on_one_thread(), told_of_waiting(requested.progress):
        beside = beside_matrix(given.matrix, given.labels, replace(requested, by=by))
        seen = FoldKeySummary(kind_of(choice, has_cluster=False), choice.n_folds)
        for block in beside.blocks:
            seen = seen.merge(seen.of_block(block))
        rule = rule_of(choice, seen)
        cells = np.zeros(len(beside.labels), np.int64)
        for block in beside.blocks:
            cells[row_numbers(block)] = rule.cells(block)
        rows = SparseRows.of(given.matrix, beside.labels, beside.mass, beside.offset)
        if rows.matrix.n_rows < len(cells):
            raise DataError("rows of weight 0 hold what is no number; leave them out to choose a penalty from a path.")
        mass = rows.mass if len(rows.mass) else np.ones(len(cells))
        factors = factors_of_matrix(options.penalty_factors, given.columns)
        all_rows = SparseFold(replace(rows, mass=frozen(mass)), options, factors, requested.progress)
        runs, n_walks = _runs(all_rows, beside, grid)
        strengths = tuple(strength for run in runs for strength in run)
        own = [
            replace(all_rows, rows=replace(rows, mass=frozen(mass * rule.train[cells, fold])))
            for fold in range(rule.n_folds)
        ]
        folds = [each.along(runs) for each in own]
        # Which coefficients an L1 penalty leaves is told of the fits to all rows.
        has_l1 = any(strength.l1 for strength in strengths)
        of_all = all_rows.along(runs) if has_l1 else SparseFits()
        n_walks += of_all.n_walks + sum(each.n_walks for each in folds)
        unit = math.ldexp(1.0, math.frexp(beside.sum_weight / beside.n_rows)[1])
        coefficients = [each.coefficients for each in folds]
        held_out = HeldOutSummary.empty(SparseFoldPaths(rule, coefficients, rows.matrix, unit))
        for block in beside.blocks:
            held_out = held_out.merge(held_out.of_block(block))
        deviations = rows.matrix.standard_deviations(rows.mass, beside.sum_weight) if has_l1 else NONE
    fits = [each.fits for each in folds]
    warn_of_bounds(
        [fit for fold in fits for fit in fold], options.tolerance, options.max_passes, "the folds", "held-out"
    )
    # Without an L1 penalty no coefficient is 0.
    known = of_all.fits or [FoldFit(NONE, (), 0, 0.0, math.nan, rows.matrix.n_columns)] * len(strengths)
    return SparsePathFits(
        None,  # type: ignore[arg-type]
        strengths,
        fits,
        known,
        rule,
        held_out,
        points_of(strengths, fits, known, held_out),
        sum(math.isfinite(each.of_one_class) for each in own),
        n_walks,
        folds_text(choice, ()),
        "row",
        coefficients,
        of_all.coefficients,
        given.columns,
        deviations,
    )


def _runs(all_rows: SparseFold, beside: BesideMatrix, grid: PathGrid) -> tuple[tuple[Run, ...], int]:
    """(The strengths for each ratio, asked for or as they suit the data, from the strongest; walks that this took)."""
    values = grid.values
    if grid.runs or isinstance(values, tuple):
        runs = grid.runs
        if isinstance(values, tuple):
            runs = tuple(run_of(values, ratio) for ratio in grid.l1_ratios)
        if any(not (each.l1 or each.l2) for run in runs for each in run):
            raise DataError("a path of a sparse matrix needs penalties above 0: leave l2=0 (C=inf) out.")
        return runs, 0
    n_values, n_walks = None if isinstance(values, bool) else values, 0
    of_l1: tuple[float, ...] = ()
    if any(grid.l1_ratios):
        of_l1, n_walks = all_rows.values_of_l1(n_values or N_VALUES, beside.n_rows)
    of_l2 = () if all(grid.l1_ratios) else _values_of_l2(all_rows, beside, n_values)
    return tuple(run_of(of_l1 if ratio else of_l2, ratio) for ratio in grid.l1_ratios), n_walks


def _values_of_l2(all_rows: SparseFold, beside: BesideMatrix, n_values: int | None) -> tuple[float, ...]:
    """The values of l2 that suit the data: by the diagonal of the null model's Hessian.

    That of the slopes, the intercept eliminated, is weight · base rate · (1 − base rate) · variance of each column. Of
    columns that are seldom together the Hessian is nearly diagonal.
    """
    total, rate, rows = beside.sum_weight, beside.base_rate, all_rows.rows
    squares = total * rate * (1.0 - rate) * rows.matrix.standard_deviations(rows.mass, total) ** 2
    return grid_of(squares[squares > 0], n_values)


def chosen_path(
    given: MatrixInput, requested: RowOptions, options: FitOptions, grid: PathGrid, cv: Any
) -> tuple[PenaltyPath, Array | None]:
    """(The path of penalties of a sparse matrix with its choice, by the log loss of held-out rows; the coefficients of
    all rows there, where they are known)."""
    fits = sparse_path_fits(given, requested, fold_choice(cv, given.matrix.shape[0]), grid, options)
    path = fits.path(options.selection)
    return path, fits.chosen(path) if fits.of_all_rows else None
