"""Where a fit of a table in memory with few rows for its columns begins: at its optimum, as solvers find it that form
no Hessian of all columns, the dual or, under an L1 penalty, working sets.

The passes that follow, which form the Hessian, are then one or two in place of ten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.dense_matrix import NONE
from logloss.data.rows import Array
from logloss.data.source import KeptSource
from logloss.data.sparse_rows import SparseRows
from logloss.training.best_intercept import best_intercept
from logloss.training.kept_rows import KeptRows
from logloss.training.sparse_lasso import find_lasso_optimum
from logloss.training.sparse_lasso_dual import duality_gap
from logloss.training.sparse_lasso_problem import LassoProblem
from logloss.training.sparse_lasso_step import Steps
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

if TYPE_CHECKING:
    from logloss.training.problem import Problem

# Of fewer columns a Hessian costs next to nothing.
FEWEST_COLUMNS = 300
# Under an L1 penalty working sets leave most columns out of what is formed: they are faster with more rows, too.
ROWS_OF_COLUMN = 4
# Of the tolerance, to which the step is right that ends at the dual point of a bound.
OF_STEP = 1e-3


def wide_start(problem: Problem, max_passes: int) -> tuple[Array | None, Problem]:
    """(The optimum in the solver's coordinates, shape (width,), the problem with a bound of such solvers); (None, the
    same problem) of other tables, and without a penalty."""
    design, times = problem.design, ROWS_OF_COLUMN if problem.l1 else 1
    is_penalised = problem.l1 > 0 or problem.l2 > 0
    if not (is_penalised and design.width >= FEWEST_COLUMNS and problem.n_rows < times * design.width):
        return None, problem
    rows = _rows_of(problem)
    if rows is None:
        return None, problem
    if not problem.l1 and problem.factors is None:
        own = SparseProblem(
            rows, problem.l2, problem.fit_intercept, problem.sum_weight, problem.tolerance, problem.progress
        )
        return _scaled(
            problem, find_sparse_optimum(own, np.zeros(1 + own.n_columns), max_passes).evaluation.at
        ), problem
    lasso = _lasso_of(problem, rows)
    start = np.zeros(1 + lasso.n_columns)
    if problem.fit_intercept:
        start[0] = best_intercept(rows, problem.base_rate)
    working = None if problem.l1 else np.arange(lasso.n_columns)
    at = find_lasso_optimum(lasso, start, max_passes, working).at
    return _scaled(problem, at), replace(problem, other_bound=lambda at: _gap_at(problem, lasso, at))


def _scaled(problem: Problem, at: Array) -> Array:
    """Intercept and coefficients of the columns as they are, in the solver's coordinates."""
    values = at.copy()
    values[0] += values[1:] @ problem.design.centre
    return values * problem.design.scale


def _lasso_of(problem: Problem, rows: SparseRows) -> LassoProblem:
    """The same under an L1 penalty, or factors of one."""
    factors = np.ones(rows.matrix.n_columns) if problem.factors is None else problem.factors[1:]
    return LassoProblem(
        rows,
        problem.l1 * factors,
        problem.l2 * factors,
        problem.fit_intercept,
        problem.sum_weight,
        problem.tolerance,
        problem.progress,
    )


def _gap_at(problem: Problem, lasso: LassoProblem, at: Array) -> float:
    """The duality gap at some coefficients in the solver's coordinates; its dual point is where the next step ends."""
    values = at / problem.design.scale
    values[0] -= values[1:] @ problem.design.centre
    now = lasso.evaluated(values)
    places = np.flatnonzero((values[1:] != 0) | lasso.is_free)
    inside = np.concatenate([[0], 1 + places])
    step = np.zeros(len(values))
    own = lasso.taken(places)
    step[inside] = Steps(own, OF_STEP * lasso.most, is_last=True).at(own.evaluated(values[inside]), 1.0)[0]
    return duality_gap(lasso, now, step).bound


def _rows_of(problem: Problem) -> SparseRows | None:
    """All rows of a matrix in memory with what stands beside them; None of other tables."""
    if not isinstance(problem.source, KeptSource) or problem.face or problem.blocks:
        return None
    blocks = problem.source.kept_blocks(problem.roles)
    columns = [block.features[0] for block in blocks]
    is_matrix = all(
        len(block.features) == 1 and column.is_matrix for block, column in zip(blocks, columns, strict=True)
    )
    if not is_matrix or 1 + columns[0].values.shape[1] != problem.design.width:
        return None
    if any(column.missing is not None for column in columns):
        return None
    kept = KeptRows(tuple(blocks), problem.design)
    has_mass = any(block.sample_weight is not None or block.counts is not None for block in blocks)
    has_offset = any(block.offset is not None for block in blocks)
    return SparseRows.of(
        np.concatenate([column.values for column in columns]),
        np.concatenate([block.y_true for block in blocks]),
        kept.weights * kept.counts if has_mass else NONE,
        kept.offsets if has_offset else NONE,
    )
