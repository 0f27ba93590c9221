"""Proximal Newton on the columns of a working set: few enough to hold, though they may be thousands.

Each step is the least of the local quadratic plus the absolute values. Of few columns the Hessian is formed, and
`lasso_step.least_of` finds it. Of many, coordinate descent goes along the columns, the intercept being where the
quadratic is least at any time, and conjugate gradients then find the last digits among coefficients whose signs no
longer change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.data.dense_matrix import frozen
from logloss.data.rows import Array
from logloss.onepass.kernels import csc_columns, csr_rows
from logloss.onepass.kernels.newton_rules import ROUNDING, rounding_of_objective
from logloss.onepass.run import map_and_merge
from logloss.onepass.summaries.hessian import Hessian
from logloss.onepass.summaries.sparse_sums import HeavyColumns, SparseBlockSummary
from logloss.training.interruptible import tick
from logloss.training.lasso import HELD, expected_gain, gain_of_step
from logloss.training.lasso_step import Quadratic, least_of
from logloss.training.sparse_lasso_problem import LassoPoint, LassoProblem

# The Hessian is formed of so many columns at most, where its pairs are at most so many times the values of these.
MOST_FORMED, PAIRS_OF_VALUE = 256, 16.0
# Steps on one working set, and halvings of one; the share of the expected gain that a step must make (Armijo).
MOST_STEPS, MOST_HALVINGS, LEAST_GAIN = 100, 40, 1e-4
# After so many halvings, as where hardly a row has any curvature, a step is shortened by more each time.
MOST_BY_HALF, SHORTENED = 12, 16.0
# What the curvature is multiplied with after steps that were too long is so much less after one that was not.
EASED = 4.0
# Coordinate descent: sweeps, and the share of what the step before gained that a sweep must gain.
MOST_SWEEPS, SHARE_OF_SWEEP = 400, 1e-3
# Conjugate gradients: products, and the share of what is left to gain at which they end. Where the step may be the last
# one, the bound has the objective times the share of l1 that is left of a column: this is such a part of the tolerance.
MOST_PRODUCTS, SHARE_LEFT, PART_LEFT = 500, 1e-3, 0.05
# A step that gains at most so many times the goal may be the last one; a formed one ends so far below the goal.
NEARLY, BELOW = 100.0, 0.01


@dataclass(frozen=True, eq=False, slots=True)
class Descended:
    """Where the steps on a working set ended, and the step that would be next there, with what it would gain."""

    point: LassoPoint
    step: Array
    decrement: float
    n_walks: int


def descend(problem: LassoProblem, start: Array, goal: float, *, is_last: bool = True) -> Descended:
    """Steps until the next one would gain at most `goal` nats, or none lowers the objective.

    is_last: whether the distance from the minimum is then bounded by the next one.
    """
    now, n_walks = problem.evaluated(start), 1
    steps = Steps(problem, goal, is_last=is_last)
    before, times = math.inf, 1.0
    for number in range(MOST_STEPS + 1):
        step, decrement, n = steps.at(now, times)
        n_walks += n
        # At the end of float64 what is left to gain stirs.
        is_rounding = decrement <= 1e-15 * now.objective and decrement > 0.25 * before
        if times == 1.0 and (decrement <= steps.goal or is_rounding or number == MOST_STEPS):
            break
        then, length, n = _moved(problem, now, step, decrement)
        n_walks += n
        if then is None:
            break
        # A step that is too long was one by too little curvature.
        times = max(times / EASED, 1.0) if length == 1.0 else times / length
        if times * decrement <= steps.goal:
            times = 1.0
        now, before = then, decrement
        tick()
    return Descended(now, step, decrement, n_walks)


def _moved(
    problem: LassoProblem, now: LassoPoint, step: Array, decrement: float
) -> tuple[LassoPoint | None, float, int]:
    """(The first point along a step, halved each time, that is low enough, or None; its length; walks)."""
    terms = float(np.abs(now.at[1:]) @ np.abs(now.gradient[1:]))
    forgiven = rounding_of_objective(now.objective, terms)
    length = 1.0
    for number in range(1, MOST_HALVINGS + 1):
        then = problem.evaluated(now.at + length * step)
        if then.objective <= now.objective - LEAST_GAIN * length * decrement + forgiven:
            return then, length, number
        length /= 2.0 if number < MOST_BY_HALF else SHORTENED
    return None, length, MOST_HALVINGS


class Steps:
    """The steps on a working set: by the Hessian of its columns, or along them."""

    def __init__(self, problem: LassoProblem, goal: float, *, is_last: bool) -> None:
        self.problem = problem
        self.share_left = PART_LEFT * problem.most if is_last else math.inf
        n_columns, matrix = problem.n_columns, problem.rows.matrix
        self.is_formed = n_columns <= MOST_FORMED
        self.places = frozen(np.arange(1, n_columns + 1, dtype=np.int32))
        if self.is_formed:
            pairs = matrix.pairs(self.places, np.array([n_columns]))
            self.is_formed = float(pairs[0]) <= PAIRS_OF_VALUE * (matrix.n_values + matrix.n_rows)
        if not self.is_formed:
            self.columns = matrix.by_columns()
            self.scaled = np.empty(len(self.columns[2]))
        self.goal = BELOW * goal if self.is_formed else goal
        self.gained = 0.0

    def at(self, now: LassoPoint, times: float) -> tuple[Array, float, int]:
        """(The step from a point by so many times the curvature, what it is expected to gain in nats, walks)."""
        return self._formed(now, times) if self.is_formed else self._along_columns(now, times)

    def _formed(self, now: LassoPoint, times: float) -> tuple[Array, float, int]:
        problem = self.problem
        empty = SparseBlockSummary.empty(HeavyColumns(self.places, problem.n_columns, now.curvatures))
        matrix = times * map_and_merge(problem.rows.parts(), empty).matrix
        gradient = now.gradient.copy()
        if not problem.fit_intercept:
            matrix[0, :] = matrix[:, 0] = 0.0
            matrix[0, 0] = 1.0
        held = np.diag(matrix) * HELD
        held[1:] += problem.l2
        # Of a column without values: its coefficient is 0 at the least, whatever it is divided by.
        held[np.diag(matrix) + held == 0] = 1.0
        np.einsum("ii->i", matrix)[...] += held
        weights = np.concatenate([[0.0], problem.l1])
        hessian = Hessian.of(matrix)
        after = least_of(Quadratic(hessian, gradient, weights, now.at))
        gain = expected_gain(hessian, gradient, weights, now.at, after)
        return after - now.at, gain, 1

    def _along_columns(self, now: LassoPoint, times: float) -> tuple[Array, float, int]:
        problem = self.problem
        starts, rows, values = self.columns
        across, own = np.empty(problem.n_columns), np.empty(problem.n_columns)
        csc_columns.weigh_columns(starts, rows, values, frozen(times * now.curvatures), self.scaled, across, own)
        total = times * float(now.sums.sums[csr_rows.CURVATURE]) if problem.fit_intercept else 0.0
        begin = now.at[1:].copy()
        first = -now.gradient[0] / total if total > 0 else 0.0
        slopes = now.gradient[1:] + first * across
        at, moved = begin.copy(), np.zeros(problem.rows.matrix.n_rows)
        least = max(0.1 * self.goal, SHARE_OF_SWEEP * self.gained)
        parts = (starts, rows, self.scaled, across, own, total)
        n_sweeps = csc_columns.descend_columns(
            *parts, slopes, problem.l1, problem.l2, at, begin, moved, least, MOST_SWEEPS
        )
        quadratic = _Columns(problem, parts, slopes, begin, moved)
        n_products = 0
        if (np.sign(at) == np.sign(begin))[problem.l1 > 0].all():
            at, n_products = quadratic.with_signs(at, self.goal, self.share_left / now.objective)
        of_step = quadratic.product(np.arange(problem.n_columns), at - begin)
        step = np.empty(len(now.at))
        step[1:] = at - begin
        step[0] = first - (float(across @ step[1:]) / total if total > 0 else 0.0)
        gain = gain_of_step(of_step, slopes, problem.l1, begin, at)
        gain += 0.5 * first * first * total
        self.gained = gain
        return step, gain, n_sweeps + n_products + 1


@dataclass(frozen=True, eq=False, slots=True)
class _Columns:
    """The quadratic over the columns of a working set, the intercept being where it is least."""

    problem: LassoProblem
    parts: tuple[Array, Array, Array, Array, Array, float]
    slopes: Array
    begin: Array
    moved: Array

    def product(self, chosen: Array, direction: Array) -> Array:
        """The Hessian times a direction, at some columns; 0 elsewhere."""
        starts, rows, scaled, across, _, total = self.parts
        out = np.zeros(len(direction))
        csc_columns.column_products(starts, rows, scaled, across, total, chosen, direction, self.moved, out)
        out[chosen] += self.problem.l2[chosen] * direction[chosen]
        return out

    def with_signs(self, at: Array, goal: float, share_of_l1: float) -> tuple[Array, int]:
        """(The least among coefficients with these signs, products); where one would change its sign, it is `at`."""
        weights, (_, _, _, across, own, total) = self.problem.l1, self.parts
        diagonal = own - (across**2 / total if total > 0 else 0.0)
        # What the intercept does as well has no curvature of its own.
        chosen = np.flatnonzero(((at != 0) | self.problem.is_free) & (diagonal > 1e-12 * own))
        diagonal = (diagonal + self.problem.l2)[chosen]
        of_step = self.product(chosen, at - self.begin)
        left = -(self.slopes + of_step + weights * np.sign(at))[chosen]
        is_last = share_of_l1 < 1.0 and 0.5 * float((at - self.begin) @ of_step) <= NEARLY * goal
        limits = np.where(weights[chosen] > 0, max(min(share_of_l1, 1.0), ROUNDING) * weights[chosen], math.inf)
        found, along = np.zeros(len(chosen)), left / diagonal
        square = float(left @ along)
        least, direction = max(SHARE_LEFT * square, 0.01 * goal), np.zeros(len(at))
        n_products = 1
        while n_products < MOST_PRODUCTS and square > 0.0:
            if square <= least and not (is_last and (np.abs(left) > limits).any()):
                break
            direction[chosen] = along
            product = self.product(chosen, direction)[chosen]
            n_products += 1
            curvature = float(along @ product)
            if not curvature > 0.0:
                break
            length = square / curvature
            found += length * along
            left -= length * product
            solved = left / diagonal
            square, before = float(left @ solved), square
            along = solved + (square / before) * along
        after = at.copy()
        after[chosen] += found
        crosses = (weights > 0) & (np.sign(after) != np.sign(at))
        return (at if crosses.any() or not np.isfinite(after).all() else after), n_products
