"""The fit of an additive model with pairs: their precisions, and the optimum at these.

No Hessian of all coefficients is formed, which would be too large. Steps are those of L-BFGS from the information along
the directions that the data determine; while precisions are chosen, a step and an update of these take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.training.evaluation import Pairs, PassHistory, Rank, bound_at, lbfgs_step, with_pair
from logloss.training.monotone import Steps, complementary, taken_by
from logloss.training.pair_choice import named, screened, with_sides
from logloss.training.pair_information import FOR_ERRORS, FOR_STEPS, PairInformation, blocks_of_terms
from logloss.training.posterior import MOST
from logloss.training.precisions import FEW_OF_ALL, LEAST
from logloss.training.problem import Problem
from logloss.training.recipe import ROWS_FOR_KNOTS, Learned, cut, sampled_block

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Times that precisions are updated, and by how much each may change.
N_UPDATES, MOST_CHANGE = 4, 10.0
# To stay, a pair that was not named must have so many effective degrees of freedom, and must lower the loss by so many
# nats for each of them.
LEAST_FREEDOM, LEAST_GAIN = 0.05, 0.5
# What an update adds to the effective degrees of freedom of a pair: a whole coefficient, or less of a small table.
USUAL_PRODUCTS = 32
# The information is formed again where a step leaves so much of what is left to gain, as long as that is worth it.
SLOW, WORTH = 0.1, 0.5
# What a problem knows of its rows.
OF_ROWS = "blocks", "sum_weight", "n_rows", "on_pass"
# Below such a length of a step nothing is left to try.
SHORTEST = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a monotone shape may not do. matrix: as of `monotone.Steps`, shape (n_steps, width). steps: from knot to
    knot at the coefficients, exactly; multipliers: of the constraints on these, both shape (n_steps,)."""

    matrix: Array
    steps: Array
    multipliers: Array

    @property
    def pull(self) -> Array:
        """The gradient of what the multipliers take from the objective, shape (width,)."""
        found: Array = self.multipliers @ self.matrix
        return found


@dataclass(frozen=True, slots=True)
class PairState:
    """Where the passes have come to: the sums there, the penalised objective, the passes so far; what holds shapes that
    must be monotone."""

    problem: Problem
    sums: CurvatureSummary
    history: PassHistory
    held: Held

    @property
    def at(self) -> Array:
        """The coefficients."""
        return self.sums.point.coefficients

    @property
    def objective(self) -> float:
        """The loss and the penalty, in nats."""
        return float(self.sums.total_loss + 0.5 * self.problem.penalty @ self.at**2)

    @property
    def gradient(self) -> Array:
        """Of the objective, shape (width,); 0 where a coefficient is fixed."""
        found = self.sums.gradient + self.problem.penalty * self.at
        if not self.problem.fit_intercept:
            found[0] = 0.0
        return found

    @property
    def bound(self) -> float:
        """Nats by which the objective can be above its least: the duality gap, of the Lagrangian."""
        free, held = self.problem.free, self.held
        if held.steps.min(initial=0.0) < 0:
            return np.inf
        sizes = len(held.steps) * (held.multipliers @ np.abs(held.matrix))
        pull = held.pull[free], sizes[free]
        gap = bound_at(self.problem, Rank(), self.sums, self.objective, self.gradient[free], None, None, pull)
        return gap + taken_by(held.multipliers, held.matrix, self.at, held.steps)


def evaluated(problem: Problem, history: PassHistory, at: Array, held: Held) -> PairState:
    """A pass over the rows."""
    sums = problem.curvature(at, wants_hessian=False)
    state = PairState(problem, sums, history, held)
    return replace(state, history=history.with_pass(problem, at, sums.total_loss, state.bound))


def stepped(state: PairState, solve: Callable[[Array], Array], step: Array) -> PairState:
    """The first of ever shorter steps that does not raise the objective; the same state where none does.

    Where shapes must be monotone it is the step that does best under their constraints, by the quadratic approximation
    that `solve` is the inverse of.
    """
    before, after = state.held, state.held
    if len(before.steps):
        reached = np.array([solve(row) for row in before.matrix])
        unconstrained = before.steps + before.matrix @ step
        multipliers, steps = complementary(reached @ before.matrix.T, unconstrained, before.steps <= 0)
        step = step + multipliers @ reached
        after = replace(before, steps=steps, multipliers=multipliers)
    length = 1.0
    while length > SHORTEST:
        held = replace(after, steps=(1.0 - length) * before.steps + length * after.steps)
        now = evaluated(state.problem, state.history, state.at + length * step, held)
        # From where a shape is not monotone any step that makes it so will do.
        if now.objective <= state.objective * (1.0 + 1e-14) or before.steps.min(initial=0.0) < 0:
            return now
        state, length = replace(state, history=now.history), length / 3
    return state


def fit_pairs(
    problem: Problem,
    at: Array,
    history: PassHistory,
    learned: Learned,
    pairs: tuple[tuple[str, str], ...] | None,
    last_pass: int,
    unit: float,
) -> PairFit:
    """The optimum of a problem with some pairs beside its terms: those that are named, or that the data speak for.

    at: near the optimum without them. unit: the weight that counts as one row. last_pass: of all passes.
    """
    drawn = learned.columns.sample
    rows = [block for _, block in drawn.chosen(ROWS_FOR_KNOTS)]
    sample = sampled_block(problem.design, drawn.pieces, min(len(drawn.priorities), ROWS_FOR_KNOTS))
    alone = replace(problem, design=with_sides(problem.design, rows))
    # The pairs of a large table, and their precisions, are those of a sample of its rows.
    begun = alone if problem.n_rows < FEW_OF_ALL * sample.n_rows else _of_sample(alone, sample)
    fit = Fit(blocks_of_terms(problem.design, problem.curvature(at).hessian), sample, unit)
    design, precisions = screened(begun, at, unit) if pairs is None else named(begun, at, pairs, unit)
    at = np.concatenate([at, np.zeros(design.width - len(at))])
    begun = _with_design(begun, design, precisions * unit)
    state = evaluated(begun, history, at, _held_of(begun, at))
    state = fit.with_precisions(state, keeps_all=pairs is not None)
    whole = replace(state.problem, **{name: getattr(problem, name) for name in OF_ROWS})
    history = history if begun.blocks else state.history
    state = evaluated(whole, history, state.at, state.held)
    state = fit.solved(state, last_pass)
    return PairFit(state, fit.information(state, FOR_ERRORS, is_single=False), sample)


def _of_sample(problem: Problem, sample: Block) -> Problem:
    """The same over the rows of a sample."""
    from logloss.onepass.summaries import mass_of

    mass = float(np.sum(mass_of(sample)))
    blocks = tuple(cut(sample))
    return replace(problem, blocks=blocks, sum_weight=mass, n_rows=sample.n_rows, on_pass=None)


def _held_of(problem: Problem, at: Array) -> Held:
    """What holds the monotone shapes of a problem, with multipliers of 0."""
    own = Steps.of(problem).matrix
    matrix = np.zeros((len(own), problem.design.width))
    matrix[:, problem.free] = own
    return Held(matrix, matrix @ at, np.zeros(len(own)))


@dataclass(frozen=True, slots=True)
class PairFit:
    """The last pass, the information there, and the rows that were drawn."""

    state: PairState
    information: PairInformation
    sample: Block


def _with_design(problem: Problem, design: Design, precisions: Array) -> Problem:
    """The problem with pairs of these precisions."""
    of_each = np.zeros(design.width)
    if problem.precisions is not None:
        of_each[: design.width_of_terms] = problem.precisions[: design.width_of_terms]
    for span, precision in zip(design.pair_spans, precisions.tolist(), strict=True):
        of_each[span] = precision
    return replace(problem, design=design, free=design.free, precisions=of_each)


@dataclass(frozen=True, slots=True)
class Fit:
    """How passes are made. of_terms: as of `blocks_of_terms`; sample: rows that were drawn; unit: the weight of one."""

    of_terms: Sequence[tuple[slice, Array]]
    sample: Block
    unit: float

    def information(self, state: PairState, rows_of_each: int, *, is_single: bool = True) -> PairInformation:
        """At the point of a state; is_single: to take steps with."""
        return PairInformation(state.problem, state.sums, self.of_terms, self.sample, rows_of_each, is_single=is_single)

    def with_precisions(self, state: PairState, *, keeps_all: bool) -> PairState:
        """The state once precisions are chosen; without the pairs that these leave nothing, unless all are kept."""
        freedom, gains = np.zeros(0), np.zeros(0)
        for _ in range(N_UPDATES if state.problem.design.pairs else 0):
            information = self.information(state, FOR_STEPS)
            state = stepped(state, information.solve, -information.solve(state.gradient))
            freedom = information.effective_degrees_of_freedom[len(self.of_terms) :]
            gains = information.gains(state.at)[len(self.of_terms) :] / self.unit
            state = replace(state, problem=_updated(state.problem, state.at, freedom, self.unit))
        stays = (freedom >= LEAST_FREEDOM) & (gains > LEAST_GAIN * freedom)
        if keeps_all or stays.all():
            return state
        problem, design, of_each = state.problem, state.problem.design, np.array(state.problem.precisions)
        kept = [pair for pair, stay in zip(design.pairs, stays.tolist(), strict=True) if stay]
        spans = [span for span, stay in zip(design.pair_spans, stays.tolist(), strict=True) if stay]
        precisions = np.array([of_each[span.start] for span in spans])
        at = np.concatenate([state.at[: design.width_of_terms], *(state.at[span] for span in spans)])
        smaller = _with_design(problem, replace(design, pairs=tuple(kept)), precisions)
        held = replace(state.held, matrix=state.held.matrix[:, : len(at)])
        return evaluated(smaller, state.history, at, held)

    def solved(self, state: PairState, last_pass: int) -> PairState:
        """Passes until the duality gap is within the tolerance, in nats per row, or no step lowers the objective."""
        problem = state.problem
        information = self.information(state, FOR_ERRORS)
        pairs: Pairs = ()
        decrement, n_steps = np.inf, 0
        while state.bound > problem.tolerance * problem.sum_weight and len(state.history.passes) < last_pass:
            step = lbfgs_step(pairs, information.solve, state.gradient)
            slope = state.gradient - state.held.pull
            before, decrement = decrement, 0.5 * float(slope @ information.solve(slope))
            if n_steps > 1 and decrement > max(SLOW * before, WORTH * self.unit):
                information, pairs, n_steps = self.information(state, FOR_ERRORS), (), 0
                step = -information.solve(state.gradient)
            after = stepped(state, partial(_inverse, pairs, information.solve), step)
            if after.sums is state.sums:
                return after
            pairs = with_pair(pairs, after.at - state.at, after.gradient - state.gradient)
            state, n_steps = after, n_steps + 1
        return state


def _inverse(pairs: Pairs, solve: Callable[[Array], Array], vector: Array) -> Array:
    """The inverse that steps of L-BFGS have, times a vector."""
    return -lbfgs_step(pairs, solve, vector)


def _updated(problem: Problem, at: Array, freedom: Array, unit: float) -> Problem:
    """The problem with the precisions of the pairs updated by the rule of Fellner and Schall."""
    precisions = np.array(problem.precisions)
    for span, each, edf in zip(problem.design.pair_spans, problem.design.tables, freedom.tolist(), strict=True):
        old = precisions[span.start] / unit
        size = float(((at[span] / each.scale) ** 2).sum())
        left = max(edf, 0.0) + min(1.0, len(each.scale) / USUAL_PRODUCTS)
        new = min(max(left / max(size, 1e-300), old / MOST_CHANGE), old * MOST_CHANGE)
        precisions[span] = min(max(new, LEAST), MOST) * unit
    return replace(problem, precisions=precisions)
