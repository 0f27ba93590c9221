"""Where a fit of a table in memory with fewer rows than columns begins: at its optimum, as the dual finds it.

The passes that follow, which form the Hessian, are then one or two in place of ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logloss.data.dense_matrix import NONE
from logloss.data.rows import Array
from logloss.data.source import KeptSource
from logloss.data.sparse_rows import SparseRows
from logloss.training.kept_rows import KeptRows
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

if TYPE_CHECKING:
    from logloss.training.problem import Problem

# Of fewer columns a Hessian costs next to nothing.
FEWEST_COLUMNS = 300


def wide_start(problem: Problem, max_passes: int) -> Array | None:
    """The optimum in the solver's coordinates, shape (width,); None of other tables, and without an L2 penalty alone."""
    design = problem.design
    if problem.l1 or not problem.l2 > 0 or not FEWEST_COLUMNS <= design.width > problem.n_rows:
        return None
    rows = _rows_of(problem)
    if rows is None:
        return None
    own = SparseProblem(
        rows, problem.l2, problem.fit_intercept, problem.sum_weight, problem.tolerance, problem.progress
    )
    values = find_sparse_optimum(own, np.zeros(1 + own.n_columns), max_passes).evaluation.at.copy()
    values[0] += values[1:] @ design.centre
    return values * design.scale


def _rows_of(problem: Problem) -> SparseRows | None:
    """All rows of a matrix in memory with what stands beside them; None of other tables."""
    if not isinstance(problem.source, KeptSource) or problem.face or problem.blocks:
        return None
    blocks = problem.source.kept_blocks(problem.roles)
    columns = [block.features[0] for block in blocks]
    is_matrix = all(len(block.features) == 1 and column.is_matrix for block, column in zip(blocks, columns, strict=True))
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
