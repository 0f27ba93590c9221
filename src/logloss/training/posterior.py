"""The posterior distribution of coefficients at some precisions, and the marginal likelihood of these.

Where the log loss is taken as quadratic, ½ βᵀHβ − rᵀβ, and each coefficient of a part as drawn from a normal
distribution with variance 1 / λ, the posterior is normal: covariance V = (H + Λ)⁻¹, mean Vr. The log marginal
likelihood is ½ log|Λ| − ½ log|H + Λ| + ½ rᵀVr and a constant; in the log λ it has the derivatives of Newton's method.
Few rows say little about the λ of a single coefficient: straight lines have variances that are drawn around a common
one, which is as good as known where columns are many.

References
----------
Dickey, J. M. (1971). The weighted likelihood ratio, linear hypotheses on normal location parameters. Annals of
Mathematical Statistics 42(1), 204-223. doi:10.1214/aoms/1177693507
Gelman, A. (2006). Prior distributions for variance parameters in hierarchical models. Bayesian Analysis 1(3), 515-534.
doi:10.1214/06-BA117A
Tipping, M. E. & Faul, A. C. (2003). Fast marginal likelihood maximisation for sparse Bayesian models. Proceedings of
the 9th International Workshop on Artificial Intelligence and Statistics.
Wood, S. N. (2011). Fast stable restricted maximum likelihood and marginal likelihood estimation of semiparametric
generalized linear models. Journal of the Royal Statistical Society B 73(1), 3-36.
doi:10.1111/j.1467-9868.2010.00749.x
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.rows import Array
from logloss.training.factor import Factor
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries.hessian import Hessian


# At this precision, per row of unit weight, a part of a term is out of the model.
MOST = 1e7
# A part of fewer degrees of freedom whose precision still grows is taken out of the model. So is a line that is less
# likely than its absence by so many nats, and it comes back where it gains as many.
LITTLE, EVIDENCE = 0.1, 2.0
# Before the labels are seen, the effect of a part has a standard deviation over the rows, in log-odds, that is drawn
# from a half-normal distribution of this scale. Those of straight lines are also near each other: their logarithms have
# variance SPREAD around a mean, as if so many lines more had a standard deviation of 1.
USUAL, N_USUAL, SPREAD = 1.0, 3.0, 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """Coefficients with one precision: the column they belong to, and their places among all. size: the standard
    deviation of their effect over the rows, where those of the coefficients are 1; 0 of levels, which have no prior."""

    column: str
    places: Array
    size: float = 0.0
    is_line: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class QuadraticLoss:
    """The log loss near a point. parts: of the coefficients with a precision. hessian, right: H and r in the solver's
    coordinates. unit: the weight that counts as one row."""

    problem: Problem
    parts: Sequence[Part]
    hessian: Hessian
    right: Array
    unit: float

    def with_precisions(self, precisions: Array) -> Problem:
        """The problem with a precision for each part, in units; inf becomes MOST."""
        of_each = np.zeros(self.problem.design.width)
        for part, precision in zip(self.parts, np.minimum(precisions, MOST).tolist(), strict=True):
            of_each[part.places] = precision * self.unit
        return replace(self.problem, precisions=of_each)


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior at a precision for each part, in units, shape (n_parts,); a part whose precision is inf is out of
    the model: its coefficients are 0."""

    loss: QuadraticLoss
    precisions: Array

    @cached_property
    def part_of(self) -> Array:
        """The number of the part of each place, shape (width,); −1 without one."""
        found = np.full(self.loss.problem.design.width, -1)
        for number, part in enumerate(self.loss.parts):
            found[part.places] = number
        return found

    @cached_property
    def is_in(self) -> Array:
        """Which parts are in the model, shape (n_parts,)."""
        return np.isfinite(self.precisions)

    @cached_property
    def problem(self) -> Problem:
        """That of the coefficients that are in the model."""
        problem = self.loss.with_precisions(self.precisions)
        own = self.part_of[problem.free]
        return replace(problem, free=problem.free[(own < 0) | self.is_in[own]])

    @cached_property
    def factor(self) -> Factor:
        """H + Λ, factored. Cost: O(n³) of the coefficients that are in the model."""
        return self.problem.factor_of(self.loss.hessian)

    @cached_property
    def mean(self) -> Array:
        """The mean of all coefficients, shape (width,)."""
        return self.problem.full_vector(self.factor.solve(self.loss.right[self.problem.free]))

    @cached_property
    def is_line(self) -> Array:
        """Which of the parts that are in the model are straight lines."""
        return np.array([part.is_line for part in self.loss.parts], dtype=bool)[self.is_in]

    @cached_property
    def prior(self) -> tuple[float, Array, Array]:
        """(The log density of the standard deviations of effects up to a constant, its gradient in the log precisions,
        its Hessian)."""
        sizes = np.array([part.size for part in self.loss.parts])[self.is_in]
        squares, line = sizes**2 / self.precisions[self.is_in], self.is_line.astype(float)
        logs, n_lines = 0.5 * np.log(np.where(self.is_line, squares, 1.0)), line.sum() + N_USUAL
        mean = float(logs.sum()) / n_lines
        unusual, half = line * (logs - mean), 0.5 * squares / USUAL**2
        density = -float(half.sum()) - 0.5 * (float(unusual @ unusual) + N_USUAL * mean**2) / SPREAD
        bend = 0.25 * (np.outer(line, line) / n_lines - np.diag(line)) / SPREAD - np.diag(half)
        return density, half + 0.5 * unusual / SPREAD, bend

    @cached_property
    def log_likelihood(self) -> float:
        """The log marginal likelihood in nats and the log density of the standard deviations, up to a constant."""
        free = self.problem.free
        penalty = self.problem.penalty[free][self.part_of[free] >= 0]
        of_fit = float(self.loss.right @ self.mean) / self.loss.unit
        of_rows = 0.5 * (float(np.log(penalty).sum()) - self.factor.log_determinant + of_fit)
        return of_rows + self.prior[0]

    @cached_property
    def slopes(self) -> tuple[Array, Array, Array, Array]:
        """(Gradient of the log likelihood in the log precisions, its Hessian, effective degrees of freedom, whether
        they should leave) of the parts that are in the model. Cost: O(n³)."""
        problem, factor = self.problem, self.factor
        free, unit = problem.free, self.loss.unit
        own, numbers = self.part_of[free], np.flatnonzero(self.is_in)
        is_own = own[None, :] == numbers[:, None]
        penalty = np.where(own < 0, 0.0, problem.penalty[free])
        pulls = np.where(is_own, penalty * self.mean[free], 0.0)
        sizes = pulls @ self.mean[free] / unit
        traces, squares = _traces(factor, np.sqrt(penalty), is_own)
        sums = is_own.sum(axis=1)
        hessian = 0.5 * squares + pulls @ factor.solve(pulls.T) / unit - 0.5 * np.diag(traces + sizes)
        _, of_prior, bend = self.prior
        slope, freedom = 0.5 * (sums - traces - sizes), sums - traces
        # The densities at 0 of a line's posterior, whose variance is trace / λ, and of its prior (Savage and Dickey).
        against = np.where(self.is_line, -0.5 * (np.log(traces) + sizes / traces), 0.0)
        leaves = (against > EVIDENCE) | (freedom < LITTLE) & (slope > 0)
        return slope + of_prior, hessian + bend, freedom, leaves

    @cached_property
    def gains_of_others(self) -> tuple[Array, Array]:
        """(The precision at which a part that is out would come in, inf where it stays out; nats that this would gain),
        each (n_parts,): as if the part's curvature were the same in all directions."""
        loss, scale = self.loss, self.loss.problem.design.scale
        inside, every = self.problem.free, self.loss.problem.free
        outside = np.setdiff1d(every, inside)
        precisions, gains = np.full(len(loss.parts), np.inf), np.zeros(len(loss.parts))
        if not len(outside):
            return precisions, gains
        beside = loss.hessian.between(inside, outside)
        curvature = loss.hessian.diagonal[outside] - np.einsum("ij,ij->j", beside, self.factor.solve(beside))
        slope = (loss.right - loss.hessian.times(self.mean))[outside] * scale[outside]
        own = self.part_of[outside]
        sums, n_parts = np.bincount(own, minlength=len(loss.parts)), len(loss.parts)
        usual = np.bincount(own, curvature * scale[outside] ** 2, n_parts) / np.maximum(sums, 1) / loss.unit
        square = np.bincount(own, slope**2, n_parts) / np.maximum(sums, 1) / loss.unit**2
        comes = (sums > 0) & (square > usual) & (usual > 0)
        precisions[comes] = usual[comes] ** 2 / (square[comes] - usual[comes])
        ratio = square[comes] / usual[comes]
        gains[comes] = 0.5 * sums[comes] * (ratio - 1 - np.log(ratio))
        stays_out = np.array([part.is_line for part in loss.parts], dtype=bool) & (gains < EVIDENCE)
        return np.where(stays_out, np.inf, precisions), np.where(stays_out, 0.0, gains)


def _traces(factor: Factor, weights: Array, is_own: Array) -> tuple[Array, Array]:
    """(The trace of each part's block of D·V·D, the sum of squares of each pair's block); D: a weight for each
    coefficient, shape (n,); is_own: of each part, shape (n_parts, n)."""
    of_levels, of_others = factor.inner.parted(weights / factor.size)
    levels_of, others_of = (each.T for each in factor.inner.parted(is_own.T))
    inverse = factor.inverse_of_complement
    sums = others_of.astype(float)
    diagonal = of_others**2 * np.diag(inverse)
    squares = sums @ ((of_others[:, None] * inverse * of_others) ** 2) @ sums.T
    traces = sums @ diagonal
    if not len(of_levels) or not levels_of.any():
        return traces, squares
    # With A the levels' block beside the others, all scaled, theirs are 1 + A·inverse·Aᵀ and −A·inverse.
    j = int(np.argmax(levels_of.any(axis=1)))
    reached = factor.across @ inverse
    once, twice = (factor.across.T @ (of_levels[:, None] ** power * reached) for power in (2, 4))
    beside = sums @ (of_others**2 * np.einsum("ij,ij->i", once.T, inverse))
    squares[j] += beside
    squares[:, j] += beside
    squares[j, j] += float((of_levels**4).sum() + 2.0 * np.trace(twice) + np.einsum("ij,ji->", once, once))
    traces[j] += float((of_levels**2).sum() + np.trace(once))
    return traces, squares
