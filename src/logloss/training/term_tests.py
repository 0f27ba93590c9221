"""A test of each term of an additive model: that its effect is 0 everywhere.

What the other terms leave of the score of a term's coefficients is u = V⁻¹b, with b its coefficients and V their
covariance at the optimum; where the term has no effect, u is normal with mean 0 and covariance A = V⁻¹ − S, with S its
precisions (those of the other terms are priors of their coefficients). The statistic uᵀ(A + K)⁻¹u is the one that gains
most power on average against coefficients with precisions K, and a weighted sum of χ² without an effect. K is not
chosen by the labels: a straight line and a missing value have no precision in it, what bends has the one that leaves it
BENDS effective degrees of freedom, and pooled levels one that leaves half of theirs. With the precisions of the fit,
which the same labels have chosen, terms without an effect would be significant at 5% in up to 11% of tables.

Nor are the straight lines of the other terms held back in a test: a line that is out of the model may have an effect,
which a column that is correlated with it would take over.

Without precisions (plain numbers, levels beside a reference) it is Wald's test.

References
----------
Wood, S. N. (2013). On p-values for smooth components of an extended generalized additive model. Biometrika 100(1),
221-228. doi:10.1093/biomet/ass048
Wood, S. N. (2013). A simple test for random effects in regression models. Biometrika 100(4), 1005-1010.
doi:10.1093/biomet/ast038
Zhang, D. & Lin, X. (2003). Hypothesis testing in semiparametric additive mixed models. Biostatistics 4(1), 57-74.
doi:10.1093/biostatistics/4.1.57
Lee, S., Emond, M. J., Bamshad, M. J., et al. (2012). Optimal unified approach for rare-variant association testing with
application to small-sample case-control whole-exome sequencing studies. American Journal of Human Genetics 91(2),
224-237. doi:10.1016/j.ajhg.2012.06.007
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.inference.quadratic_forms import upper_tail
from logloss.training.factor import Factor
from logloss.training.precisions import LEAST, parts_of
from logloss.training.problem import Problem

# Effective degrees of freedom that the test leaves what bends.
BENDS = 3.0
# The share of its levels that it leaves a pooled category, and at most of what bends.
HALF = 0.5
# Eigenvalues below this share of the largest, of matrices with ones on their diagonals, are 0 but for rounding.
SINGULAR = 1e-10
# Of more coefficients the weights of the χ² are the diagonal of their matrix, at the same variance.
MOST_EIGENVALUES = 400
# Halvings of the interval, in logarithms, in which a precision lies.
N_HALVINGS = 60


@dataclass(frozen=True, slots=True, eq=False)
class LooseFit:
    """The optimum of the quadratic approximation once straight lines and missing values are not held back.

    values, precisions: of all coefficients, shape (width,); covariance: (width, width); all in the user's units, and
    those of rows of weight `unit`.
    """

    values: Array
    covariance: Array
    precisions: Array
    unit: float

    @classmethod
    def of(cls, problem: Problem, at: Array, factor: Factor, unit: float) -> LooseFit:
        """Of the optimum, and the Hessian of the penalised objective there. Cost: one factorisation."""
        free, scale = problem.free, problem.design.scale
        precisions = problem.penalty * scale**2
        for part in parts_of(problem.design):
            if len(part.places) == 1:
                precisions[part.places] = np.minimum(precisions[part.places], LEAST * unit)
        added = (precisions / scale**2 - problem.penalty)[free]
        loose = Factor(factor.hessian.taken(np.arange(len(free)), added))
        values = problem.full_vector(loose.solve(factor.hessian.times(at[free]))) / scale
        covariance = np.zeros((len(scale), len(scale)))
        covariance[np.ix_(free, free)] = unit * loose.inverse / scale[free] / scale[free, None]
        return cls(values, covariance, precisions / unit, unit)


@dataclass(frozen=True, slots=True, eq=False)
class NullOfLevels:
    """A pooled category at coefficients of 0: levels with few rows are far from the quadratic approximation.

    score: of its levels, less what the other terms have of it, shape (n_levels,). information: on each, Σp(1 − p);
    change: as a share of that at the optimum. n_rows: of each level. total: the information on the intercept.
    """

    score: Array
    information: Array
    change: Array
    n_rows: Array
    total: float

    def added_variance(self, diagonal: Array) -> float:
        """By how much the variance of Σ gₖ·uₖ², with g the diagonal, exceeds that of normal u.

        Of the third and fourth cumulants of the labels; what follows the base rate, which is estimated, is taken off.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            usual = np.where(self.n_rows > 0, np.minimum(self.information / self.n_rows, 0.25), 0.0)
        fourth = float((self.information * (1 - 6 * usual)) @ diagonal**2)
        third = float((self.information * np.sqrt(1 - 4 * usual)) @ diagonal)
        return fourth - third**2 / self.total


def nulls_of(
    problem: Problem,
    loose: LooseFit,
    points: Sequence[Array],
    spans: Sequence[slice],
    weights: Sequence[Array],
    information: Array,
) -> list[NullOfLevels]:
    """Pooled categories where they have no effect: one pass.

    points: the solver's coefficients without each of them; spans: where its own lie; weights: of the rows of its
    levels; information: on each coefficient at the optimum, in the user's units.
    """
    from logloss.onepass.summaries import Point

    design, unit = problem.design, loose.unit
    found = []
    sums_of = problem.at_points([Point(point, design, wants_hessian=False) for point in points])
    for point, span, own, sums in zip(points, spans, weights, sums_of, strict=True):
        others = np.delete(problem.free, np.flatnonzero((problem.free >= span.start) & (problem.free < span.stop)))
        slopes = sums.gradient * design.scale / unit + loose.precisions * point / design.scale
        half = _half_of_inverse(loose.covariance[span, span])
        taken = half.T @ (half @ (loose.covariance[span][:, others] @ slopes[others]))
        at_null = sums.curvature[span] / unit
        change = at_null / np.where(information[span] > 0, information[span], 1.0)
        score = -sums.gradient[span] / unit - taken
        found.append(NullOfLevels(score, at_null, change, own / unit, float(sums.curvature[0]) / unit))
    return found


def term_p_value(loose: LooseFit, own: Array, parts: Sequence[int], null: NullOfLevels | None = None) -> float:
    """The p-value of a term, in [0, 1]; NaN where it has no coefficient that the rows determine.

    own: the places of its coefficients. parts: how many of them, one after the other, have a precision in common. null:
    of a pooled category. Cost: O(n³), n its coefficients.
    """
    covariance, precisions = loose.covariance[np.ix_(own, own)], loose.precisions[own]
    is_free = np.diag(covariance) > 0
    if not is_free.any():
        return math.nan
    half = _half_of_inverse(covariance[np.ix_(is_free, is_free)])
    inverse, values = half.T @ half, loose.values[own][is_free]
    score = inverse @ values
    if not precisions.any():
        from scipy.special import chdtrc

        return float(chdtrc(len(half), max(float(values @ score), 0.0)))
    information = inverse - np.diag(precisions[is_free])
    if null is not None:
        change = np.sqrt(null.change)
        score, information = null.score, information * change * change[:, None]
    parts = parts if is_free.all() else (len(score),)
    held = _test_precisions(information, parts, BENDS if null is None else HALF * len(values))
    return _p_value(score, information, held, null)


def _half_of_inverse(matrix: Array) -> Array:
    """A root of the inverse of a positive semidefinite matrix, of as many rows as its rank: halfᵀ·half.

    Of a singular one it is that of a pseudo-inverse, once there are ones on the diagonal.
    """
    size = 1 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    scaled = matrix * size * size[:, None]
    try:
        half = np.linalg.inv(np.linalg.cholesky(scaled))
        if float(np.diag(half).max()) ** -2 > SINGULAR:
            return half * size
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(scaled)
    kept = values > SINGULAR * values[-1]
    return (vectors[:, kept] / np.sqrt(values[kept])).T * size


def _test_precisions(information: Array, parts: Sequence[int], degrees: float) -> Array:
    """The precisions of the test: none of a part of one coefficient, of others those that leave so many degrees."""
    held = np.zeros(len(information))
    for stop, n_own in zip(np.cumsum(parts).tolist(), parts, strict=True):
        own = slice(stop - n_own, stop)
        if n_own > 1:
            held[own] = _precision_leaving(degrees, information[own, own])
    return held


def _precision_leaving(degrees: float, information: Array) -> float:
    """The precision that leaves so many effective degrees of freedom, at most half of the coefficients."""
    is_few = len(information) <= MOST_EIGENVALUES
    each = np.maximum(np.linalg.eigvalsh(information) if is_few else np.diag(information), 0.0)
    low, high = np.log(1e-12 * each.max(initial=1e-300)), np.log(1e12 * each.max(initial=1e-300))
    degrees = min(degrees, HALF * np.count_nonzero(each > SINGULAR * each.max(initial=0.0)))
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if (each / (each + np.exp(middle))).sum() > degrees else (low, middle)
    return float(np.exp(middle))


def _p_value(score: Array, information: Array, held: Array, null: NullOfLevels | None) -> float:
    """Of the statistic uᵀ(A + K)⁻¹u. score: u, information: A, held: the diagonal of K."""
    half = _half_of_inverse(information + np.diag(held))
    moved = half @ score
    product = half @ information @ half.T
    is_few = len(product) <= MOST_EIGENVALUES
    weights = np.maximum(np.linalg.eigvalsh(product) if is_few else np.diag(product), 0.0)
    statistic, variance = float(moved @ moved), 2 * float((product**2).sum())
    own = 2 * float(weights @ weights)
    if null is not None:
        variance += null.added_variance((half**2).sum(axis=0))
    if not (own > 0 and variance > 0):
        return 1.0
    mean = float(weights.sum())
    return upper_tail(mean + (statistic - mean) * math.sqrt(own / variance), weights)
