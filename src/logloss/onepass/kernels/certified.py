"""Newton's method on the rows of a small table in memory, and how far each of its points is above the minimum.

    penalty  half the squares of the coefficients `at` are multiplied with it
    scale  coefficients of the solver are those of (number − centre) / scale, after the intercept

The proofs of the bounds are in docs/certificate.md.
"""

from __future__ import annotations

import math

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.dense_rows import N_OF_ROW, N_SUMS, fold_rows
from logloss.onepass.kernels.exact import UNIT_EXPONENT
from logloss.onepass.kernels.newton_rules import (
    DEPENDENT,
    MOST_SLOW_PASSES,
    ROUNDING,
    is_slow,
    is_stirring,
    rounding_of_objective,
)
from logloss.onepass.kernels.pointwise import INFINITY
from logloss.onepass.kernels.vectors import BLOCK

_is_slow, _is_stirring = inlined(is_slow), inlined(is_stirring)
_rounding_of_objective = inlined(rounding_of_objective)


@inlined
def gain(nu, reach):
    """Most that the objective can fall, given its Newton decrement ν and reach R = max |x|_{H⁻¹}; ∞ unless Rν < 1.

    ((1 − u) log(1 − u) + u) / R² with u = Rν, which is about ν²/2: the theorem of docs/certificate.md.
    """
    u = reach * nu
    if not u < 1.0:
        return INFINITY
    if u < 1e-4:
        # The series of the same, whose terms are u^k / (k(k − 1)): the closed form subtracts nearly equal numbers. The
        # first one left out is u⁴/30 of the sum's 1/2: less than 1e-17.
        return nu * nu * (1.0 / 2.0 + u / 6.0 + u * u / 12.0 + u * u * u / 20.0)
    return ((1.0 - u) * math.log1p(-u) + u) / (reach * reach)


@inlined
def ridge_gap(gradient, curvature, penalty, at, error, fit_intercept):
    """The duality gap under a penalty: gradient and the Hessian's row of the intercept, first the intercept's own.

    error: most by which rounding can have moved each entry of the gradient. Without an intercept every residual is dual
    feasible: the curvature is not used.
    """
    shift = 0.0
    certain = 0.0
    first = 0
    of_shift = 0.0
    if fit_intercept:
        if not curvature[0] > 0.0:
            return INFINITY
        shift = -gradient[0] / curvature[0]
        certain = error[0] / curvature[0]
        most = (abs(gradient[0]) + error[0]) / curvature[0]
        if not most <= 1.0:
            return INFINITY
        of_shift = most * most * curvature[0]
        first = 1
    total = 0.0
    for j in range(first, gradient.shape[0]):
        size = abs(gradient[j] + penalty[j] * at[j] + shift * curvature[j]) + error[j] + certain * abs(curvature[j])
        # Not size², which is 0 for weights of 1e-200.
        total += size * (size / (2.0 * penalty[j]))
    return total + of_shift


@compiled
def lost_share(diagonal, deviations, n_additions):
    """Most by which a Hessian can be too large, as a share of itself in any direction; 1 or more: not known.

    Its entries are sums of as many products: with H what they are without rounding and D the diagonal,
    |matrix − H| ≤ n · n_additions · ROUNDING · D, and D is at most trace(D · H⁻¹) times the matrix.
    """
    trace = 0.0
    for j in range(diagonal.shape[0]):
        trace += diagonal[j] * deviations[j] * deviations[j]
    return diagonal.shape[0] * (n_additions + 8) * ROUNDING * trace


@compiled
def bound_of(sums, at_point, scalars, counts, proofs):
    """Nats by which the objective can be above its least, summed over the rows; ∞ where none are proved.

    sums: (gradient of the objective, H⁻¹ times it, roots of the diagonal of H⁻¹, gradient of the loss alone, the
    Hessian's row of the intercept, Σ |residual·feature|, Σ curvature·|feature|·(Σ |coefficient·feature|)).
    at_point: (penalty, coefficients). scalars: (R, by how much any logit has moved since H was formed, H's lost share,
    the objective). counts: (additions of each sum, coefficients, free or not). proofs: whether there is a Hessian, a
    penalty, an intercept.
    """
    gradient, solved, deviations, of_loss, curvature, residual_sizes, logit_sizes = sums
    penalty, at = at_point
    reach, drift, lost, objective = scalars
    n_additions, n_terms = counts
    has_hessian, is_penalised, fit_intercept = proofs
    n_free = gradient.shape[0]
    # Most by which rounding can have moved each entry of the gradient: a sum of products has a relative error of the
    # number of its additions, in units of rounding; that of a logit moves a residual by at most its curvature.
    error = np.empty(n_free)
    for j in range(n_free):
        of_sum = (n_additions + 8) * residual_sizes[j]
        error[j] = ROUNDING * (of_sum + 2 * (n_terms + 4) * logit_sizes[j])
    least = INFINITY
    if has_hessian:
        squared = 0.0
        moved = 0.0
        for j in range(n_free):
            squared += gradient[j] * solved[j]
            moved += error[j] * deviations[j]
        # H has changed by at most e to the drift. Beyond 1 the bound is legal but grows with e to it: a new Hessian is
        # worth more.
        if drift < 1.0 and lost < 1.0:
            grown = math.exp(drift / 2.0) / math.sqrt(1.0 - lost)
            least = gain(grown * (math.sqrt(max(squared, 0.0)) + moved), grown * reach)
    if is_penalised:
        # The duality gap needs no Hessian but the row of the intercept, which is summed in double precision.
        least = min(least, ridge_gap(of_loss, curvature, penalty, at, error, fit_intercept))
    if least < INFINITY:
        # Neither a loss nor the penalty is below 0, so nor is the minimum.
        least = min(least, objective)
    # The objective itself is rounded: an exact sum once, and the penalty.
    return least + 2.0 * ROUNDING * objective


@inlined
def sums_at(rows, at, scale, limbs, gradient, sizes, hessian):
    """Loss, gradient, the sizes that bound its rounding, and the Hessian at some coefficients of the solver."""
    numbers, y, mass, offsets = rows
    width = at.shape[0]
    filled = (width - 1 + BLOCK - 1) // BLOCK * BLOCK
    sums, products = np.zeros((N_SUMS, 1 + filled)), np.zeros((filled, filled))
    coefficients, base = np.empty(width), np.empty((2, offsets.shape[0]))
    # In loops: compiling what numba has for arrays, with its messages, takes seconds.
    for j in range(width):
        coefficients[j] = at[j] / scale[j]
    for i in range(offsets.shape[0]):
        base[0, i] = coefficients[0] + offsets[i]
        base[1, i] = abs(offsets[i])
    options = (True, False, abs(coefficients[0]), False)
    limbs[:] = 0
    fold_rows(
        numbers, coefficients, y, mass, base, options, np.empty((N_OF_ROW, 0)), limbs, sums, products, np.empty(0)
    )  # fmt: skip
    for j in range(width):
        gradient[j] = sums[0, j] / scale[j]
        hessian[0, j] = hessian[j, 0] = sums[1, j] / scale[j]
        sizes[0, j] = sums[2, j] / scale[j]
        sizes[1, j] = sums[3, j] / scale[j]
        for k in range(1, j + 1):
            hessian[j, k] = hessian[k, j] = products[k - 1, j - 1] / scale[j] / scale[k]


@inlined
def factored(matrix, size, root):
    """The lower Cholesky factor of a matrix scaled to ones on its diagonal; whether it is far from singular."""
    n = matrix.shape[0]
    for j in range(n):
        size[j] = math.sqrt(matrix[j, j]) if matrix[j, j] > 0.0 else 1.0
    for j in range(n):
        for k in range(j + 1):
            total = matrix[j, k] / size[k] / size[j]
            for m in range(k):
                total -= root[j, m] * root[k, m]
            if k < j:
                root[j, k] = total / root[k, k]
            elif not total > n * DEPENDENT:
                # The square of a pivot is what those before it leave of a column.
                return False
            else:
                root[j, j] = math.sqrt(total)
    return True


@inlined
def solved_by(root, size, right, out):
    """The solution of the matrix whose factor is given."""
    n = root.shape[0]
    for j in range(n):
        total = right[j] / size[j]
        for k in range(j):
            total -= root[j, k] * out[k]
        out[j] = total / root[j, j]
    for j in range(n - 1, -1, -1):
        total = out[j]
        for k in range(j + 1, n):
            total -= root[k, j] * out[k]
        out[j] = total / root[j, j]
    for j in range(n):
        out[j] /= size[j]


@inlined
def deviations_of(root, size, column, out):
    """Roots of the diagonal of the inverse, from the columns of the inverse of the factor."""
    n = root.shape[0]
    for j in range(n):
        squared = 0.0
        for i in range(j, n):
            total = 1.0 if i == j else 0.0
            for k in range(j, i):
                total -= root[i, k] * column[k]
            column[i] = total / root[i, i]
            squared += column[i] * column[i]
        out[j] = math.sqrt(squared) / size[j]


@inlined
def near(limbs):
    """A sum that is not negative as a float, to a unit in the last place or two."""
    total = 0.0
    # The largest limbs first: what is below the third of them does not count.
    for k in range(limbs.shape[0] - 1, -1, -1):
        if limbs[k] != 0:
            total += math.ldexp(np.float64(limbs[k]), 32 * k - UNIT_EXPONENT)
    return total


@inlined
def add_penalty(penalty, at, slope, gradient):
    """The penalty; slope: the gradient of the loss and it."""
    total = 0.0
    for j in range(at.shape[0]):
        total += 0.5 * penalty[j] * at[j] * at[j]
        slope[j] = gradient[j] + penalty[j] * at[j]
    return total


@inlined
def newton_step(hessian, slope, penalty, step, deviations, diagonal):
    """Half the squared Newton decrement, and the step from there; NaN where columns are linearly dependent.

    step, deviations, diagonal: H⁻¹ times the slope, roots of the diagonal of H⁻¹, and the diagonal of H with the
    penalty. Cost: O(n_free³).
    """
    n = slope.shape[0]
    matrix, root = np.empty((n, n)), np.empty((n, n))
    size, column = np.empty(n), np.empty(n)
    for j in range(n):
        for k in range(j + 1):
            matrix[j, k] = hessian[j, k]
        matrix[j, j] += penalty[j]
        diagonal[j] = matrix[j, j]
    if not factored(matrix, size, root):
        return math.nan
    solved_by(root, size, slope, step)
    deviations_of(root, size, column, deviations)
    decrement = 0.0
    for j in range(n):
        decrement += 0.5 * slope[j] * step[j]
    return decrement


@compiled
def newton_passes(rows, problem, passes, sums):
    """Passes of Newton's method from points[0] until they have converged: how many, or 0 where they do not.

    rows: (numbers, as `fold_rows` takes them, y, mass, offsets), the last two of no values where there are none.
    problem: (penalty, scale, whether there are a penalty and an intercept, additions of each sum, the certified bound
    and the decrement at which passes end, in nats, summed). passes: (points, losses, bounds, limbs): the coefficients
    of each pass, shape (most, width), its summed loss, the bound there, and the summed loss of the last one, exactly.
    sums: (gradient, sizes, hessian) of the last pass.

    0 where a step raises the objective, columns are linearly dependent, or passes are as slow as without an optimum:
    then other methods are needed.
    """
    penalty, scale, is_penalised, fit_intercept, n_additions, enough, least_decrement = problem
    points, losses, bounds, limbs = passes
    gradient, sizes, hessian = sums
    width = points.shape[1]
    has_walls = rows[3].shape[0] > 0
    f = 0 if fit_intercept else 1
    slope, step = np.empty(width - f), np.empty(width - f)
    deviations, diagonal = np.empty(width - f), np.empty(width - f)
    most, decrement_before, objective_before, n_slow = INFINITY, INFINITY, 0.0, 0
    proofs = (True, is_penalised, fit_intercept)
    for k in range(points.shape[0]):
        at = points[k]
        sums_at(rows, at, scale, limbs, gradient, sizes, hessian)
        losses[k] = near(limbs[0])
        objective = losses[k] + add_penalty(penalty[f:], at[f:], slope, gradient[f:])
        if not objective <= most:
            return 0
        decrement = newton_step(hessian[f:, f:], slope, penalty[f:], step, deviations, diagonal)
        if not decrement >= 0.0:
            return 0
        lost = lost_share(diagonal, deviations, n_additions)
        bounds[k] = bound_of(
            (slope, step, deviations, gradient[f:], hessian[0, f:], sizes[0, f:], sizes[1, f:]),
            (penalty[f:], at[f:]), (deviations.sum(), 0.0, lost, objective), (n_additions, width), proofs,
        )  # fmt: skip
        if bounds[k] <= enough and decrement <= least_decrement:
            return k + 1
        n_slow = n_slow + 1 if _is_slow(decrement, decrement_before) else 0
        is_spent = _is_stirring(decrement, objective, decrement_before, objective_before, has_walls)
        if n_slow >= MOST_SLOW_PASSES or is_spent or k + 1 == points.shape[0]:
            return 0
        decrement_before, objective_before = decrement, objective
        terms = 0.0
        for j in range(0 if has_walls else width):
            terms += abs(at[j]) * sizes[0, j]
        most = objective + _rounding_of_objective(objective, terms)
        for j in range(width):
            points[k + 1, j] = at[j] - (step[j - f] if j >= f else 0.0)
    return 0
