"""A test of each term of an additive model: that its effect is 0 everywhere.

What the other terms leave of the score of a term's coefficients is u = V⁻¹b, with b its coefficients and V their
covariance at the optimum; where the term has no effect, u is normal with mean 0 and covariance A = V⁻¹ − S, with S its
precisions (those of the other terms are priors of their coefficients). The statistic uᵀ(A + K)⁻¹u is the one that gains
most power on average against coefficients with precisions K, and a weighted sum of χ² without an effect. K is not
chosen by the labels: a straight line and a missing value have no precision in it, what bends has the one that leaves it
BENDS effective degrees of freedom, and pooled levels one that leaves half of theirs. With the precisions of the fit,
which the same labels have chosen, terms without an effect would be significant at 5% in up to 11% of tables.

Pooled levels have their score u and information d at coefficients of 0, and the statistic Σuₖ² / (dₖ + λ): with a few
rows each they are far from the quadratic approximation at the optimum, and from normal.

The straight lines of the other terms are not held back in a test: a line that is out of the model may have an effect,
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
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import TOUCHING
from logloss.data.rows import Array
from logloss.data.terms import Category
from logloss.inference.quadratic_forms import upper_tail
from logloss.training.factor import Factor
from logloss.training.precisions import LEAST, parts_of
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries.hessian import Hessian

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

    values, precisions: of all coefficients, shape (width,), in the user's units; half: a root of their covariance,
    halfᵀ·half, shape (rank, width). Both as of rows of weight `unit`.
    """

    values: Array
    half: Array
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
        half = np.zeros((len(loose.half), len(scale)))
        half[:, free] = math.sqrt(unit) * loose.half / scale[free]
        # Coefficients of columns that depend on each other are not determined: as if they had no rows.
        half[:, free[np.abs(loose.null).max(axis=1, initial=0.0) > TOUCHING]] = 0.0
        return cls(values, half, precisions / unit, unit)

    def covariance(self, own: Array) -> Array:
        """Of the coefficients at some places."""
        half = self.half[:, own]
        covariance: Array = half.T @ half
        return covariance


@dataclass(frozen=True, slots=True, eq=False)
class NullOfLevels:
    """A pooled category at coefficients of 0: levels with few rows are far from the quadratic approximation.

    score: of its levels, less what the other terms have of it, shape (n_levels,). information: on each, Σp(1 − p); of
    this the other terms have lost·lostᵀ, shape (n_levels, n_others). n_rows: of each level. total: the information on
    the intercept.
    """

    score: Array
    information: Array
    lost: Array
    n_rows: Array
    total: float

    @property
    def p_value(self) -> float:
        """Of the statistic Σuₖ² / (dₖ + λ), with d the information. Cost: O(n_levels · n_others²)."""
        held = _precision_leaving(HALF * len(self.score), self.information)
        inverse = 1 / (self.information + held)
        lost = self.lost * np.sqrt(inverse)[:, None]
        kept, gone = self.information * inverse, (lost**2).sum(axis=1)
        # Of the matrix diag(kept) − lost·lostᵀ: its diagonal, or its eigenvalues, and its squared entries.
        weights = kept - gone
        if len(weights) <= MOST_EIGENVALUES:
            weights = np.linalg.eigvalsh(np.diag(kept) - lost @ lost.T)
        squares = float(kept @ kept - 2 * kept @ gone) + float(((lost.T @ lost) ** 2).sum())
        variance = 2 * squares + self.added_variance(inverse)
        return _tail(float(inverse @ self.score**2), weights, variance)

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
    hessian: Hessian,
    points: Sequence[Array],
    terms: Sequence[tuple[Category, slice]],
) -> list[NullOfLevels]:
    """Pooled categories where they have no effect: one pass, and a factorisation of the others for each.

    hessian: of the loss at the optimum, in the free coefficients. points: the solver's coefficients without each of
    the terms, which are given with the places of their levels.
    """
    from logloss.onepass.summaries import Point

    design, unit, free = problem.design, loose.unit, problem.free
    penalty = loose.precisions * unit / design.scale**2
    full, found = hessian.full, []
    sums_of = problem.at_points([Point(point, design, wants_hessian=False) for point in points])
    for point, (term, span), sums in zip(points, terms, sums_of, strict=True):
        is_own = (free >= span.start) & (free < span.stop)
        own, others = np.flatnonzero(is_own), np.flatnonzero(~is_own)
        half = Factor(hessian.taken(others, penalty[free[others]])).half
        # What has moved since the optimum, as the curvature there has it.
        at_optimum, at_null = np.diag(full)[own], sums.curvature[span]
        change = np.sqrt(at_null / np.where(at_optimum > 0, at_optimum, 1.0))
        lost = full[np.ix_(own, others)] @ half.T
        slopes = (sums.gradient + penalty * point)[free[others]]
        score = lost @ (half @ slopes) - sums.gradient[span]
        of_rows = np.array(term.weights) / unit
        lost *= change[:, None] / math.sqrt(unit)
        found.append(NullOfLevels(score / unit, at_null / unit, lost, of_rows, float(sums.curvature[0]) / unit))
    return found


def term_p_value(loose: LooseFit, own: Array, parts: Sequence[int]) -> float:
    """The p-value of a term that is no pooled category, in [0, 1]; NaN where the rows determine no coefficient of it.

    own: the places of its coefficients. parts: how many of them, one after the other, have a precision in common. Cost:
    O(n³), n its coefficients.
    """
    covariance, precisions = loose.covariance(own), loose.precisions[own]
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
    held = np.zeros(len(score))
    sizes = parts if is_free.all() else (len(score),)
    for stop, n_own in zip(np.cumsum(sizes).tolist(), sizes, strict=True):
        place = slice(stop - n_own, stop)
        if n_own > 1:
            held[place] = _precision_leaving(BENDS, np.linalg.eigvalsh(information[place, place]))
    half = _half_of_inverse(information + np.diag(held))
    weights = np.linalg.eigvalsh(half @ information @ half.T)
    return _tail(float(((half @ score) ** 2).sum()), weights)


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


def _precision_leaving(degrees: float, each: Array) -> float:
    """The precision that leaves so many effective degrees of freedom, at most half of the coefficients.

    each: eigenvalues of the information on them.
    """
    each = np.maximum(each, 0.0)
    largest = float(each.max(initial=np.finfo(float).tiny))
    degrees = min(degrees, HALF * np.count_nonzero(each > SINGULAR * largest))
    low, high = math.log(1e-12 * largest), math.log(1e12 * largest)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        left = float((each / (each + math.exp(middle))).sum())
        low, high = (middle, high) if left > degrees else (low, middle)
    return math.exp(middle)


def _tail(statistic: float, weights: Array, variance: float | None = None) -> float:
    """P(Σ wᵢ χ²ᵢ > statistic); variance: of the statistic, where it is not that of the sum: its deviation from the mean
    is then put in proportion."""
    weights = np.maximum(weights, 0.0)
    mean, own = float(weights.sum()), 2 * float(weights @ weights)
    if not (own > 0 and (variance is None or variance > 0)):
        return 1.0
    stretched = 1.0 if variance is None else math.sqrt(own / variance)
    return upper_tail(mean + (statistic - mean) * stretched, weights)
