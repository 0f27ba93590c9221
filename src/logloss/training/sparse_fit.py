"""fit() of a matrix, sparse or of many columns: labels and weights beside it, the passes, the model.

>>> import logloss, scipy.sparse
>>> logloss.fit(scipy.sparse.csr_array([[0.0], [1.0], [2.0], [3.0]]), [0, 1, 0, 1], l2=1.0).n_features
1
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.data.binding import MATRIX, bind
from logloss.data.block import Block
from logloss.data.checks.labels import Coding, judge_coding
from logloss.data.columns import as_column
from logloss.data.dense_matrix import frozen
from logloss.data.request import RowOptions
from logloss.data.rows import Array, Column, Roles, positive_text
from logloss.data.source import MemorySource
from logloss.data.sparse_rows import SparseRows, check_shape
from logloss.errors import ConvergenceWarning, DataError, warn
from logloss.text import count, counted, significant
from logloss.training.best_intercept import best_intercept
from logloss.training.certificate import Certificate, Pass
from logloss.training.fit_options import FitOptions
from logloss.training.fitted import classes_of
from logloss.training.interruptible import told_of_waiting
from logloss.training.matrix_input import MatrixInput, is_wide
from logloss.training.penalty_factors import factors_of_matrix
from logloss.training.problem import NEAR_MINIMUM
from logloss.training.recipe import MOST_COEFFICIENTS, check_classes
from logloss.training.sparse_lasso import find_lasso_optimum
from logloss.training.sparse_lasso_problem import LassoProblem
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum
from logloss.training.wide_model import WideModel

# Without a penalty a matrix of at most so many bytes is made dense.
MOST_DENSE = 1 << 29


@dataclass(frozen=True, slots=True)
class BesideMatrix:
    """What stands beside a matrix, one value a row, checked.

    n_rows: those that take part, as often as they count. n_positive: of these; None where labels are shares or rows
    have weights. blocks: the rows that take part, without features.
    """

    roles: Roles
    labels: Array
    mass: Array
    offset: Array
    coding: Coding
    n_rows: int
    n_positive: int | None
    blocks: tuple[Block, ...]

    @property
    def sum_weight(self) -> float:
        """The weight of all rows."""
        return float(len(self.labels)) if not len(self.mass) else float(self.mass.sum())

    @property
    def base_rate(self) -> float:
        """The mean label."""
        if not len(self.mass):
            return float(self.labels.mean())
        return float(self.mass @ self.labels) / self.sum_weight


def refuse_beside_matrix(X: Any, given: Mapping[str, object]) -> None:
    """Refuse options that need a Hessian of all columns. given: by name; None, () and {} are as if left out."""
    what, then = "a sparse matrix", "A dense array, X.toarray(), has it if it fits in memory"
    if is_wide(X):
        what, then = f"an array of {count(MOST_COEFFICIENTS)} columns or more", "Choose fewer columns"
    for name, value in given.items():
        if value is None or (isinstance(value, tuple | dict) and not value):
            continue
        raise DataError(
            f"`{name}` is not available for {what}, which is fitted with l1=, l2=, penalty_factors=, sample_weight=, "
            f"counts=, offset= and fit_intercept=. {then}; else leave it out."
        )


def is_fitted_dense(X: Any, options: FitOptions) -> bool:
    """Whether a matrix is fitted with a Hessian of all columns: without a penalty, where that is small."""
    check_shape(X)
    if options.l2 > 0 or options.l1 > 0 or options.grid is not None:
        return False
    size = 8 * X.shape[0] * X.shape[1]
    if X.shape[1] < MOST_COEFFICIENTS and size <= MOST_DENSE:
        return True
    if is_wide(X):
        raise DataError(
            f"a penalty is needed: without one a Hessian of all coefficients is formed, of {count(MOST_COEFFICIENTS)} "
            f"at most; `X` has {counted(X.shape[1], 'column')}. Pass l2= (such as l2=1) or l1=."
        )
    raise DataError(
        "a penalty is needed: without one a sparse matrix is fitted as a dense one, of at most "
        f"{count(MOST_COEFFICIENTS)} columns and {MOST_DENSE >> 20} MB; `X` has {counted(X.shape[1], 'column')} and "
        f"takes {significant(size / 2**20)} MB. Pass l2= (such as l2=1) or l1=."
    )


def dense_rows(given: MatrixInput) -> tuple[Any, Any, list[str] | None]:
    """(Rows, labels, names of features) as dense rows are fitted: a table where columns have names of their own."""
    rows = given.matrix.toarray()
    if given.columns.first_index is None and not given.columns.names:
        return rows, given.labels, None
    columns = {"y_true": as_column(given.labels, "y_true"), MATRIX: Column(rows, names=tuple(given.columns))}
    return MemorySource(columns), "y_true", [MATRIX]


def beside_matrix(X: Any, y_true: Any, requested: RowOptions) -> BesideMatrix:
    """Labels, weights and offsets of the rows of a matrix."""
    from logloss.onepass.run import blocks_in_order
    from logloss.onepass.summaries.contract import mass_of, times_of

    n_rows = X.shape[0]
    if isinstance(y_true, str):
        raise DataError("labels of a matrix must be an array, one for each row; got a name.")
    if n_rows == 0:
        raise DataError("expected at least one row; `X` has none.")
    # A matrix of no columns stands for it where lengths are compared.
    source, roles = bind(y_true, requested, features=np.empty((n_rows, 0)))
    blocks: list[Block] = []
    blocks_in_order(source, roles, blocks.append)
    coding: Coding = frozenset().union(*(block.coding for block in blocks))
    judge_coding(coding, roles)
    n_taking_part = sum(map(times_of, blocks))
    if not n_taking_part:
        raise DataError(f"expected at least one row with a weight above 0; all {n_rows:,} rows have weight 0.")
    has_mass = roles.sample_weight is not None or roles.counts is not None
    is_soft = any(block.y_true.dtype != np.uint8 for block in blocks)
    labels = np.zeros(n_rows, np.float64 if is_soft else np.uint8)
    mass, offset = np.zeros(n_rows if has_mass else 0), np.zeros(n_rows if roles.offset is not None else 0)
    for block in blocks:
        own = slice(block.first_row, block.first_row + block.n_rows)
        where: Any = own if block.rows is None else block.first_row + block.rows
        labels[where] = block.y_true
        if has_mass:
            mass[where] = mass_of(block)
        if block.offset is not None:
            offset[where] = block.offset
    is_counted = not is_soft and roles.sample_weight is None
    n_positive = int(mass @ labels if has_mass else labels.sum()) if is_counted else None
    return BesideMatrix(roles, labels, mass, offset, coding, n_taking_part, n_positive, tuple(blocks))


def sparse_model(
    given: MatrixInput, requested: RowOptions, options: FitOptions, *, start: object, on_pass: Any
) -> WideModel:
    """The fit of a matrix, sparse or an array, with an L1 or L2 penalty."""
    from logloss.onepass.run import blas_on_one_thread

    with blas_on_one_thread(), told_of_waiting(requested.progress):
        beside = beside_matrix(given.matrix, given.labels, requested)
        check_classes(beside.base_rate, beside.sum_weight, beside.n_rows, fit_intercept=options.fit_intercept)
        rows = SparseRows.of(given.matrix, beside.labels, beside.mass, beside.offset)
        factors = factors_of_matrix(options.penalty_factors, given.columns)
        if options.l1 or factors is not None:
            model = _lasso_model(rows, beside, requested, options, factors, start=start, on_pass=on_pass)
        else:
            model = _ridge_model(rows, beside, requested, options, start=start, on_pass=on_pass)
        deviations = rows.matrix.standard_deviations(rows.mass, beside.sum_weight)
    return replace(
        model,
        standard_deviations=frozen(deviations),
        feature_names=given.columns.names,
        first_index=given.columns.first_index,
        notes=(*given.notes, *model.notes),
    )


def _ridge_model(
    rows: SparseRows, beside: BesideMatrix, requested: RowOptions, options: FitOptions, *, start: object, on_pass: Any
) -> WideModel:
    """The fit with an L2 penalty."""
    problem = SparseProblem(
        rows,
        options.l2,
        options.fit_intercept,
        beside.sum_weight,
        options.tolerance,
        requested.progress,
        on_pass,
    )
    optimum = find_sparse_optimum(problem, _start_of(problem, beside, start), options.max_passes)
    now = optimum.evaluation
    ended = _Ended(now.at, now.sums.total_loss, now.bound, optimum.passes, optimum.n_products)
    return _model_of(problem, beside, ended, options, has_reached_limit=optimum.has_reached_limit)


def _lasso_model(
    rows: SparseRows,
    beside: BesideMatrix,
    requested: RowOptions,
    options: FitOptions,
    factors: Array | None,
    *,
    start: object,
    on_pass: Any,
) -> WideModel:
    """The fit with an L1 penalty, or one that differs between columns."""
    each = np.ones(rows.matrix.n_columns) if factors is None else factors
    problem = LassoProblem(
        rows,
        options.l1 * each,
        options.l2 * each,
        options.fit_intercept,
        beside.sum_weight,
        options.tolerance,
        requested.progress,
        on_pass,
    )
    at = _start_of(problem, beside, start)
    # Without an L1 penalty no coefficient is 0.
    working = None if options.l1 else np.arange(problem.n_columns)
    optimum = find_lasso_optimum(problem, at, options.max_passes, working)
    ended = _Ended(optimum.at, optimum.total_loss, optimum.bound, optimum.passes, optimum.n_inner)
    least, notes = optimum.least_of_zeros, []
    is_optimum = optimum.bound <= max(problem.tolerance, NEAR_MINIMUM) * problem.sum_weight
    if options.l1 and least is not None and is_optimum and not optimum.at[1:][~problem.is_free].any():
        of = "penalised coefficient" if problem.is_free.any() else "coefficient"
        notes = [f"every {of} is 0, as with any l1 of at least {significant(least * options.l1)}"]
    is_limited = optimum.has_reached_limit
    return _model_of(problem, beside, ended, options, factors=factors, notes=tuple(notes), has_reached_limit=is_limited)


@dataclass(frozen=True, eq=False, slots=True)
class _Ended:
    """Where a fit ended; total_loss, bound: nats, summed. n_products: walks beside the passes."""

    at: Array
    total_loss: float
    bound: float
    passes: tuple[Pass, ...]
    n_products: int


def _start_of(problem: SparseProblem | LassoProblem, beside: BesideMatrix, model: object) -> Array:
    """Where to begin: at coefficients, a model of as many columns, or all 0 and the intercept that is best then."""
    if isinstance(model, np.ndarray):
        return model
    at = np.zeros(1 + problem.n_columns)
    if isinstance(model, WideModel) and (model.n_features, model.fit_intercept) == (
        problem.n_columns,
        problem.fit_intercept,
    ):
        at[0], at[1:] = model.intercept, model.coef
    elif problem.fit_intercept:
        at[0] = best_intercept(problem.rows, beside.base_rate)
    return at


def _model_of(
    problem: SparseProblem | LassoProblem,
    beside: BesideMatrix,
    ended: _Ended,
    options: FitOptions,
    *,
    has_reached_limit: bool,
    factors: Array | None = None,
    notes: tuple[str, ...] = (),
) -> WideModel:
    roles = beside.roles
    bound = ended.bound / problem.sum_weight
    if bound > problem.tolerance:
        warn(_why_not_certified(ended, problem.tolerance, bound, has_reached_limit), ConvergenceWarning)
    coef = frozen(ended.at[1:].copy())
    return WideModel(
        intercept=float(ended.at[0]),
        coef=coef,
        log_loss=ended.total_loss / problem.sum_weight,
        certificate=Certificate(bound, math.isfinite(bound)),
        passes=ended.passes,
        n_products=ended.n_products,
        l2=options.l2,
        l1=options.l1,
        penalty_factors=frozen(np.zeros(0) if factors is None else factors),
        n_rows=beside.n_rows,
        n_values=problem.rows.matrix.n_values,
        sum_weight=problem.sum_weight,
        base_rate=beside.base_rate,
        positive=positive_text(roles),
        fit_intercept=problem.fit_intercept,
        has_offset=roles.offset is not None,
        n_positive=beside.n_positive,
        classes=classes_of(roles, beside.coding),
        notes=notes,
    )


def _why_not_certified(ended: _Ended, tolerance: float, bound: float, has_reached_limit: bool) -> str:
    """Why the passes ended before the bound was within the tolerance."""
    n_passes = counted(len(ended.passes), "pass", "passes")
    got = f"it is certified to be at most {bound:.1g} nats per row above the minimum"
    why = f"the fit stopped after {n_passes}, as no step lowers the loss any more in float64 arithmetic"
    then = "More passes do not help: rescale the columns, or raise the penalty or `tolerance`."
    if has_reached_limit:
        why, then = f"the fit stopped at the limit of {n_passes}", "Raise `max_passes`, or look at `model.passes`."
    return f"{why}: {got} (`tolerance` is {tolerance:.1g}). {then}"
