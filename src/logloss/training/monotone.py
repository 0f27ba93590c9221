"""The optimum under monotone shapes: Newton's method, each of whose steps minimises the quadratic approximation under
the constraints that no step from knot to knot goes the wrong way.

A shape of K knots has K − 1 coefficients beside that of a missing value, so that its steps are coordinates, too: those
that a constraint holds at 0 are exactly 0, and a curve that is their sum is exactly monotone. The bound is that of the
Lagrangian: docs/certificate.md.

References
----------
Portugal, L. F., Judice, J. J. & Vicente, L. N. (1994). A comparison of block pivoting and interior-point algorithms for
linear least squares problems with nonnegative variables. Mathematics of Computation 63(208), 625-643.
doi:10.1090/S0025-5718-1994-1250776-4
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.shapes import SIGNS, Shape
from logloss.onepass.kernels.newton_rules import ROUNDING, is_stirring, rounding_of_objective
from logloss.training.evaluation import Evaluation, PassHistory, bound_at, factored
from logloss.training.factor import Factor
from logloss.training.problem import Problem
from logloss.training.solver import SolverState, best_point, has_converged, has_walls

# Lengths of a step that are tried where the whole one does not lower the objective: between feasible points all are.
LENGTHS = tuple(2.0**-k for k in range(1, 20))
# Exchanges of all wrong signs that may bring no fewer of them before they are exchanged one at a time, which ends.
PATIENCE = 3
# Of a multiplier or a step, in units of the largest: below it a wrong sign is rounding.
NO_SIGN = 64 * ROUNDING


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The steps of all monotone shapes from knot to knot, those of decreasing ones with their sign changed.

    matrix: of the free coefficients in the solver's coordinates, shape (n_steps, n_free). inverse: the coefficients
    that make each step, shape (n_free, n_steps).
    """

    matrix: Array
    inverse: Array

    @classmethod
    def of(cls, problem: Problem) -> Steps:
        """Those of a problem."""
        design = problem.design
        own = [term.steps for term in design.shapes]
        matrix = np.zeros((sum(map(len, own)), design.width))
        inverse, start = np.zeros(matrix.shape[::-1]), 0
        for span, each in zip(design.shape_spans, own, strict=True):
            rows = slice(start, start + len(each))
            matrix[rows, span] = each / design.scale[span]
            inverse[span, rows] = np.linalg.pinv(each) * design.scale[span, None]
            start = rows.stop
        return cls(matrix[:, problem.free], inverse[problem.free])

    def moved(self, values: Array, steps: Array) -> Array:
        """The coefficients with these steps, all else the same."""
        return values + self.inverse @ (steps - self.matrix @ values)

    def face(self, steps: Array) -> Array:
        """The moves that leave steps of 0 as they are, shape (n_free, n_free − those)."""
        others = np.eye(self.matrix.shape[1])[:, ~self.matrix.any(axis=0)]
        return np.hstack([others, self.inverse[:, steps > 0]])


@dataclass(frozen=True, slots=True)
class Reached:
    """A pass, the steps from knot to knot there, and those once its own step is made."""

    evaluation: Evaluation
    steps: Array
    next_steps: Array


def is_monotone(design: Design) -> bool:
    """Whether a shape of a design must be monotone."""
    return any(term.constraint for term in design.shapes)


def solve_monotone(problem: Problem, start: Array, history: PassHistory, max_passes: int) -> SolverState:
    """Passes until the bound is within the tolerance and the coefficients have converged, as `solver.solve` makes them.

    From a start that is not monotone the first step goes to a point that is, whatever the objective there; so there
    are two passes at least. The factor of the last one is that of the moves which leave curves flat where they are.
    """
    steps = Steps.of(problem)
    own = steps.matrix @ start[problem.free]
    last_pass = len(history.passes) + max_passes
    reached, history = _evaluated(problem, history, steps, start, own)
    is_stopped = False
    if own.min(initial=0.0) < 0:
        now = reached.evaluation
        reached, history = _evaluated(problem, history, steps, now.coefficients + now.step, reached.next_steps)
    while not is_stopped and len(history.passes) < last_pass and not has_converged(problem, reached.evaluation):
        reached, history, is_stopped = _stepped(problem, history, steps, reached, last_pass)
    now = reached.evaluation
    if (reached.steps == 0).any():
        now = replace(now, factor=Factor(now.factor.hessian, basis=steps.face(reached.steps)))
    return SolverState(now, history, is_slow=False, is_stopped=is_stopped)


def _stepped(
    problem: Problem, history: PassHistory, steps: Steps, reached: Reached, last_pass: int
) -> tuple[Reached, PassHistory, bool]:
    """The next point, no worse than the one before, the passes with it, and whether no step lowers the objective."""
    before = reached.evaluation
    terms = 0.0 if has_walls(problem) else float(np.abs(before.coefficients) @ before.sums.sizes[0])
    most = before.objective + rounding_of_objective(before.objective, terms)
    at, own = before.coefficients + before.step, reached.next_steps
    after, history = _evaluated(problem, history, steps, at, own)
    if not after.evaluation.objective <= most:
        if last_pass - len(history.passes) < 2:
            return reached, history, True
        lengths = np.array(LENGTHS)
        trial = best_point(problem, before.coefficients, [before.step], lengths, problem.penalty, before.objective)
        history = history.with_pass(problem, trial.coefficients, trial.total_loss)
        if not trial.objective <= most:
            return reached, history, True
        length = LENGTHS[trial.index]
        own = (1.0 - length) * reached.steps + length * own
        after, history = _evaluated(problem, history, steps, trial.coefficients, own)
    now = after.evaluation
    decrements = now.decrement, now.objective, before.decrement, before.objective
    return after, history, is_stirring(*decrements, has_walls(problem))


def _evaluated(
    problem: Problem, history: PassHistory, steps: Steps, at: Array, own: Array
) -> tuple[Reached, PassHistory]:
    """A pass with the Hessian, and the step from there. own: the steps from knot to knot at these coefficients."""
    sums = problem.curvature(at, is_careful=True)
    sums, factor, history = factored(problem, history, sums)
    free, values = problem.free, at[problem.free]
    gradient = (sums.gradient + problem.penalty * at)[free]
    objective = float(sums.total_loss + 0.5 * problem.penalty @ at**2)
    covariance = steps.matrix @ factor.inverse @ steps.matrix.T
    unconstrained = own - steps.matrix @ factor.solve(gradient)
    multipliers, next_steps = complementary(covariance, unconstrained, own <= 0)
    pull = multipliers @ steps.matrix
    slope = gradient - pull
    solved = factor.solve(slope)
    step = steps.moved(values - solved, next_steps) - values
    # What the quadratic approximation gains, by the duality of the two programs.
    held = taken_by(multipliers, steps.matrix, values, own)
    decrement = max(0.5 * float(slope @ solved) + held, 0.0)
    bound = math.inf
    if own.min(initial=0.0) >= 0:
        sizes = len(own) * (multipliers @ np.abs(steps.matrix))
        still = np.zeros(len(free))
        bound = bound_at(problem, history.known_rank, sums, objective, gradient, factor, still, (pull, sizes)) + held
    evaluation = Evaluation(
        sums,
        objective,
        gradient,
        factor,
        at,
        (),
        is_fresh=True,
        is_of_sample=False,
        step=problem.full_vector(step),
        decrement=decrement,
        bound=bound,
        steps=own,
    )
    return Reached(evaluation, own, next_steps), history.with_pass(problem, at, sums.total_loss, bound)


def taken_by(multipliers: Array, matrix: Array, values: Array, steps: Array) -> float:
    """Most that multipliers can take from the objective at some coefficients, in nats.

    matrix, steps: as of `Steps`. The steps of the coefficients are those but for rounding, which large multipliers
    magnify.
    """
    rounded = (matrix.shape[1] + 2) * ROUNDING * (np.abs(matrix) @ np.abs(values))
    return float(multipliers @ (np.maximum(steps, matrix @ values) + rounded))


def complementary(matrix: Array, offset: Array, is_held: Array) -> tuple[Array, Array]:
    """(Multipliers m ≥ 0, steps s = offset + matrix · m ≥ 0) of which one is 0 at each place, exactly.

    matrix: positive definite, shape (n, n). is_held: where steps are 0, at a guess. By block principal pivoting: wrong
    signs are exchanged all at once, and once that brings no fewer of them one at a time (Murty's rule, which ends).
    Cost: O(n³) an exchange; a good guess needs one or two.
    """
    size = np.sqrt(np.diag(matrix))
    matrix, offset, is_held = matrix / size / size[:, None], offset / size, is_held.copy()
    multipliers, steps = np.zeros(len(offset)), offset
    fewest, n_left = len(offset) + 1, PATIENCE
    # One at a time may take long: then the signs that are left wrong make a looser bound, and the next pass goes on.
    for _ in range(100 + 4 * len(offset)):
        held = np.flatnonzero(is_held)
        multipliers, steps = np.zeros(len(offset)), offset
        if len(held):
            multipliers[held] = np.linalg.solve(matrix[np.ix_(held, held)], -offset[held])
            steps = offset + matrix[:, held] @ multipliers[held]
        least = NO_SIGN * max(np.abs(multipliers).max(initial=0.0), np.abs(offset).max(initial=0.0))
        is_wrong = np.where(is_held, multipliers < -least, steps < -least)
        n_wrong = int(np.count_nonzero(is_wrong))
        if not n_wrong:
            break
        if n_wrong < fewest:
            fewest, n_left = n_wrong, PATIENCE
        elif n_left:
            n_left -= 1
        else:
            is_wrong[: np.flatnonzero(is_wrong)[-1]] = False
        is_held ^= is_wrong
    steps = np.where(is_held, 0.0, np.maximum(steps, 0.0))
    return np.maximum(multipliers, 0.0) / size, steps * size


def with_exact_values(design: Design, values: Array, steps: Array) -> tuple[Design, Array]:
    """The same functions, monotone shapes by their values at each place, which rise or fall to the last bit.

    values: coefficients in the user's units. steps: from knot to knot, of all monotone shapes.
    """
    terms: dict[str, Shape] = {}
    parts, start = [values[: 1 + design.n_dense + design.n_levels]], 0
    for term, span in zip(design.shapes, design.shape_spans, strict=True):
        n_steps = len(term.steps)
        own = values[span]
        if n_steps:
            terms[term.column], own = _by_values(term, own, steps[start : start + n_steps])
        parts.append(own)
        start += n_steps
    parts.append(values[design.width_of_terms :])
    replaced: Sequence = [terms.get(term.column, term) if isinstance(term, Shape) else term for term in design.terms]
    return replace(design, terms=tuple(replaced)), np.concatenate(parts)


def _by_values(term: Shape, own: Array, steps: Array) -> tuple[Shape, Array]:
    """A monotone shape whose coefficients are its values at each place, and these."""
    found, n_knots = term.basis @ own, len(term.knots)
    if len(steps) == n_knots - 1:
        found[:n_knots] = found[0] + SIGNS[term.constraint] * np.concatenate([[0.0], np.cumsum(steps)])
    else:
        # A line: one step, whose shares rise with the knots.
        shares = (term.knots - term.knots[0]) / (term.knots[-1] - term.knots[0])
        found[:n_knots] = found[0] + SIGNS[term.constraint] * steps[0] * shares
    n_places = len(found)
    return replace(term, basis=np.eye(n_places), parts=(n_places,)), found
