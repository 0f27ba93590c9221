"""L1 and elastic-net penalties on sparse tables of up to millions of columns: walks over all columns, and in between
proximal Newton steps on those that matter.

A working set has the columns whose coefficient is not 0 and those that most violate the conditions of a minimum. The
fit of these is followed by one walk over all columns, which shows which others violate them, bounds the distance from
the minimum, and proves of many that their coefficient is 0: they are left out of later walks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.dense_matrix import DenseMatrix
from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.certificate import Pass
from logloss.training.interruptible import tick
from logloss.training.sparse_lasso_dual import duality_gap
from logloss.training.sparse_lasso_problem import LassoPoint, LassoProblem
from logloss.training.sparse_lasso_step import Descended, descend

# A working set takes in so many times the columns that it has at most, or a number of them, or a share of all.
TIMES_ADDED, FEWEST_ADDED, SHARE_ADDED = 2, 500, 0.01
# Steps on a working set end at such a share of what columns outside it can gain, each by itself.
SHARE_OF_GAIN = 0.03
# The last ones end at such a share of the tolerance; and where that is not enough, at so much less.
SHARE_OF_TOLERANCE, LESS, ROUNDING_OF_GAIN = 0.1, 1e-3, 1e-12
# As long as columns outside it can gain a larger share of the objective, no bound is computed.
GREATEST_GAIN = 1e-8
# Columns that are proved to be 0 are left out once they are such a share of all.
SHARE_LEFT_OUT = 0.3
# A dense table is copied for it only where little is left.
SHARE_LEFT_OUT_OF_DENSE = 0.9


@dataclass(frozen=True, eq=False, slots=True)
class LassoOptimum:
    """Where the walks ended.

    at: the intercept and the coefficients. total_loss, penalty, bound: nats, summed. gradient: of loss and L2 penalty,
    as last seen of columns that were left out. passes: walks over all columns that were left. n_inner: walks over
    those of working sets. least_of_zeros: the least multiple of the penalty at which every coefficient that is
    penalised is 0; None where the fit did not begin there.
    """

    at: Array
    total_loss: float
    penalty: float
    bound: float
    gradient: Array
    passes: tuple[Pass, ...]
    n_inner: int
    least_of_zeros: float | None
    has_reached_limit: bool

    @property
    def objective(self) -> float:
        """The summed loss and the penalty."""
        return self.total_loss + self.penalty


def least_multiple_of_zeros(problem: LassoProblem, gradient: Array) -> float:
    """The least multiple of the penalty at which every penalised coefficient is 0, given the gradient where all are.

    There the intercept and what is not penalised must be at their optimum.
    """
    is_held = problem.l1 > 0
    return float((np.abs(gradient[1:][is_held]) / problem.l1[is_held]).max(initial=0.0))


class _Fit:
    """A fit while it goes on. problem: of the columns that are left; at, places: in their numbering."""

    def __init__(self, problem: LassoProblem, start: Array, max_passes: int, working: Array | None) -> None:
        self.whole = self.problem = problem
        self.left: Array | None = None
        self.at, self.max_passes = start, max_passes
        chosen = problem.is_free | (start[1:] != 0)
        if working is not None:
            chosen[working] = True
        self.places = np.flatnonzero(chosen)
        self.gradient = np.zeros(len(start))
        self.passes: list[Pass] = []
        self.n_inner = 0

    def full(self) -> Array:
        """The coefficients among all columns."""
        if self.left is None:
            return self.at
        out = np.zeros(1 + self.whole.n_columns)
        out[0], out[1 + self.left] = self.at[0], self.at[1:]
        return out

    def descended(self, goal: float, *, is_last: bool) -> Descended:
        """Steps on the working set."""
        own = self.problem.taken(self.places)
        made = descend(own, np.concatenate([self.at[:1], self.at[1:][self.places]]), goal, is_last=is_last)
        self.n_inner += made.n_walks
        self.at = self._spread(made.point.at)
        return made

    def walked(self) -> tuple[LassoPoint, Array]:
        """(A pass over all columns that are left, what each outside the working set can gain by itself, in nats)."""
        now = self.problem.evaluated(self.at)
        self.gradient[0] = now.gradient[0]
        self.gradient[slice(1, None) if self.left is None else 1 + self.left] = now.gradient[1:]
        violation = np.maximum(np.abs(now.gradient[1:]) - self.problem.l1, 0.0)
        violation[self.places] = 0.0
        curvature = np.maximum(now.sums.of_columns[:, 1] + self.problem.l2, np.finfo(float).tiny)
        return now, 0.5 * violation * (violation / curvature)

    def bounded(self, now: LassoPoint, own: Descended, gain: float) -> tuple[float, Array]:
        """(The bound at a pass, which columns it proves to be 0); none where the gap is hardly less than the loss."""
        if gain > max(GREATEST_GAIN * now.objective, self.whole.most) and len(self.passes) + 1 < self.max_passes:
            self.passes.append(self.whole.told(now.at, now.sums.total_loss, now.objective, now.penalty))
            return now.objective, np.zeros(self.problem.n_columns, bool)
        gap = duality_gap(self.problem, now, self._spread(own.step))
        self.passes.append(self.whole.told(now.at, now.sums.total_loss, gap.bound, now.penalty))
        return gap.bound, gap.zeros(self.problem)

    def grow(self, gains: Array) -> None:
        """Take into the working set what gains most."""
        n_wrong = int(np.count_nonzero(gains))
        if not n_wrong:
            return
        n_more = min(max(FEWEST_ADDED, TIMES_ADDED * len(self.places), int(SHARE_ADDED * len(gains))), n_wrong)
        worst = np.argsort(-gains, kind="stable")[:n_more] if n_more < n_wrong else np.flatnonzero(gains)
        self.places = np.union1d(self.places, worst)

    def leave_out(self, zeros: Array) -> None:
        """Leave out columns that are proved to be 0, and are, if they are many enough."""
        zeros = zeros & (self.at[1:] == 0)
        is_dense = isinstance(self.problem.rows.matrix, DenseMatrix)
        if zeros.mean() < (SHARE_LEFT_OUT_OF_DENSE if is_dense else SHARE_LEFT_OUT):
            return
        kept = np.flatnonzero(~zeros)
        problem = self.problem.taken(kept)
        self.problem = problem.told_to(self.whole.progress)
        number = np.cumsum(~zeros) - 1
        self.places = number[self.places[~zeros[self.places]]]
        self.at = np.concatenate([self.at[:1], self.at[1:][kept]])
        self.left = kept if self.left is None else self.left[kept]

    def _spread(self, values: Array) -> Array:
        """A vector of the working set among all columns that are left."""
        out = np.zeros(1 + self.problem.n_columns)
        out[0], out[1 + self.places] = values[0], values[1:]
        return out


def find_lasso_optimum(
    problem: LassoProblem, start: Array, max_passes: int, working: Array | None = None
) -> LassoOptimum:
    """Walks from a start until the bound is within the tolerance, none lowers it, or as many as are allowed.

    working: columns of the first working set, beside those not 0 at the start, and those that are not penalised.
    """
    fit = _Fit(problem, start, max_passes, working)
    least_of_zeros, goal, best = None, SHARE_OF_TOLERANCE * problem.most, math.inf
    while True:
        own = fit.descended(goal, is_last=goal <= SHARE_OF_TOLERANCE * problem.most)
        now, gains = fit.walked()
        gain = float(gains.sum())
        bound, zeros = fit.bounded(now, own, gain)
        if len(fit.passes) == 1 and not fit.at[1:][~problem.is_free].any():
            least_of_zeros = least_multiple_of_zeros(problem, now.gradient)
        is_done = bound <= problem.most
        is_spent = gain == 0 and not bound < 0.5 * best and goal <= ROUNDING * now.objective
        has_reached_limit = not (is_done or is_spent) and len(fit.passes) >= max_passes
        if is_done or is_spent or has_reached_limit:
            break
        fit.grow(gains)
        fit.leave_out(zeros)
        if gain > 0:
            goal = max(least_goal(problem, now.objective), SHARE_OF_GAIN * gain)
        else:
            best, goal = bound, LESS * min(goal, SHARE_OF_TOLERANCE * problem.most)
        tick()
    return LassoOptimum(
        fit.full(),
        now.sums.total_loss,
        now.penalty,
        bound,
        fit.gradient,
        tuple(fit.passes),
        fit.n_inner,
        least_of_zeros,
        has_reached_limit,
    )


def least_goal(problem: LassoProblem, objective: float) -> float:
    """What steps on a working set may leave, in nats: the bound is of first order in what other columns violate."""
    share = max(LESS, problem.most / objective / LESS)
    return min(1.0, max(share, ROUNDING_OF_GAIN * objective / problem.most)) * SHARE_OF_TOLERANCE * problem.most


def path_of(
    problem: LassoProblem,
    strengths: Sequence[float],
    start: Array | None = None,
    max_passes: int = 100,
    l2s: Sequence[float] | None = None,
) -> Iterator[tuple[float, LassoOptimum]]:
    """(A strength, the optimum at it), for strengths that descend: mostly one walk over all columns for each.

    problem: at strength 1; `l1` and `l2` of each column are multiplied with the strength, `l2` with a number of its own
    where l2s are given. Each fit begins on the line through the optima of the two strengths before. Its first working
    set are the columns that are not 0 there, and those whose derivative may come to the penalty if it changes no faster
    than the penalty does (the sequential strong rule of Tibshirani et al. 2012, doi:10.1111/j.1467-9868.2011.01004.x);
    a walk over all columns then finds what that has missed, and proves the bound, as in a single fit. The first fit
    begins where all penalised coefficients are 0, or at `start`; its `least_of_zeros`, times its strength, is the
    strength from which on every coefficient is 0.
    """
    at = np.zeros(1 + problem.n_columns) if start is None else start
    earlier = before = None
    # Known once, and to the problems of all strengths.
    _ = problem.norms
    for strength, l2 in zip(strengths, strengths if l2s is None else l2s, strict=True):
        own = problem.with_penalty(strength * problem.l1, l2 * problem.l2)
        # Without an L1 penalty no coefficient is 0.
        working = None if own.l1.any() else np.arange(problem.n_columns)
        if before is not None and working is None:
            last, gradient = before[0], before[1].gradient
            # The gradient there without the L2 penalty's part would be a little off where that is not 0: such columns
            # are in the working set anyway.
            working = np.flatnonzero(np.abs(gradient[1:]) >= (2.0 * strength - last) * problem.l1)
        begin = at
        if before is not None and earlier is not None and working is not None:
            begin = extrapolated((earlier[0], earlier[1].at), (before[0], at), strength)
        optimum = find_lasso_optimum(own, begin, max_passes, working)
        at, earlier, before = optimum.at, before, (strength, optimum)
        yield strength, optimum


def extrapolated(first: tuple[float, Array], second: tuple[float, Array], strength: float) -> Array:
    """Coefficients at a strength, on the line through those at two others; 0 where their sign would change."""
    (one, earlier), (two, now) = first, second
    if one == two:
        return now
    moved = now + (strength - two) / (two - one) * (now - earlier)
    moved[1:][np.sign(moved[1:]) != np.sign(now[1:])] = 0.0
    return moved
