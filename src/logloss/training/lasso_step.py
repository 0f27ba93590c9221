"""The step of a fit with an L1 penalty: the least of the quadratic approximation plus the absolute values.

Coordinate descent on a working set of coefficients finds which of them are 0 and the signs of the others; given these,
the others solve a linear system, to the last digits. What is left out of the working set is looked at in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.onepass.summaries.hessian import Hessian
from logloss.training.interruptible import patiently, tick

# Sweeps of coordinate descent before the signs that it has come to are tried, and the share of the gain so far below
# which it goes no further.
MOST_SWEEPS, LEAST_SHARE = 100, 1e-10
# Times that signs are tried and the working set grows; a step that is not exact is still a step.
MOST_ROUNDS = 200
# Coefficients that a solution takes to 0 before coordinate descent goes on.
MOST_CROSSINGS = 20
# Of rounding in a sum of products, which is far less than one for each of them.
UNITS = 16
# Up to so many coefficients all are in the working set, which grows by as many at least.
SMALL_SET = 64


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """gᵀd + dᵀHd/2 + Σ weights·|at + d|: what it is least of is a step.

    hessian: H, positive definite on what moves, shape (n, n). gradient: g. weights: of the absolute values, 0 of what
    has no penalty. at: coefficients at which d is 0.
    """

    hessian: Hessian
    gradient: Array
    weights: Array
    at: Array

    def slope(self, values: Array) -> Array:
        """The gradient of the quadratic at some coefficients, without the absolute values."""
        return self.gradient + self.hessian.times(values - self.at)

    def part(self, places: Array, values: Array, slope: Array) -> Quadratic:
        """The same in some coefficients, the others being what they are; slope: at the values."""
        return Quadratic(self.hessian.taken(places), slope[places], self.weights[places], values[places])

    def rounding(self, values: Array) -> Array:
        """By how much rounding can move each entry of the slope, of the coefficients too: |Hⱼₖ| ≤ √(Hⱼⱼ Hₖₖ)."""
        size = np.sqrt(self.hessian.diagonal)
        of_values = size * float(size @ (np.abs(values) + np.abs(self.at)))
        return UNITS * ROUNDING * (np.abs(self.gradient) + self.weights + of_values)


def least_of(quadratic: Quadratic) -> Array:
    """The coefficients where it is least: those that are 0 exactly so. Cost: O(k³ + n²), k of them not 0, a few times.

    Where columns depend on each other it may be least at more than one point, of which this is one.
    """
    values = quadratic.at.copy()
    weights, n = quadratic.weights, len(values)
    for _ in range(MOST_ROUNDS):
        slope = quadratic.slope(values)
        excess = np.where(values == 0, np.abs(slope) - weights, 0.0)
        is_wrong = excess > quadratic.rounding(values)
        is_in = (values != 0) | (weights == 0)
        if n <= SMALL_SET:
            is_in[:] = True
        elif np.any(is_wrong & ~is_in):
            # The worst ones, at most as many as there are, so that the set stays near what it must be.
            n_more = max(SMALL_SET, int(is_in.sum()))
            is_in[np.argsort(np.where(is_wrong, -excess, 0.0), kind="stable")[:n_more]] = True
        places = np.flatnonzero(is_in)
        part = quadratic.part(places, values, slope)
        values[places], is_exact = _least_of_part(part)
        if is_exact and not _is_wrong_outside(quadratic, values, is_in):
            break
        tick()
    return values


def _is_wrong_outside(quadratic: Quadratic, values: Array, is_in: Array) -> bool:
    """Whether a coefficient outside the working set should not be 0."""
    if is_in.all():
        return False
    excess = np.abs(quadratic.slope(values)) - quadratic.weights
    return bool((excess > quadratic.rounding(values))[~is_in].any())


def _least_of_part(part: Quadratic) -> tuple[Array, bool]:
    """(The least in a working set, whether that is so but for rounding)."""
    from logloss.onepass.kernels.coordinate_descent import descend_coordinates

    gram, weights = np.ascontiguousarray(part.hessian.full), np.ascontiguousarray(part.weights)
    values, slope, least = part.at.copy(), part.gradient.copy(), 0.0
    size = np.diag(gram)
    for sweeps in (MOST_SWEEPS, 10 * MOST_SWEEPS):
        if not least:
            # A first sweep tells how much there is to gain.
            descend_coordinates(gram, slope, weights, values, np.inf, 1)
            least = LEAST_SHARE * float(((values - part.at) ** 2) @ size)
        descend_coordinates(gram, slope, weights, values, least, sweeps)
        values = _with_signs(part, gram, values)
        slope = part.gradient + gram @ (values - part.at)
        residual = slope + np.where(values == 0, np.clip(-slope, -weights, weights), weights * np.sign(values))
        if (np.abs(residual) <= part.rounding(values)).all():
            return values, True
        least *= LEAST_SHARE
    return values, False


def _with_signs(part: Quadratic, gram: Array, values: Array) -> Array:
    """The least among coefficients with these signs; one that would change its sign becomes 0, and then the others.

    Each move lowers the function, which is quadratic as long as no sign changes.
    """
    for _ in range(MOST_CROSSINGS):
        chosen = np.flatnonzero((values != 0) | (part.weights == 0))
        signs = np.sign(values[chosen]) * (part.weights[chosen] > 0)
        solved = _solved(part, gram, values, chosen, part.weights[chosen] * signs)
        if solved is None:
            return values
        before, after = values[chosen], solved
        crosses = (signs != 0) & (after * signs <= 0)
        values = values.copy()
        if not crosses.any():
            values[chosen] = after
            return values
        # To the first of them.
        lengths = np.full(len(chosen), np.inf)
        lengths[crosses] = before[crosses] / (before - after)[crosses]
        length = float(lengths.min())
        moved = before + length * (after - before)
        moved[lengths <= length] = 0.0
        # None beside it may have changed its sign by rounding.
        values[chosen] = np.where((signs != 0) & (moved * signs <= 0), 0.0, moved)
    return values


def _solved(part: Quadratic, gram: Array, values: Array, chosen: Array, pull: Array) -> Array | None:
    """Where the slope of some coefficients is minus their pull, the others fixed; None where that is not determined."""
    if not len(chosen):
        return values[chosen]
    own = gram[np.ix_(chosen, chosen)]
    size = np.sqrt(np.diag(own))
    if not (size > 0).all():
        return None
    try:
        root = patiently(lambda: np.linalg.cholesky(own / size / size[:, None]), size=len(own))
    except np.linalg.LinAlgError:
        return None
    from scipy.linalg import lapack

    found = values.copy()
    # The second time it is the rounding of the first that is solved for.
    for _ in range(2):
        residual = part.gradient[chosen] + gram[chosen] @ (found - part.at) + pull
        found[chosen] -= lapack.dpotrs(np.asfortranarray(root), residual / size, lower=1)[0] / size
    solution: Array = found[chosen]
    return solution if np.isfinite(solution).all() else None
