"""The duality gap of a sparse fit with an L1 penalty, rounding included, and the columns that it proves to be 0.

The dual point is that of the predictions, moved along a step as the gradient is: the residuals' products with the
columns are then nearly those of the minimum, so that the gap is of second order. docs/certificate.md, "Sparse matrices
under an L1 penalty".

Ndiaye, E., Fercoq, O., Gramfort, A. & Salmon, J. (2017). Gap safe screening rules for sparsity enforcing penalties.
Journal of Machine Learning Research 18(128), 1-33.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from logloss.data.dense_matrix import frozen
from logloss.data.rows import Array
from logloss.onepass.kernels import csc_columns, csr_rows, losses
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.sparse_lasso_problem import LassoPoint, LassoProblem

# Of the move of log-odds to the dual point, so that probabilities stay between 0 and 1 whatever rounding adds.
LARGEST_MOVE = 0.5
# Where what rounding adds is a larger share of the tolerance it is bounded by another dual point, shorter by so much.
SHARE_OF_TOLERANCE, SHORTER = 0.1, 2.0**-10
# Of the weight, the objective and the offsets: more than rounding is of entropies, and of their sum.
ROUNDING_OF_ENTROPIES = 2.0**-40
# Of what is summed in float64 without a bound of its own.
SLACK = 1.0 + 2.0**-20


@dataclass(frozen=True, eq=False, slots=True)
class DualGap:
    """Nats by which the objective can be above its minimum.

    gap: that of the dual point, which may be more than the objective. sizes: at least |column · θ| of each column at
    it; it is feasible once divided by `scale`.
    """

    bound: float
    gap: float
    sizes: Array
    scale: float

    def zeros(self, problem: LassoProblem) -> Array:
        """Which columns have the coefficient 0 at every minimum, shape (n_columns,): the gap-safe rule.

        Minus the dual objective is 4-strongly convex in probabilities, each times its mass: at the minimum they are at
        most √(gap / 2) away.
        """
        if not math.isfinite(self.gap):
            return np.zeros(problem.n_columns, bool)
        largest = self.sizes / self.scale + problem.norms * (math.sqrt(self.gap / 2.0) * SLACK)
        # A penalty on squares alone, or none, sets no coefficient to 0.
        zeros: Array = largest * SLACK < problem.l1
        return zeros


def duality_gap(problem: LassoProblem, now: LassoPoint, step: Array) -> DualGap:
    """The gap at the dual point of a step, or at that of the intercept alone where the step is too long."""
    dual = _dual_gap(problem, now, step)
    if dual is None:
        alone = np.zeros(len(step))
        curvature = float(now.sums.sums[csr_rows.CURVATURE])
        if problem.fit_intercept and curvature > 0.0:
            alone[0] = -now.gradient[0] / curvature
        dual = _dual_gap(problem, now, alone)
    if dual is None:
        # At the labels themselves θ is 0, and the dual objective not below that.
        least = now.objective * (1.0 + 4.0 * ROUNDING)
        dual = DualGap(least, least, np.abs(now.sums.of_columns[:, 0]), math.inf)
    return dual


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _dual_gap(problem: LassoProblem, now: LassoPoint, step: Array) -> DualGap | None:
    """The same at one dual point; None where a probability there may not be between 0 and 1."""
    objective = now.objective
    gradient, own = now.sums.of_columns[:, 0], now.sums.of_columns[:, 1]
    in_metric = np.sqrt(own) * (1.0 + (now.sums.n_additions + 8) * ROUNDING)
    # What the gradient of the pass is off, in units of a norm: the rounding of its sums.
    of_norm = (now.sums.n_additions + 16) * ROUNDING * _length_of_residuals(problem, now)
    moves = (now.at[1:] != 0) | (step[1:] != 0) | problem.is_free
    used = np.flatnonzero(moves)
    rows = _DualRows.of(problem.taken(used), now, step, used)
    if rows is None:
        return None
    distance = math.sqrt(rows.distance)
    sizes = np.abs(gradient) + in_metric * (2.0 * distance) + problem.norms * (SLACK * of_norm)
    # Of columns that this leaves in doubt, the products are summed accurately.
    doubtful = np.flatnonzero(moves | (sizes > problem.l1))
    products, off = rows.products(rows.problem if len(doubtful) == len(used) else problem.taken(doubtful))
    place_of = np.searchsorted(doubtful, used)
    free = problem.is_free[used]
    correction = rows.correction(np.where(free, np.abs(products[place_of]) + off[place_of], 0.0), free)
    if correction is None:
        return None
    off += correction * in_metric[doubtful] * SLACK
    sizes += correction * in_metric * SLACK
    sizes[doubtful] = np.abs(products) + off
    added, excess = _terms(problem, doubtful, products, off, now.at[1:][doubtful], sizes)
    squares = (distance + correction) ** 2
    total = (squares + added) * SLACK + 4.0 * ROUNDING * objective
    gap = bound = total + excess * objective
    if excess * objective > SHARE_OF_TOLERANCE * problem.most and not problem.l2.any():
        # Rounding of products alone is such a share of a weak penalty.
        bound = total + excess * rows.most_absolute(objective, excess, correction)
    bound = bound if bound <= objective else objective * (1.0 + 4.0 * ROUNDING)
    return DualGap(bound, gap, sizes, 1.0 + excess)


def _length_of_residuals(problem: LassoProblem, now: LassoPoint) -> float:
    """√Σ residual² / mass, at most √Σ |residual|, as no residual is larger than its mass."""
    return math.sqrt(float(now.sums.sums[csr_rows.SIZE]))


def _terms(
    problem: LassoProblem, chosen: Array, products: Array, off: Array, values: Array, sizes: Array
) -> tuple[float, float]:
    """(What columns add to the gap, the share by which products are larger than l1 where squares are not penalised).

    products: right to `off`. Each term is that of Fenchel and Young: what penalty and conjugate add to the product.
    """
    l1, l2 = problem.l1[chosen], problem.l2[chosen]
    is_held = l2 > 0
    added = np.zeros(len(chosen))
    for end in (-1.0, 1.0):
        product = products + end * off
        pull = product * np.sign(values)
        beyond = np.maximum(np.abs(product) - l1, 0.0)
        # Where the product pulls the coefficient the way that it is, the square is complete.
        whole = (l1 + pull + l2 * np.abs(values)) ** 2 / (2.0 * l2)
        apart = (l1 + pull) * np.abs(values) + l2 * values**2 / 2.0 + beyond**2 / (2.0 * l2)
        own = np.where((beyond > 0) & (pull < 0), whole, apart)
        added = np.maximum(added, np.where(is_held, own, 0.0))
    is_exact = (l1 > 0) & ~is_held
    pull = products * np.sign(values)
    plain = np.maximum(l1 + pull, 0.0) * np.abs(values) + off * np.abs(values)
    added = np.where(is_exact, plain, added)
    limited = (problem.l1 > 0) & (problem.l2 == 0)
    excess = float((sizes[limited] / problem.l1[limited]).max(initial=0.0)) - 1.0
    excess = max(excess, 0.0) + 2.0 * ROUNDING
    held = (problem.l1 > 0) & (problem.l2 > 0)
    held[chosen] = False
    # Elsewhere coefficients are 0: what a product is beyond l1 is squared.
    beyond = np.maximum(sizes[held] - problem.l1[held], 0.0)
    return float(added.sum()) + float((beyond**2 / (2.0 * problem.l2[held])).sum()), excess


@dataclass(frozen=True, eq=False, slots=True)
class _DualRows:
    """A dual point: θ of each row. distance: KL of its probabilities from the predictions, at most.

    sums: Σ θ and its rounding. problem: of the columns that are used, or that the step moves.
    """

    problem: LassoProblem
    theta: Array
    inexact: Array
    curvatures: Array
    distance: float
    largest: float

    @classmethod
    def of(cls, problem: LassoProblem, now: LassoPoint, step: Array, used: Array) -> _DualRows | None:
        """The dual point of a step; None where it is too long."""
        rows, n = problem.rows, problem.rows.matrix.n_rows
        theta, inexact, curvatures, sums = np.empty(n), np.empty(n), np.empty(n), np.zeros(csc_columns.N_DUAL)
        csc_columns.dual_rows(
            *rows.matrix.arrays,
            rows.labels,
            rows.mass,
            rows.offset,
            float(now.at[0]),
            frozen(now.at[1:][used]),
            float(step[0]),
            frozen(step[1:][used]),
            theta,
            inexact,
            curvatures,
            sums,
        )
        distance, largest = sums.tolist()
        if not (largest <= LARGEST_MOVE and distance < math.inf):
            return None
        return cls(problem, theta, inexact, curvatures, distance * SLACK, largest)

    def most_absolute(self, objective: float, excess: float, correction: float) -> float:
        """At most Σ l1·|w| at a minimum, where nothing else is penalised: by the gap of a shorter θ."""
        own = self.problem.rows
        weighed = np.flatnonzero(own.mass > 0) if len(own.mass) else slice(None)
        mass = own.mass[weighed] if len(own.mass) else np.ones(len(own.labels))
        theta = (1.0 - SHORTER) * self.theta[weighed]
        entropies = np.empty(len(theta))
        losses.entropies(frozen(np.clip(own.labels[weighed] + theta / mass, 0.0, 1.0)), entropies)
        along = theta * own.offset[weighed] if len(own.offset) else np.zeros(1)
        weight = float(mass.sum())
        slack = ROUNDING_OF_ENTROPIES * (weight + objective + float(np.abs(along).sum()))
        slack += 4.0 * correction * math.sqrt(weight)
        left = 1.0 - (1.0 - SHORTER) * (1.0 + excess)
        if not left > 0.0:
            return objective
        most = (objective - float(mass @ entropies) - float(along.sum()) + slack) / left
        return min(most * SLACK, objective)

    def products(self, problem: LassoProblem) -> tuple[Array, Array]:
        """(Σ θ x of the columns of a problem, by how much rounding can make that wrong)."""
        starts, rows, values = problem.rows.matrix.by_columns()
        sums, sizes, shares = np.empty((3, problem.n_columns))
        csc_columns.accurate_sums(starts, rows, values, self.theta, self.inexact, sums, sizes, shares)
        units = ROUNDING * (2.0 + np.diff(starts))
        return sums, ROUNDING * (2.0 * np.abs(sums) + 4.0 * shares) + 2.0 * units**2 * sizes

    def correction(self, wrong: Array, is_free: Array) -> float | None:
        """How far, in the metric of Fisher, a dual point is for which residuals add up to 0 in what is not penalised.

        wrong: of each column, what they add up to at most. None where a probability may then not be one.
        """
        has_intercept = self.problem.fit_intercept
        if not (has_intercept or is_free.any()):
            return 0.0
        places = np.flatnonzero(is_free)
        own = self.problem.taken(places)
        n = own.n_columns
        dense = np.zeros((n + 1, n + 1))
        indptr, indices, data = own.rows.matrix.arrays
        every = frozen(np.arange(1, n + 1, dtype=np.int32))
        csr_rows.csr_block(0, len(self.theta), indptr, indices, data, self.curvatures, every, dense)
        matrix = dense + dense.T - np.diag(dense.diagonal())
        largest = np.ones(n + 1)
        if n:
            starts, _, values = csc_columns.csc_of(indptr, indices, data, n)
            ends = [np.abs(values[a:b]).max(initial=0.0) for a, b in pairwise(starts)]
            largest[1:] = ends
        amount = np.concatenate([[math.fsum(self.theta.tolist())], wrong[places]])
        amount[0] = abs(amount[0]) + ROUNDING * (2.0 * abs(amount[0]) + 4.0 * float(self.inexact.sum()))
        inside = np.flatnonzero((np.arange(n + 1) > 0) | has_intercept)
        # A column without values holds nothing.
        inside = inside[(np.diag(matrix)[inside] > 0) | (amount[inside] > 0)]
        try:
            inverse = np.linalg.inv(matrix[np.ix_(inside, inside)])
        except np.linalg.LinAlgError:
            return None
        moved = np.abs(inverse) @ amount[inside]
        size = float(np.sqrt(np.maximum(np.diag(inverse), 0.0)) @ amount[inside])
        if not (self.largest + float(moved @ largest[inside]) < 0.99 and np.diag(inverse).min(initial=1.0) > 0):
            return None
        return size * SLACK
