"""The solver of sparse tables: Newton's method whose steps are found by conjugate gradients, one walk for each product.

A step is the approximate minimum of the local quadratic, truncated by Nash and Sofer's rule. The preconditioner is the
diagonal of the Hessian, mixed with the penalty (Hsia, Chiang and Lin 2018), and, once products have cost as much as
forming it, the Hessian's own block of the columns in which it outweighs the penalty most: frequent words of a text,
all columns of a narrow table.

Hsia, C.-Y., Chiang, W.-L. & Lin, C.-J. (2018). Preconditioned conjugate gradient methods in truncated Newton
frameworks for large-scale linear classification. Proceedings of Machine Learning Research 95, 312-326.
Nash, S. G. & Sofer, A. (1990). Assessing a search direction within a truncated-Newton method. Operations Research
Letters 9(4), 219-221. doi:10.1016/0167-6377(90)90065-D
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.dense_matrix import frozen
from logloss.data.rows import Array
from logloss.data.sparse_rows import SparseRows
from logloss.onepass.kernels import csr_rows, exact
from logloss.onepass.kernels.losses import losses_along
from logloss.onepass.kernels.newton_rules import ROUNDING, rounding_of_objective
from logloss.onepass.summaries.sparse_sums import (
    HeavyColumns,
    SparseBlockSummary,
    SparseDirection,
    SparseGradientSummary,
    SparseProductSummary,
)
from logloss.training.certificate import Pass
from logloss.training.dual_newton import DualNewton, has_dual
from logloss.training.sparse_passes import SparsePasses

# Conjugate gradients end once a product gains less than this share of the mean gain of a product of the step.
LEAST_SHARE = 0.2
MOST_PRODUCTS = 200
# Of the diagonal such a share, the rest of the penalty: Hsia et al. (2018), section 4.
SHARE_OF_DIAGONAL = 0.01
# A block of the Hessian has one of so many columns.
BLOCK_COLUMNS = (32, 64, 128, 256, 512, 1024, 2048)
# In nanoseconds, which decide only how many columns it has and when it is formed: of a value in a product, of a pair of
# entries of a row in a block, and of a multiplication in its factor.
OF_VALUE, OF_PAIR, OF_FACTOR = 4.0, 1.0, 0.04
# A block that is there is formed anew once products since then have cost so many times as much.
TIMES_TO_RENEW = 2.0
# A step in the dual that leaves more of the bound than such a share is the last one.
SHARE_LEFT_BY_DUAL = 0.1
# Where all of a step does not make such a share of the gain that the gradient promises (Armijo), these lengths of it
# are tried, and then such multiples of the best one.
LEAST_GAIN, LENGTHS, NEARBY = 1e-4, 2.0 ** -np.arange(1.0, 41.0), 2.0 ** np.linspace(-0.75, 0.75, 7)


@dataclass(frozen=True, eq=False)
class SparseProblem(SparsePasses):
    """What is minimised, and until when; vectors have the intercept first.

    sum_weight: of the rows. tolerance: in nats per row. on_pass: called with each pass that evaluates the loss.
    """

    rows: SparseRows
    l2: float
    fit_intercept: bool
    sum_weight: float
    tolerance: float
    progress: Callable[[Any], None] | None = None
    on_pass: Callable[[Pass], None] | None = None

    def evaluated(self, at: Array) -> SparseEvaluation:
        """Loss, gradient and bound at a point."""
        sums, gradient, curvatures = self.sums_at(at, self.l2)
        penalty = 0.5 * self.l2 * float(at[1:] @ at[1:])
        bound = duality_gap(sums, gradient, at, self.l2, fit_intercept=self.fit_intercept)
        # Where norms are beyond the floats, it is inf or no number.
        bound = min(sums.total_loss + penalty, bound)
        return SparseEvaluation(at, sums, gradient, penalty, bound, curvatures)

    def product(self, now: SparseEvaluation, direction: Array) -> Array:
        """The Hessian at a point times a direction: one walk."""
        along = SparseDirection(float(direction[0]), frozen(direction[1:]), now.curvatures)
        sums = self.summarised(SparseProductSummary.empty(along))
        out = np.empty(len(direction))
        out[0] = sums.of_intercept if self.fit_intercept else 0.0
        np.multiply(direction[1:], self.l2, out=out[1:])
        out[1:] += sums.of_columns
        return out

    def told_of(self, now: SparseEvaluation) -> Pass:
        """The result of a pass, per row."""
        return self.told(now.at, now.sums.total_loss, now.bound, now.penalty)


@dataclass(frozen=True, eq=False, slots=True)
class SparseEvaluation:
    """What a pass has found at a point: its sums, the gradient of the objective, the bound in nats, summed."""

    at: Array
    sums: SparseGradientSummary
    gradient: Array
    penalty: float
    bound: float
    curvatures: Array

    @property
    def objective(self) -> float:
        """The summed loss and the penalty."""
        return self.sums.total_loss + self.penalty


@dataclass(frozen=True, eq=False, slots=True)
class SparseOptimum:
    """Where the passes ended. n_products: walks that multiplied the Hessian, beside the passes."""

    evaluation: SparseEvaluation
    passes: tuple[Pass, ...]
    n_products: int
    has_reached_limit: bool


def duality_gap(sums: SparseGradientSummary, gradient: Array, at: Array, l2: float, *, fit_intercept: bool) -> float:
    """Nats by which the objective can be above its minimum, rounding included: docs/certificate.md, "Sparse matrices".

    |g + δ·h + l2·w|² / (2·l2) + δ²·H, where δ makes the residuals add up to 0; norms of sums over rows are at most the
    sums of their norms.
    """
    of = sums.sums.tolist()
    units = (sums.n_additions + 8) * ROUNDING
    rounding = units * of[csr_rows.SIZE_OF_ROW] + ROUNDING * of[csr_rows.TERMS_OF_ROW]
    # What is computed of as many numbers as there are columns is right to so many roundings.
    length = float(np.linalg.norm(gradient[1:])) * (1.0 + len(at) * ROUNDING)
    length += rounding + 4.0 * ROUNDING * l2 * float(np.linalg.norm(at[1:]))
    added = 0.0
    if fit_intercept:
        curvature = of[csr_rows.CURVATURE]
        off = abs(of[csr_rows.RESIDUAL]) + units * of[csr_rows.SIZE] + ROUNDING * of[csr_rows.TERMS]
        # Not a number, too, where the sums are beyond the floats.
        if not off < curvature:
            return math.inf
        move = off / curvature * (1.0 + 2.0 * units)
        length += move * of[csr_rows.CURVATURE_OF_ROW] * (1.0 + 2.0 * units)
        added = move * off
    objective = sums.total_loss + 0.5 * l2 * float(at[1:] @ at[1:])
    return length * length / (2.0 * l2) + added + 2.0 * ROUNDING * objective


class Preconditioner:
    """An approximate inverse of the Hessian: by column, and from some product on with a block of heavy columns.

    heavy: columns of the largest curvatures, the largest first. costs: of a block of so many of them, by size.
    """

    def __init__(self, problem: SparseProblem) -> None:
        self.problem = problem
        self.n_products = 0
        self.diagonal: Array = np.ones(0)
        self.heavy: Array | None = None
        self.costs: dict[int, float] = {}
        self.block: Array = np.zeros(0, np.int64)
        self.factor: Any = None

    def update(self, now: SparseEvaluation, n_products: int) -> None:
        """For the next step, after so many products in the last one."""
        l2 = self.problem.l2
        own = now.sums.of_columns[:, 1]
        self.n_products += n_products
        # Where there are fewer rows than columns, the dual takes its place.
        if self.heavy is None and self.n_products and not has_dual(self.problem):
            self._choose(own)
        # The largest block that costs no more than the products since the last one, and is no smaller.
        spent = self.n_products * OF_VALUE * self.problem.rows.matrix.n_values
        times = 1.0 if self.factor is None else TIMES_TO_RENEW
        sizes = [size for size, cost in self.costs.items() if times * cost <= spent and size >= len(self.block)]
        if sizes:
            self._form_block(now, max(sizes))
        curvature = max(float(now.sums.sums[csr_rows.CURVATURE]), math.ulp(0.0))
        if self.factor is None:
            own = SHARE_OF_DIAGONAL * own - SHARE_OF_DIAGONAL * l2
        self.diagonal = np.concatenate([[curvature], own + l2])

    def _choose(self, own: Array) -> None:
        """The columns in which the curvature outweighs the penalty most, and what blocks of them cost."""
        problem = self.problem
        most = min(BLOCK_COLUMNS[-1], len(own))
        largest = np.argpartition(own, len(own) - most)[len(own) - most :] if most else np.zeros(0, int)
        largest = largest[own[largest] > problem.l2]
        self.heavy = largest[np.argsort(-own[largest], kind="stable")]
        sizes = sorted({min(size, len(largest)) for size in BLOCK_COLUMNS} - {0})
        pairs = problem.rows.matrix.pairs(frozen(self._places(self.heavy)), np.array(sizes, np.int64))
        self.costs = {size: OF_PAIR * n + OF_FACTOR / 3.0 * size**3 for size, n in zip(sizes, pairs, strict=True)}

    def _places(self, columns: Array) -> Array:
        """Of each column of the table its place in a block of some, from 1 on; 0 where it is not in it."""
        places = np.zeros(self.problem.n_columns, np.int32)
        places[columns] = np.arange(1, len(columns) + 1)
        return places

    def _form_block(self, now: SparseEvaluation, size: int) -> None:
        """The block of so many columns at a point, factored: one walk."""
        from scipy.linalg import LinAlgError, cho_factor

        problem = self.problem
        self.block = self.heavy[:size]  # type: ignore[index]
        places = frozen(self._places(self.block))
        matrix = problem.summarised(SparseBlockSummary.empty(HeavyColumns(places, size, now.curvatures))).matrix
        inside = np.arange(1, size + 1)
        matrix[inside, inside] += problem.l2
        if not problem.fit_intercept:
            matrix[0, :] = matrix[:, 0] = 0.0
            matrix[0, 0] = 1.0
        try:
            self.factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
        except LinAlgError:
            # Far from definite by its rounding, at a penalty next to nothing: the diagonal alone does.
            self.factor, self.costs = None, {}
        self.n_products = 0

    def solve(self, vector: Array) -> Array:
        """The inverse times a vector."""
        from scipy.linalg import cho_solve

        out = vector / self.diagonal
        if self.factor is not None:
            own = np.concatenate([[0], self.block + 1])
            out[own] = cho_solve(self.factor, vector[own], check_finite=False)
        return out


def truncated_newton(problem: SparseProblem, now: SparseEvaluation, inverse: Preconditioner) -> tuple[Array, int]:
    """(A step towards the minimum of the local quadratic, the products it took): preconditioned conjugate gradients."""
    step = np.zeros(len(now.at))
    left = -now.gradient
    solved = inverse.solve(left)
    along, square = solved, float(left @ solved)
    gained = 0.0
    for number in range(1, MOST_PRODUCTS + 1):
        product = problem.product(now, along)
        curvature = float(along @ product)
        if not curvature > 0.0:
            return step, number
        length = square / curvature
        step += length * along
        left -= length * product
        gain = 0.5 * length * square
        gained += gain
        if number * gain <= LEAST_SHARE * gained and number > 1:
            break
        solved = inverse.solve(left)
        square, before = float(left @ solved), square
        if not square > 0.0:
            break
        along = solved + (square / before) * along
    return step, number


def shortened(problem: SparseProblem, now: SparseEvaluation, step: Array, most: int) -> list[SparseEvaluation]:
    """Points along a step, at most so many: its end; if the objective falls too little there, a nearer one."""
    slope = float(now.gradient @ step)
    forgiven = rounding_of_objective(now.objective, float(np.abs(now.at[1:]) @ np.abs(now.gradient[1:])))
    end = problem.evaluated(now.at + step)
    if most < 2 or end.objective <= now.objective + LEAST_GAIN * slope + forgiven:
        return [end]
    return [end, problem.evaluated(now.at + best_length(problem, now, step) * step)]


def best_length(problem: SparseProblem, now: SparseEvaluation, step: Array) -> float:
    """The one of LENGTHS at which the objective is least: one walk, for the log-odds where the step begins and its own.

    Cost beside it: 4 ns a row and length.
    """
    rows = problem.rows
    at, along = (rows.matrix.logits(float(each[0]), each[1:]) for each in (now.at, step))
    if len(rows.offset):
        at += rows.offset
    at, along = frozen(at), frozen(along[None])
    of_both, of_step = float(now.at[1:] @ step[1:]), float(step[1:] @ step[1:])

    def best_of(lengths: Array) -> float:
        limbs = exact.new_limbs(len(lengths))
        is_left = losses_along(rows.labels, rows.mass, at, along, lengths, now.objective, limbs)
        losses = [exact.rounded(exact.as_integer(own), 1) for own in limbs]
        penalties = problem.l2 * lengths * (of_both + 0.5 * lengths * of_step)
        return float(lengths[np.argmin(np.where(is_left, losses + penalties, math.inf))])

    return best_of(NEARBY * best_of(LENGTHS))


def find_sparse_optimum(problem: SparseProblem, start: Array, max_passes: int) -> SparseOptimum:
    """Passes from a start until the bound is within the tolerance, no step helps, or as many as are allowed."""
    now = problem.evaluated(start)
    passes, n_products, n_of_step = [problem.told_of(now)], 0, 0
    inverse, dual = Preconditioner(problem), DualNewton(problem)
    while now.bound > problem.tolerance * problem.sum_weight:
        if len(passes) >= max_passes:
            return SparseOptimum(now, tuple(passes), n_products, has_reached_limit=True)
        is_dual = dual.is_worth(n_products)
        if is_dual:
            step, n_of_step = dual.step(now)
        else:
            inverse.update(now, n_of_step)
            step, n_of_step = truncated_newton(problem, now, inverse)
        n_products += n_of_step
        tried = shortened(problem, now, step, max_passes - len(passes))
        passes += map(problem.told_of, tried)
        then = tried[-1]
        # Products of rows are rounded: what is left is for conjugate gradients.
        dual.has_failed |= is_dual and not then.bound < SHARE_LEFT_BY_DUAL * now.bound
        # At the end of float64 the objective no longer falls, though the gradient may.
        if then.objective < now.objective or then.bound < now.bound:
            now = then
        elif not is_dual:
            is_last = len(tried) == 1 and len(passes) >= max_passes
            return SparseOptimum(now, tuple(passes), n_products, has_reached_limit=is_last)
    return SparseOptimum(now, tuple(passes), n_products, has_reached_limit=False)
