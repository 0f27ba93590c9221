"""The solver: passes over all rows, by Newton's method and L-BFGS, until a bound on what is left is small.

Where passes are expensive few of them form the Hessian; the others correct one of before by what the steps since have
taught (L-BFGS). A step makes one state of another; the loop around it is written once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import (
    MOST_SLOW_PASSES,
    ROUNDING,
    is_slow,
    is_stirring,
    rounding_of_objective,
)
from logloss.training.certificate import reach_of
from logloss.training.evaluation import Evaluation, PassHistory, duality_gap, evaluate, evaluation_of, factored
from logloss.training.factor import Factor
from logloss.training.problem import Problem

# Newton's method doubles the right digits in each pass: below this decrement (nats per row) coefficients have them all.
CONVERGED_DECREMENT = 1e-28
# Where Hessians are saved it is enough that no coefficient is off by more than about 1e-5 of its standard error: by
# Cauchy and Schwarz none is by more than √(2 · decrement), the decrement in nats, summed.
CONVERGED_DECREMENT_OF_EXPENSIVE = 1e-10
# A pass with an old Hessian must leave less than this share of the decrement, or the next one forms a new Hessian.
SLOW_DECREASE = 0.01

# Lengths of a step that are tried, in units of it.
LENGTHS = (4.0, 2.0, 1.0, *(2.0**-k for k in range(1, 9)))
# A row that is far away makes a wall in the loss that no curvature predicts, and on its other side a tail in which
# Newton's steps change its log-odds by 1: lengths that stop short of the one and that leave the other.
LENGTHS_WITH_WALLS = (
    *(2.0**k for k in range(3, 64, 3)),
    *LENGTHS,
    *(2.0**-k for k in range(11, 64, 6)),
)
# Of passes in a row that were as slow as in such a tail, one in so many searches along the step; and how many times the
# gain that a full step is expected to bring another length must bring there.
SLOW_PASSES_EACH, FAR_GAIN = 3, 4.0
# Between the best of these and its neighbours so many are tried at a time, and again if that has gained such a share of
# what the search gained before.
N_BETWEEN, WORTH_NARROWING = 14, 0.1
# A point whose loss is above so many times the objective is not followed to its last row.
FAR_ABOVE = 1.01
# Newton's steps with so many times the largest diagonal seen so far added to the Hessian (Moré 1978); of a Hessian of
# more rows than MOST_DAMPED every fourth, as each is a factorisation.
DAMPINGS, MOST_DAMPED = tuple(10.0**k for k in range(-9, 4)), 600


@dataclass(frozen=True, slots=True)
class SolverState:
    """Where the passes have come to.

    n_slow_passes: how many in a row were as slow as without an optimum. is_slow: whether the last one was too slow for
    an old Hessian. skips_full_step: whether the last line search found a better point than the full step. is_stopped:
    whether no step lowers the loss.
    """

    evaluation: Evaluation
    history: PassHistory
    is_slow: bool
    skips_full_step: bool = False
    n_slow_passes: int = 0
    is_stopped: bool = False

    @property
    def n_passes(self) -> int:
        """How many were made, wherever they began."""
        return len(self.history.passes)


# A step may leave the range of numbers: its objective is NaN or inf, and no better.
@np.errstate(over="ignore", invalid="ignore")
def solve(problem: Problem, start: Array, history: PassHistory, max_passes: int) -> SolverState:
    """Passes until the bound is within the tolerance and the coefficients have converged to their last digits."""
    last_pass = len(history.passes) + max_passes
    if problem.face and start.any():
        start, history = _shortest(problem, start, history)
    evaluation, history = _passes_in_memory(problem, start, history, max_passes) or evaluate(problem, history, start)
    # From nothing the curvature changes too much for an old Hessian to be tried; see `_needs_hessian`.
    state = SolverState(evaluation, history, is_slow=not start.any())
    while (
        state.n_passes < last_pass
        and not state.is_stopped
        and not has_converged(problem, state.evaluation)
        and not _suspects_separation(problem, state)
    ):
        state = _step(problem, state, last_pass)
    return state


def _passes_in_memory(
    problem: Problem, start: Array, history: PassHistory, max_passes: int
) -> tuple[Evaluation, PassHistory] | None:
    """The last of the passes of Newton's method over a small table in memory; None where these do not converge."""
    made = problem.newton_passes(start, ends_of(problem), max_passes)
    if made is None:
        return None
    passes, sums = made
    history = history.with_passes(problem, [problem.as_pass(*each) for each in passes[:-1]])
    return evaluation_of(problem, history, sums, bound=passes[-1].bound)


def _step(problem: Problem, state: SolverState, last_pass: int) -> SolverState:
    """The next state: a full step, or the best of a line search where that fails; no worse than the one before."""
    before, history = state.evaluation, state.history
    wants_hessian = _needs_hessian(problem, state)
    terms = 0.0 if has_walls(problem) else float(np.abs(before.coefficients) @ before.sums.sizes[0])
    most = before.objective + rounding_of_objective(before.objective, terms)
    full_step = before.coefficients + before.step
    skips_full_step = state.skips_full_step
    after: Evaluation | None = None
    is_in_tail = state.n_slow_passes % SLOW_PASSES_EACH == SLOW_PASSES_EACH - 1
    if is_in_tail and has_walls(problem) and len(history.passes) < last_pass - 1:
        history, skips_full_step = _leaves_tail(problem, before, history)
    if not skips_full_step:
        after, history = evaluate(problem, history, full_step, before, wants_hessian=wants_hessian)
    # NaN, of a step that leaves the numbers, is worse.
    if (after is None or not after.objective <= most) and len(history.passes) < last_pass:
        trial, skips_full_step, history = _searched(problem, before, history, last_pass)
        if not trial.objective <= most or len(history.passes) >= last_pass:
            return replace(state, history=history, is_stopped=True)
        after, history = evaluate(problem, history, trial.coefficients, before)
    if after is None or not after.objective <= most or _loses_the_bound(problem, before, after):
        return replace(state, history=history, is_stopped=True)
    state = SolverState(
        after,
        history,
        is_slow=after.decrement > SLOW_DECREASE * before.decrement,
        skips_full_step=skips_full_step,
        n_slow_passes=state.n_slow_passes + 1 if is_slow(after.decrement, before.decrement) else 0,
    )
    decrements = after.decrement, after.objective, before.decrement, before.objective
    if is_stirring(*decrements, has_walls(problem)) and (after.is_fresh or not wants_hessian):
        return _last_digits(problem, state, last_pass)
    return state


def _searched(
    problem: Problem, before: Evaluation, history: PassHistory, last_pass: int
) -> tuple[TrialPoint, bool, PassHistory]:
    """The best point of a line search, whether a full step was not the best one, and the passes with those it took.

    Before a wall it is narrowed down as long as that lowers the objective: the lengths of one pass come to a wall by
    half of what is left of the way at best, and one row at 10¹⁵ would take fifty of them.
    """
    at, step = before.coefficients, before.step
    trial = line_search(
        problem, at, step, before.gradient, before.factor, history.largest_diagonal, problem.penalty, before.objective
    )
    history = history.with_pass(problem, trial.coefficients, trial.total_loss)
    skips_full_step = not np.array_equal(trial.coefficients, at + step)
    if not (has_walls(problem) and trial.index < len(LENGTHS_WITH_WALLS) and skips_full_step):
        return trial, skips_full_step, history
    # Along a line the objective is convex: its minimum lies between the neighbours of the best point.
    lengths, best = np.array(sorted((0.0, *LENGTHS_WITH_WALLS))), LENGTHS_WITH_WALLS[trial.index]
    while len(history.passes) < last_pass:
        low, high = (lengths[lengths < best][-1], lengths[lengths > best][:1].max(initial=best))
        lengths = np.unique(np.concatenate([_between(low, high), [best]]))
        nearer = best_point(problem, at, [step], lengths, problem.penalty, trial.objective)
        history = history.with_pass(problem, nearer.coefficients, nearer.total_loss)
        gain, before_it = trial.objective - nearer.objective, before.objective - trial.objective
        if not gain > 4 * ROUNDING * abs(trial.objective) or not nearer.index:
            break
        trial, best = nearer, lengths[nearer.index]
        if gain < WORTH_NARROWING * before_it:
            break
    return trial, skips_full_step, history


def _between(low: float, high: float) -> Array:
    """N_BETWEEN lengths from one to the other, evenly spaced in logarithms; evenly from 0."""
    return np.linspace(low, high, N_BETWEEN) if low == 0 else np.geomspace(low, high, N_BETWEEN)


def _leaves_tail(problem: Problem, before: Evaluation, history: PassHistory) -> tuple[PassHistory, bool]:
    """Whether another length of a step gains far more than the full one is expected to."""
    lengths = np.array(LENGTHS_WITH_WALLS)
    trial = best_point(problem, before.coefficients, [before.step], lengths, problem.penalty, before.objective)
    history = history.with_pass(problem, trial.coefficients, trial.total_loss)
    gain = before.objective - trial.objective
    return history, gain > FAR_GAIN * before.decrement and gain > 4 * ROUNDING * abs(before.objective)


def _loses_the_bound(problem: Problem, before: Evaluation, after: Evaluation) -> bool:
    """Whether a step from a certified point gains nothing that the objective shows, and is certified no more."""
    most = problem.tolerance * problem.sum_weight
    gains = after.objective < before.objective - 4 * ROUNDING * abs(before.objective)
    return before.bound <= most and not after.bound <= most and after.is_fresh and not gains


def _last_digits(problem: Problem, state: SolverState, last_pass: int) -> SolverState:
    """Stopped; or, if only a careful bound can be within the tolerance, the same point with that."""
    is_certified = state.evaluation.bound <= problem.tolerance * problem.sum_weight
    if state.history.is_careful or is_certified or state.n_passes >= last_pass:
        return replace(state, is_stopped=True)
    history = replace(state.history, is_careful=True)
    evaluation, history = evaluate(problem, history, state.evaluation.coefficients)
    return replace(state, evaluation=evaluation, history=history)


def _shortest(problem: Problem, at: Array, history: PassHistory) -> tuple[Array, PassHistory]:
    """The coefficients that predict the same for all rows, of least norm where columns are linearly dependent."""
    _, _, history = factored(problem, history, problem.curvature(np.zeros(problem.design.width)))
    rank = history.known_rank
    return (at if rank.null is None else problem.full_vector(rank.shortest(at[problem.free]))), history


def _needs_hessian(problem: Problem, state: SolverState) -> bool:
    """Whether the next pass forms it: where it is cheap, was slow without, or is too old to prove anything."""
    if not problem.avoids_hessians or state.is_slow:
        return True
    now = state.evaluation
    # Formed at the next point it would be good for all later ones.
    reach = reach_of(now.factor.deviations, now.sums.largest[problem.free], problem.groups)
    is_near = reach * math.sqrt(2 * SLOW_DECREASE * now.decrement) < 1
    moved = (now.coefficients + now.step - now.hessian_at)[problem.free]
    return is_near and (now.is_of_sample or reach * now.factor.length(moved) >= 1)


def _suspects_separation(problem: Problem, state: SolverState) -> bool:
    """Whether each pass leaves as much as if a row's loss fell by e with each, as it does without an optimum."""
    is_excluded = problem.is_penalised or problem.face or state.history.is_separation_checked
    return state.n_slow_passes >= MOST_SLOW_PASSES and not is_excluded


def has_converged(problem: Problem, now: Evaluation) -> bool:
    """Whether the answer is certified and its digits are all there.

    A bound by a Hessian of single precision is proved again, by one in double precision if the duality gap does not: a
    pass without a Hessian, which takes less time, is made first where it is expected to make that gap small enough.
    """
    bound, decrement = ends_of(problem)
    if not (now.bound <= bound and now.decrement <= decrement):
        return False
    is_provisional = now.factor.is_single and problem.is_penalised
    return not (is_provisional and bound < duality_gap(problem, now) <= bound / SLOW_DECREASE)


def ends_of(problem: Problem) -> tuple[float, float]:
    """The bound, and half the squared Newton decrement, at which passes end: in nats, summed."""
    decrement = CONVERGED_DECREMENT * problem.sum_weight
    if problem.avoids_hessians:
        decrement = CONVERGED_DECREMENT_OF_EXPENSIVE
    return problem.tolerance * problem.sum_weight, decrement if problem.needs_digits else math.inf


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """The best of several points that one pass tried, its number among them, and the loss there, without and with the
    penalty."""

    index: int
    coefficients: Array
    total_loss: float
    objective: float


def best_point(
    problem: Problem,
    at: Array,
    steps: Sequence[Array],
    lengths: Array,
    penalty: Array,
    objective: float = math.inf,
    blocks: Sequence[Block] = (),
) -> TrialPoint:
    """The one of least objective of some, on all rows or on a sample: one pass.

    The points are at + length · steps[0], and at + each other step. objective: one that is known already.
    """
    points, losses = problem.losses(at, np.array(steps), lengths, FAR_ABOVE * objective, blocks)
    objectives = losses + 0.5 * (points**2 @ penalty)
    if problem.l1:
        objectives += np.array([problem.absolute_at(point) for point in points])
    best = int(np.argmin(np.where(np.isnan(objectives), np.inf, objectives)))
    return TrialPoint(best, points[best], float(losses[best]), float(objectives[best]))


def has_walls(problem: Problem) -> bool:
    """Whether rows may lie so far away that no curvature tells of them: outliers, and offsets."""
    return problem.design.has_outliers or problem.roles.offset is not None


def line_search(
    problem: Problem,
    at: Array,
    step: Array,
    gradient: Array,
    factor: Factor,
    largest_diagonal: Array,
    penalty: Array,
    objective: float,
    blocks: Sequence[Block] = (),
) -> TrialPoint:
    """The best point along a step and among damped ones; gradient, factor, objective: at the point where it begins.

    The first two are in the free coefficients.
    """
    lengths, steps = np.array(LENGTHS_WITH_WALLS if has_walls(problem) else LENGTHS), [step]
    for damping in DAMPINGS[:: 1 if len(problem.free) <= MOST_DAMPED else 4]:
        damped = factor.damped(gradient, damping * largest_diagonal)
        if damped is not None:
            steps.append(problem.full_vector(-damped))
    return best_point(problem, at, steps, lengths, penalty, objective, blocks)
