"""Newton's method in the dual, where a table has fewer rows than columns: one unknown for each row, and no Hessian.

At the optimum the coefficients are a combination of the rows, w = Xᵀα. With the products of all rows with each other,
K = X·Xᵀ, formed once, log-odds and penalty at such a point are Kα + b and l2/2 · αᵀKα: Newton steps to the
last digit read no row. The objective is that of the coefficients, and so is the certificate, of a pass over the rows.

Keerthi, S. S., Duan, K. B., Shevade, S. K. & Poo, A. N. (2005). A fast dual algorithm for kernel logistic regression.
Machine Learning 61(1-3), 151-165. doi:10.1007/s10994-005-0768-5
Rasmussen, C. E. & Williams, C. K. I. (2006). Gaussian Processes for Machine Learning, section 3.4, algorithm 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from logloss.data.dense_matrix import DenseMatrix, frozen
from logloss.data.rows import Array
from logloss.onepass.kernels import csr_rows, exact
from logloss.training.interruptible import patiently

if TYPE_CHECKING:
    from logloss.training.sparse_solver import SparseEvaluation, SparseProblem

# Of more rows K takes more than 200 MB.
MOST_ROWS = 5_000
# K of n rows costs as much as n / ROWS_OF_PRODUCT products with the Hessian, as matrices are multiplied faster than
# vectors; it is formed once products have cost as much, so many of which are taken to be needed in any case.
ROWS_OF_PRODUCT, EXPECTED_PRODUCTS = 40, 50
# Steps, and halvings of one; the share of the promised gain that it must make (Armijo).
MOST_STEPS, MOST_HALVINGS, LEAST_GAIN = 50, 30, 1e-4
# The steps end at such a share of the tolerance, or once they gain less than such a share of the objective.
SHARE_OF_TOLERANCE, ROUNDING = 1e-2, 1e-16


def has_dual(problem: SparseProblem) -> bool:
    """Whether there are fewer rows than columns, few enough for their products."""
    matrix = problem.rows.matrix
    return isinstance(matrix, DenseMatrix) and matrix.n_rows < matrix.n_columns and matrix.n_rows <= MOST_ROWS


@dataclass(frozen=True, slots=True)
class DualPoint:
    """Where the steps are: w = share·w₀ + Xᵀα, and what follows from it.

    of_columns: X·w of each row, shape (n_rows,). square: |w|². residuals, curvatures: of the rows.
    """

    intercept: float
    share: float
    alpha: Array
    of_columns: Array
    square: float
    objective: float
    residuals: Array
    curvatures: Array


@dataclass(slots=True)
class DualNewton:
    """The dual of a problem; `products` is formed when it is first needed. has_failed: whether rounding ends it."""

    problem: SparseProblem
    products: Array = field(default_factory=lambda: np.zeros((0, 0)))
    has_failed: bool = False

    def is_worth(self, n_products: int) -> bool:
        """Whether it is faster after so many products with the Hessian."""
        problem = self.problem
        if self.has_failed or not has_dual(problem):
            return False
        return EXPECTED_PRODUCTS + n_products >= problem.rows.matrix.n_rows / ROWS_OF_PRODUCT

    @np.errstate(over="ignore", invalid="ignore")
    def step(self, now: SparseEvaluation) -> tuple[Array, int]:
        """(The step from a point to the optimum, but for the rounding of K; the walks over the rows it took)."""
        matrix, n_walks = cast(DenseMatrix, self.problem.rows.matrix), 2
        if not len(self.products):
            self.products, n_walks = patiently(matrix.gram, size=matrix.n_rows), 3
        start = now.at[1:]
        of_start = matrix.logits(0.0, start) if start.any() else np.zeros(matrix.n_rows)
        n_walks -= not start.any()
        found = self._optimum(float(now.at[0]), of_start, float(start @ start))
        step = np.empty(len(now.at))
        step[0] = found.intercept - now.at[0]
        step[1:] = matrix.transposed_times(found.alpha)
        step[1:] += (found.share - 1.0) * start
        return step, n_walks

    def _optimum(self, intercept: float, of_start: Array, square_of_start: float) -> DualPoint:
        """Newton's steps from w₀, where X·w₀ and |w₀|² are these."""
        problem = self.problem
        now = self._at(intercept, 1.0, np.zeros(len(of_start)), of_start, square_of_start)
        least = SHARE_OF_TOLERANCE * problem.tolerance * problem.sum_weight
        for _ in range(MOST_STEPS):
            target = self._target(now)
            if target is None:
                return now
            slope = self._slope(now, *target)
            # What a step gains is about half of what the gradient promises.
            if not -slope > max(least, ROUNDING * now.objective):
                return now
            then = self._shortened(now, target, slope)
            if then is None:
                return now
            now = then
        return now

    def _at(self, intercept: float, share: float, alpha: Array, of_columns: Array, square: float) -> DualPoint:
        """A point with loss, residuals and curvatures."""
        labels, mass, offset = self.problem.rows.beside
        logits = of_columns + intercept
        if len(offset):
            logits = logits + offset
        none, sums, limbs = np.zeros(len(logits)), np.zeros(csr_rows.N_SUMS), exact.new_limbs(1)
        residuals, curvatures = np.empty(len(logits)), np.empty(len(logits))
        mass = mass if len(mass) else frozen(np.ones(len(logits)))
        csr_rows.sum_rows(labels, mass, logits, none, none, curvatures, residuals, sums, limbs)
        objective = exact.rounded(exact.as_integer(limbs[0]), 1) + 0.5 * self.problem.l2 * square
        # Log-odds beyond the floats.
        objective = objective if np.isfinite(residuals).all() else np.inf
        return DualPoint(intercept, share, alpha, of_columns, square, objective, residuals, curvatures)

    def _target(self, now: DualPoint) -> tuple[float, Array] | None:
        """(Intercept, α) of a whole Newton step; None where rounding leaves no positive definite matrix.

        With S the root of the curvatures and r the residuals it is α = Sβ − r / l2 and a move d of the intercept, where
        (S·K·S + l2)·β + S·1·d = S·(X·w + K·r / l2), and the α add up to 0.
        """
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        l2, products = self.problem.l2, self.products
        roots = np.sqrt(now.curvatures)
        matrix = products * roots
        matrix *= roots[:, None]
        matrix[np.diag_indices_from(matrix)] += l2
        right = np.column_stack([roots * (now.of_columns + products @ now.residuals / l2), roots])

        def solved() -> Array:
            factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
            found: Array = cho_solve(factor, right, check_finite=False)
            return found

        try:
            beta, of_intercept = patiently(solved, size=len(matrix)).T
        except LinAlgError:
            return None
        move = 0.0
        if self.problem.fit_intercept:
            weight = float(roots @ of_intercept)
            move = (float(roots @ beta) - float(now.residuals.sum()) / l2) / weight if weight > 0 else 0.0
            beta = beta - move * of_intercept
        return now.intercept + move, roots * beta - now.residuals / l2

    def _slope(self, now: DualPoint, intercept: float, alpha: Array) -> float:
        """The derivative of the objective along the step to a point w = Xᵀα."""
        of_columns = self.products @ alpha
        of_loss = float(now.residuals @ (of_columns - now.of_columns))
        of_loss += float(now.residuals.sum()) * (intercept - now.intercept)
        # w·(w⁺ − w), with X·w known.
        return of_loss + self.problem.l2 * (float(alpha @ now.of_columns) - now.square)

    def _shortened(self, now: DualPoint, target: tuple[float, Array], slope: float) -> DualPoint | None:
        """The first of points nearer and nearer that lowers the objective enough; None where none does."""
        intercept, alpha = target
        of_columns = self.products @ alpha
        of_square, of_both = float(alpha @ of_columns), float(alpha @ now.of_columns)
        length = 1.0
        for _ in range(MOST_HALVINGS):
            rest = 1.0 - length
            square = length * length * of_square + 2.0 * length * rest * of_both + rest * rest * now.square
            then = self._at(
                now.intercept + length * (intercept - now.intercept),
                rest * now.share,
                rest * now.alpha + length * alpha,
                rest * now.of_columns + length * of_columns,
                square,
            )
            if then.objective <= now.objective + LEAST_GAIN * length * slope:
                return then
            length /= 2.0
        return None
