"""An L1 penalty that keeps the levels of a category together: of each the Euclidean norm of its coefficients.

All levels have a coefficient, so that none is the reference; at the minimum they add up to 0 in each category. A
category is in the model with all its levels, or not at all.

Meier, L., van de Geer, S. & Bühlmann, P. (2008). The group lasso for logistic regression. Journal of the Royal
Statistical Society B 70(1), 53-71. doi:10.1111/j.1467-9868.2007.00627.x
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.onepass.summaries.hessian import Hessian
from logloss.training.interruptible import patiently, tick

# Rounds of coordinate descent, sweeps in each, and the share of the gain so far below which it goes no further.
MOST_ROUNDS, MOST_SWEEPS, LEAST_SHARE = 30, 100, 1e-8
# Newton steps among coefficients of groups that are not 0, and halvings of one.
MOST_STEPS, MOST_HALVINGS = 30, 30
# Of rounding in a sum of products, which is far less than one for each of them.
UNITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Consecutive coefficients whose norms are penalised: `starts` of each group, and the end; `weights` of each.

    A coefficient by itself is a group of one.
    """

    starts: Array
    weights: Array

    @classmethod
    def of(cls, absolute: Array, spans: list[Array]) -> Groups:
        """Of weights of single coefficients, of which some spans go together with the weight of each."""
        is_start = np.ones(len(absolute) + 1, bool)
        for span in spans:
            is_start[span[1:]] = False
        starts = np.flatnonzero(is_start)
        return cls(starts, absolute[starts[:-1]].copy())

    def norms(self, values: Array) -> Array:
        """The Euclidean norm of each group, shape (n_groups,)."""
        return np.sqrt(np.add.reduceat(np.square(values), self.starts[:-1]))

    def spread(self, of_groups: Array) -> Array:
        """A number of each group at each of its coefficients."""
        return np.repeat(of_groups, np.diff(self.starts))

    def penalty(self, values: Array) -> float:
        """Σ weight · norm."""
        return float(self.weights @ self.norms(values))

    def clipped(self, pull: Array) -> Array:
        """The nearest vector whose norm in each group is at most its weight."""
        norms = self.norms(pull)
        shares = np.where(norms > self.weights, self.weights / np.where(norms > 0, norms, 1.0), 1.0)
        return pull * self.spread(shares)

    def pull(self, values: Array, slope: Array) -> Array:
        """The subgradient of the penalty nearest to minus a slope: weight · values / norm, or within the weight."""
        norms = self.norms(values)
        is_zero = norms == 0
        along = values * self.spread(self.weights / np.where(is_zero, 1.0, norms))
        return np.where(self.spread(is_zero), self.clipped(-slope), along)


@dataclass(frozen=True, slots=True, eq=False)
class GroupQuadratic:
    """gᵀd + dᵀHd/2 + the penalty of at + d: what it is least of is a step. Of a group of several H is diagonal."""

    hessian: Hessian
    gradient: Array
    groups: Groups
    at: Array

    def slope(self, values: Array) -> Array:
        """The gradient of the quadratic."""
        return self.gradient + self.hessian.times(values - self.at)

    def rounding(self, values: Array) -> Array:
        """By how much rounding can move each entry of the slope."""
        size = np.sqrt(self.hessian.diagonal)
        of_values = size * float(size @ (np.abs(values) + np.abs(self.at)))
        return UNITS * ROUNDING * (np.abs(self.gradient) + self.groups.spread(self.groups.weights) + of_values)


def least_of_groups(quadratic: GroupQuadratic) -> Array:
    """The coefficients where it is least, those of groups that are 0 exactly so. Cost: O(n³), a few times."""
    from logloss.onepass.kernels.group_descent import descend_groups

    groups, values = quadratic.groups, quadratic.at.copy()
    gram = np.ascontiguousarray(quadratic.hessian.full)
    least = 0.0
    for _ in range(MOST_ROUNDS):
        slope = quadratic.slope(values)
        if not least:
            # A first sweep tells how much there is to gain.
            descend_groups(gram, slope, groups.weights, groups.starts, values, np.inf, 1)
            least = LEAST_SHARE * float(((values - quadratic.at) ** 2) @ np.diag(gram))
        descend_groups(gram, slope, groups.weights, groups.starts, values, least, MOST_SWEEPS)
        values = _with_groups(quadratic, gram, values)
        slope = quadratic.slope(values)
        if (np.abs(slope + groups.pull(values, slope)) <= quadratic.rounding(values)).all():
            break
        least *= LEAST_SHARE
        tick()
    return values


def _with_groups(quadratic: GroupQuadratic, gram: Array, values: Array) -> Array:
    """The least among coefficients whose groups are not 0, by Newton's method; where one comes to 0 it is `values`."""
    groups = quadratic.groups
    is_free = groups.weights == 0
    chosen = np.flatnonzero(groups.spread((groups.norms(values) > 0) | is_free))
    if not len(chosen):
        return values
    sizes = np.diff(groups.starts)
    own = gram[np.ix_(chosen, chosen)]
    residual = _residual(quadratic, values)[chosen]
    for _ in range(MOST_STEPS):
        norms = groups.norms(values)
        ratio = np.where(norms > 0, groups.weights / np.where(norms > 0, norms, 1.0), 0.0)
        # Of a group of one the norm is linear: its second derivative is 0.
        ratio = np.where(sizes > 1, ratio, 0.0)
        curved = own + np.diag(groups.spread(ratio)[chosen])
        number = groups.spread(np.arange(len(sizes)))[chosen]
        unit = (values / groups.spread(np.where(norms > 0, norms, 1.0)))[chosen]
        for group in np.flatnonzero(ratio):
            inside = np.flatnonzero(number == group)
            curved[np.ix_(inside, inside)] -= ratio[group] * np.outer(unit[inside], unit[inside])
        step = _solved(curved, residual)
        if step is None:
            return values
        then = values.copy()
        then[chosen] -= step
        has_turned = (sizes > 1) | is_free | (np.sign(then[groups.starts[:-1]]) == np.sign(values[groups.starts[:-1]]))
        after = _residual(quadratic, then)[chosen]
        if not (has_turned.all() and np.linalg.norm(after) < np.linalg.norm(residual)):
            return values
        values, residual = then, after
    return values


def _residual(quadratic: GroupQuadratic, values: Array) -> Array:
    """The slope of the whole."""
    slope = quadratic.slope(values)
    return slope + quadratic.groups.pull(values, slope)


def _solved(matrix: Array, right: Array) -> Array | None:
    """The solution of a positive definite system; None where rounding leaves none."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    size = np.sqrt(np.diag(matrix))
    if not (size > 0).all():
        return None
    try:
        factor = patiently(lambda: cho_factor(matrix / size / size[:, None], check_finite=False), size=len(matrix))
    except LinAlgError:
        return None
    solution: Array = cho_solve(factor, right / size, check_finite=False) / size
    return solution if np.isfinite(solution).all() else None


def gain_of_groups(quadratic: GroupQuadratic, after: Array) -> float:
    """What a step gains of the quadratic approximation, without differences of nearly equal numbers.

    With u the subgradient of the penalty where it ends: half its square in the metric of the Hessian, and what the
    penalty is above u times the coefficients where it begins.
    """
    groups, before = quadratic.groups, quadratic.at
    of_step = quadratic.hessian.times(after - before)
    pull = groups.clipped(-(quadratic.gradient + of_step))
    above = groups.weights * groups.norms(before) - np.add.reduceat(pull * before, groups.starts[:-1])
    # Where a group has gone the way of its pull all along, rounding is what is left.
    above = np.where(above > UNITS * ROUNDING * groups.weights * groups.norms(before), above, 0.0)
    return max(0.5 * float((after - before) @ of_step), 0.0) + float(above.sum())
