"""The optimum under an L1 penalty: proximal Newton passes, each of whose steps minimises the quadratic approximation
plus the absolute values, so that coefficients that are 0 are exactly that.

The bound is that of the objective with the absolute values replaced by a linear function below them: the Newton
decrement, or a duality gap where columns depend on each other: docs/certificate.md.

References
----------
Lee, J. D., Sun, Y. & Saunders, M. A. (2014). Proximal Newton-type methods for minimizing composite functions. SIAM
Journal on Optimization 24(3), 1420-1443. doi:10.1137/130921428
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.data.source import KeptSource
from logloss.onepass.kernels.newton_rules import ROUNDING, is_stirring, rounding_of_objective
from logloss.onepass.summaries.hessian import Hessian
from logloss.training.best_intercept import first_intercept
from logloss.training.distinct_rows import with_distinct_rows
from logloss.training.evaluation import Evaluation, PassHistory, Rank, bound_at, factored
from logloss.training.factor import Factor
from logloss.training.group_lasso import GroupQuadratic, Groups, gain_of_groups, least_of_groups
from logloss.training.interruptible import SAMPLE, tell_phase
from logloss.training.lasso_step import Quadratic, least_of
from logloss.training.problem import Problem
from logloss.training.recipe import ROWS_PER_COEFFICIENT, cut
from logloss.training.solver import LENGTHS_WITH_WALLS, SolverState, best_point, ends_of, has_walls

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Lengths of a step that are tried where the whole one does not lower the objective.
LENGTHS = tuple(2.0**-k for k in range(1, 20))
# What a step is held back with, in units of the largest diagonal that the Hessian had: enough for a solution where
# columns depend on each other, too little to slow down the others.
HELD = 1e-10
# Of so many coefficients the Hessian is factored in each of the last passes.
FEW_COEFFICIENTS = 200
# A bound that needs no factor and is not below such a share of the one before is rounding.
SLOW = 0.1
# Of the pull of the absolute values: that with so much less has a bound, too.
SHARES = (2.0**-4, 2.0**-8, 2.0**-12)
# A sample is fitted until its bound is such a share of its own error, p / 2 nats; passes over it at most.
OF_SAMPLE, MOST_OF_SAMPLE = 1e-3, 25
# Of a table in memory without a sample every so many rows are one, if they are as many at least; prior observations.
THINNED, FEWEST_ROWS, N_PRIOR = 8, 1000, 10
# Of a sum of products, below which it is rounding.
NO_PART = 1e-10
# Roundings of a norm and what it is multiplied with, beside one for each of its terms.
OF_NORM = 16.0
# Instead of 0 below a ratio.
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Reached:
    """A pass, and where its step ends: next_values of the free coefficients.

    gradient: of loss and L2 penalty, hessian: of both, in the free coefficients. objective: with both penalties.
    decrement: what the step is expected to gain. bound: on the distance from the minimum.
    """

    sums: CurvatureSummary
    objective: float
    gradient: Array
    hessian: Hessian
    next_values: Array
    decrement: float
    bound: float


def solve_lasso(problem: Problem, start: Array, history: PassHistory, max_passes: int) -> SolverState:
    """Passes until the bound is within the tolerance and the coefficients have converged, as `solver.solve` makes them.

    The factor of the last one is that of the coefficients that are not 0.
    """
    last_pass = len(history.passes) + max_passes
    bound, decrement = ends_of(problem)
    reached, history = _evaluated(problem, history, start)
    is_stopped, bound_before = False, math.inf
    while not is_stopped and len(history.passes) < last_pass:
        is_rounding = problem.needs_digits and reached.bound > SLOW * bound_before
        if reached.decrement <= decrement and (reached.bound <= bound or is_rounding):
            break
        bound_before = reached.bound
        reached, history, is_stopped = _stepped(problem, history, reached, last_pass)
    reached, history = _proved(problem, history, reached)
    return SolverState(_as_evaluation(problem, reached), history, is_slow=False, is_stopped=is_stopped)


def first_point_of_lasso(problem: Problem, start: Array | None, sample: Block | None) -> tuple[Array, PassHistory]:
    """Where to begin: at a start that is given; else at the solution for the distinct rows, if these are far fewer, or
    for a sample if that is large enough; or where all coefficients are 0."""
    history = PassHistory.empty(problem)
    if start is not None:
        return start, history
    at = np.zeros(problem.design.width)
    at[0] = first_intercept(problem, sample)
    part = None if sample is None else with_distinct_rows(problem, sample)
    if part is None:
        part = _sampled(problem, sample, at)
    if part is None:
        return at, history
    tell_phase(problem.progress, SAMPLE)
    tolerance = max(problem.tolerance, OF_SAMPLE * len(problem.free) / (2 * part.n_rows))
    part = replace(part, tolerance=tolerance, needs_digits=False, on_pass=None)
    return solve_lasso(part, at, PassHistory.empty(part), MOST_OF_SAMPLE).evaluation.coefficients, history


def _sampled(problem: Problem, sample: Block | None, at: Array) -> Problem | None:
    """The problem of a sample, or of every THINNED-th row of a table in memory; None where these are too few.

    Some prior observations of the usual size of each feature, at its point, hold back levels of which few rows are in
    it, which may all have one class.
    """
    least = max(FEWEST_ROWS, ROWS_PER_COEFFICIENT * len(problem.free))
    part = None
    if sample is not None:
        part = _of_blocks(problem, tuple(cut(sample)))
    elif isinstance(problem.source, KeptSource) and problem.n_rows >= THINNED * least:
        blocks = problem.source.kept_blocks(problem.roles)
        part = _of_blocks(problem, tuple(block.taken(slice(0, None, THINNED)) for block in blocks))
    if part is None:
        return None
    sums = part.curvature(at)
    usual = sums.hessian.diagonal / max(float(sums.curvature[0]), TINY) * part.design.scale**2
    return replace(part, precisions=N_PRIOR * usual + part.penalty * part.design.scale**2)


def _of_blocks(problem: Problem, blocks: tuple[Block, ...]) -> Problem | None:
    """The same problem of some of the rows, beside which penalties weigh as much; None where these have no weight."""
    from logloss.onepass.summaries import mass_of

    n_rows = sum(block.n_rows for block in blocks)
    sum_weight = float(sum(np.sum(mass_of(block)) for block in blocks))
    share = sum_weight / problem.sum_weight
    if not share > 0:
        return None
    l1, l2 = problem.l1 * share, problem.l2 * share
    return replace(
        problem, blocks=blocks, n_rows=n_rows, sum_weight=sum_weight, l1=l1, l2=l2, rows=None, other_bound=None
    )


def least_l1_of_zeros(problem: Problem, sums: CurvatureSummary) -> float:
    """The least l1 at which every coefficient is 0: the largest derivative by one where all are, over its factor.

    sums: of a pass where all are 0 and the intercept is where the loss is least.
    """
    places = problem.free[int(problem.fit_intercept) :]
    factors = np.ones(problem.design.width) if problem.factors is None else problem.factors
    if problem.is_grouped:
        spans = [span - int(problem.fit_intercept) for span in problem.groups[1]]
        groups = Groups.of(problem.absolute[places] / problem.l1, spans)
        held = groups.weights > 0
        return float((groups.norms(sums.gradient[places])[held] / groups.weights[held]).max(initial=0.0))
    places = places[factors[places] > 0]
    slopes = (np.abs(sums.gradient) * problem.design.scale)[places]
    return float((slopes / factors[places]).max(initial=0.0))


def predicted_lasso(problem: Problem, sums: CurvatureSummary) -> Array:
    """A step for another penalty from a pass that was made for one: the loss does not depend on it."""
    free, at = problem.free, sums.point.coefficients
    gradient = (sums.gradient + problem.penalty * at)[free]
    held = sums.hessian.taken(free, problem.penalty[free] + HELD * sums.hessian.diagonal[free])
    moved = problem.full_vector(least_of(Quadratic(held, gradient, problem.absolute[free], at[free])))
    return moved if np.isfinite(moved).all() else at


def _stepped(
    problem: Problem, history: PassHistory, before: Reached, last_pass: int
) -> tuple[Reached, PassHistory, bool]:
    """The next point, no worse than the one before, the passes with it, and whether no step lowers the objective."""
    at, walls = before.sums.point.coefficients, has_walls(problem)
    terms = 0.0 if walls else float(np.abs(at) @ before.sums.sizes[0])
    most = before.objective + rounding_of_objective(before.objective, terms)
    to = problem.full_vector(before.next_values)
    after, history = _evaluated(problem, history, to)
    # NaN, of a step that leaves the numbers, is worse.
    if not after.objective <= most:
        if last_pass - len(history.passes) < 2:
            return before, history, True
        lengths = np.array(LENGTHS_WITH_WALLS if walls else LENGTHS)
        trial = best_point(problem, at, [to - at], lengths, problem.penalty, before.objective)
        history = history.with_pass(problem, trial.coefficients, trial.total_loss)
        if not trial.objective <= most:
            return before, history, True
        after, history = _evaluated(problem, history, trial.coefficients)
    return after, history, is_stirring(after.decrement, after.objective, before.decrement, before.objective, walls)


@np.errstate(over="ignore", invalid="ignore")
def _evaluated(problem: Problem, history: PassHistory, at: Array) -> tuple[Reached, PassHistory]:
    """A pass with the Hessian, the step from there, and the bound."""
    sums = problem.curvature(at, is_careful=True)
    free = problem.free
    gradient = (sums.gradient + problem.penalty * at)[free]
    objective = float(sums.total_loss) + problem.penalty_at(at)
    hessian = sums.hessian.taken(free, problem.penalty[free])
    if not (math.isfinite(objective) and np.isfinite(gradient).all()):
        # Of a step too long, from which none is made.
        reached = Reached(sums, math.inf, gradient, hessian, at[free], math.inf, math.inf)
        return reached, history.with_pass(problem, at, sums.total_loss)
    history = replace(history, largest_diagonal=np.maximum(history.largest_diagonal, hessian.diagonal))
    weights, values = problem.absolute[free], at[free]
    held = sums.hessian.taken(free, problem.penalty[free] + HELD * history.largest_diagonal)
    if problem.is_grouped:
        quadratic = GroupQuadratic(held, gradient, problem.norm_groups, values)
        next_values = least_of_groups(quadratic)
        decrement = gain_of_groups(quadratic, next_values)
    else:
        next_values = least_of(Quadratic(held, gradient, weights, values))
        decrement = expected_gain(held, gradient, weights, values, next_values)
    bound = min(dual_bound(problem, sums, objective), newton_bound(problem, Rank(), sums, objective, None))
    reached = Reached(sums, objective, gradient, hessian, next_values, decrement, bound)
    if len(free) <= FEW_COEFFICIENTS and decrement <= problem.tolerance * problem.sum_weight:
        reached, history = _proved(problem, history, reached)
    return reached, history.with_pass(problem, at, sums.total_loss, reached.bound)


def _proved(problem: Problem, history: PassHistory, reached: Reached) -> tuple[Reached, PassHistory]:
    """With the bound that needs the Hessian factored, where the one that needs no factor is not within the tolerance.

    Where columns outnumber rows that takes longer than several passes, after which the other one mostly is.
    """
    most = problem.tolerance * problem.sum_weight
    if reached.bound <= most or not reached.decrement <= most:
        return reached, history
    if problem.other_bound is not None:
        reached = replace(reached, bound=min(reached.bound, problem.other_bound(reached.sums.point.coefficients)))
        if reached.bound <= most:
            return reached, history
    sums, factor, history = factored(problem, history, reached.sums)
    bound = newton_bound(problem, history.known_rank, sums, reached.objective, factor)
    return replace(reached, bound=min(reached.bound, bound)), history


def expected_gain(hessian: Hessian, gradient: Array, weights: Array, values: Array, after: Array) -> float:
    """What a step gains of the quadratic approximation, without differences of nearly equal numbers."""
    return gain_of_step(hessian.times(after - values), gradient, weights, values, after)


def gain_of_step(of_step: Array, gradient: Array, weights: Array, values: Array, after: Array) -> float:
    """The same, given the Hessian times the step.

    With u the subgradient of the absolute values where it ends, that is half its square in the metric of the
    Hessian, and what the absolute values are above u times the coefficients where it begins.
    """
    pull = np.clip(-(gradient + of_step), -weights, weights)
    has_turned = np.sign(after) != np.sign(values)
    above = np.where(has_turned, weights * np.abs(values) - pull * values, 0.0)
    return max(0.5 * float((after - values) @ of_step), 0.0) + float(np.maximum(above, 0.0).sum())


def newton_bound(
    problem: Problem, rank: Rank, sums: CurvatureSummary, objective: float, factor: Factor | None
) -> float:
    """The bound of the objective with the absolute values replaced by u times the coefficients: u in [−l1, l1].

    u is the sign of a coefficient that is not 0, times l1, and of others what is nearest to minus the gradient. Where
    columns depend on each other, it is moved so that it predicts nothing along their dependences, and what that takes
    it beyond l1 is added. inf where columns do not determine the coefficients, as far as float64 can say.
    """
    free, at = problem.free, sums.point.coefficients
    weights, values = problem.absolute[free], at[free]
    gradient = (sums.gradient + problem.penalty * at)[free]
    groups = problem.norm_groups if problem.is_grouped else None
    if groups is None:
        pull = np.where(values == 0, np.clip(-gradient, -weights, weights), weights * np.sign(values))
    else:
        pull = groups.pull(values, gradient)
    still = None if factor is None else np.zeros(len(free))

    def own_bound(pull: Array) -> float:
        # The linear function is added, not subtracted.
        return bound_at(problem, rank, sums, objective, gradient, factor, still, (-pull, np.abs(pull)))

    null = None if factor is None else rank.null
    if null is None and groups is None:
        return own_bound(pull)
    if null is not None:
        pull -= _along(null, pull, weights)
        if (np.abs(null.T @ pull) > NO_PART * (np.abs(null.T) @ weights)).any():
            return math.inf
    excess = _excess(pull, weights, groups)
    above = _above(pull, values, weights, groups)
    absolute = problem.absolute_at(at)
    # At most so large are the absolute values at the minimum.
    most = min(
        objective,
        *((share * absolute + above + own_bound((1 - share) * pull)) / max(share - excess, TINY) for share in SHARES),
    )
    return own_bound(pull) + above + excess * most


def _along(null: Array, pull: Array, weights: Array) -> Array:
    """What a pull has along some dependences, as a sum of coefficients that have a weight; the least in units of it."""
    scaled = weights[:, None] * null
    along: Array = weights * (np.linalg.pinv(scaled.T) @ (null.T @ pull))
    return along


def _excess(pull: Array, weights: Array, groups: Groups | None) -> float:
    """By which share a pull is larger than the weights at most; inf where one without a weight is pulled."""
    is_held = weights > 0
    if pull[~is_held].any():
        return math.inf
    if groups is not None:
        sizes, weights, is_held = groups.norms(pull), groups.weights, groups.weights > 0
        return max(float((sizes[is_held] / weights[is_held]).max(initial=0.0)) - 1.0, 0.0) + _units(pull)
    return max(float((np.abs(pull[is_held]) / weights[is_held]).max(initial=0.0)) - 1.0, 0.0)


def _above(pull: Array, values: Array, weights: Array, groups: Groups | None) -> float:
    """What the penalty is above the pull times the coefficients; of norms with their rounding."""
    if groups is None:
        return float(np.maximum(weights * np.abs(values) - pull * values, 0.0).sum())
    sizes = groups.weights * groups.norms(values)
    own = sizes - np.add.reduceat(pull * values, groups.starts[:-1])
    return float((np.maximum(own, 0.0) + _units(pull) * sizes).sum())


def _units(values: Array) -> float:
    """The rounding of a norm of some of these and of what it is multiplied with, as a share."""
    return (OF_NORM + len(values)) * ROUNDING


def dual_bound(problem: Problem, sums: CurvatureSummary, objective: float) -> float:
    """The duality gap, at the point that the predictions are, scaled so that it is feasible: it needs no factor.

    Its own rounding is proportional to what it is scaled by: beside the largest derivative of the loss l1 must not be
    too small.
    """
    free, at = problem.free, sums.point.coefficients
    first = int(problem.fit_intercept)
    gradient, curvature, values = sums.gradient[free], sums.curvature[free], at[free]
    # What a coefficient of 0 adds to a row's log-odds is not rounded.
    unit, n_terms = ROUNDING, np.count_nonzero(at)
    error = unit * ((sums.n_additions + 8) * sums.sizes[0, free] + 2 * (n_terms + 4) * sums.sizes[1, free])
    shift = certain = of_shift = 0.0
    if first:
        most = (abs(gradient[0]) + error[0]) / curvature[0] if curvature[0] > 0 else math.inf
        if not most <= 1.0:
            return objective * (1 + 2 * unit)
        shift, certain = -gradient[0] / curvature[0], error[0] / curvature[0]
        of_shift = most * most * curvature[0]
    weights, values = problem.absolute[free][first:], values[first:]
    if not (weights > 0).all():
        # Where a column is not penalised no scale makes its derivative 0.
        return objective * (1 + 2 * unit)
    residual = (gradient + shift * curvature)[first:] + problem.penalty[free][first:] * values
    error = (error + certain * np.abs(curvature))[first:]
    if problem.is_grouped:
        groups = Groups.of(weights, [span - first for span in problem.groups[1]])
        norms, errors, units = groups.norms(values), groups.norms(error), _units(values)
        above = groups.weights * norms + np.add.reduceat(residual * values, groups.starts[:-1])
        above = np.maximum(above, 0.0) + (errors + units * groups.weights) * norms
        excess = max(float(((groups.norms(residual) + errors) / groups.weights).max(initial=0.0)) - 1.0, 0.0)
        excess += units
    else:
        above = np.maximum(weights * np.abs(values) + residual * values, 0.0) + error * np.abs(values)
        excess = max(float(((np.abs(residual) + error) / weights).max(initial=0.0)) - 1.0, 0.0)
    return min(of_shift + float(above.sum()) + excess * objective, objective) + 2 * unit * objective


def _as_evaluation(problem: Problem, reached: Reached) -> Evaluation:
    """A pass as other solvers have it, with the factor of the coefficients that are not 0."""
    at, free = reached.sums.point.coefficients, problem.free
    is_active = (at[free] != 0) | (problem.absolute[free] == 0)
    basis = np.eye(len(free))[:, is_active]
    return Evaluation(
        reached.sums,
        reached.objective,
        reached.gradient,
        Factor(reached.hessian, basis=basis),
        at,
        (),
        is_fresh=True,
        is_of_sample=False,
        step=problem.full_vector(reached.next_values) - at,
        decrement=reached.decrement,
        bound=reached.bound,
    )
