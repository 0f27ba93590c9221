"""The fit of an additive model with pairs: their precisions, and the optimum at these.

No Hessian of all coefficients is formed, which would be too large. Steps are those of L-BFGS from the information along
the directions that the data determine; while precisions are chosen, a step and an update of these take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.training.evaluation import PassHistory, Rank, _bound, lbfgs_step, with_pair
from logloss.training.pair_information import FOR_ERRORS, FOR_STEPS, PairInformation, blocks_of_terms
from logloss.training.precisions import LEAST, MOST
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Times that precisions are updated, and by how much each may change.
N_UPDATES, MOST_CHANGE = 4, 10.0
# A pair is left out of the model once its penalty leaves it so little.
LEAST_FREEDOM = 0.05
# What an update adds to the effective degrees of freedom of a pair: a whole coefficient, or less of a small table.
USUAL_PRODUCTS = 32
# The information is formed again where a step leaves so much of what is left to gain, as long as that is worth it.
SLOW, WORTH = 0.1, 0.5
# Below such a length of a step nothing is left to try.
SHORTEST = 1e-3


@dataclass(frozen=True, slots=True)
class PairState:
    """Where the passes have come to: the sums there, the penalised objective, the passes so far."""

    problem: Problem
    sums: CurvatureSummary
    history: PassHistory

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
        """Nats by which the objective can be above its least: the duality gap."""
        free = self.problem.free
        return _bound(self.problem, Rank(), self.sums, self.objective, self.gradient[free], None, None)


def evaluated(problem: Problem, history: PassHistory, at: Array) -> PairState:
    """A pass over the rows."""
    sums = problem.curvature(at, wants_hessian=False, is_careful=history.is_careful)
    state = PairState(problem, sums, history)
    return replace(state, history=history.with_pass(problem, at, sums.total_loss, state.bound))


def stepped(state: PairState, step: Array) -> PairState:
    """The first of ever shorter steps that does not raise the objective; the same state where none does."""
    length = 1.0
    while length > SHORTEST:
        after = evaluated(state.problem, state.history, state.at + length * step)
        if after.objective <= state.objective * (1.0 + 1e-14):
            return after
        state, length = replace(state, history=after.history), length / 3
    return state


def with_pair_precisions(
    state: PairState, of_terms: Sequence[tuple[slice, Array]], sample: Block | None, unit: float
) -> PairState:
    """The state once precisions are chosen, without the pairs that these leave nothing."""
    for _ in range(N_UPDATES):
        information = PairInformation(state.problem, state.sums, of_terms, sample, FOR_STEPS)
        state = stepped(state, -information.solve(state.gradient))
        freedom = information.effective_degrees_of_freedom[len(of_terms) :]
        state = replace(state, problem=_updated(state.problem, state.at, freedom, unit))
    return state


def _updated(problem: Problem, at: Array, freedom: Array, unit: float) -> Problem:
    """The problem with the precisions of the pairs updated by the rule of Fellner and Schall."""
    precisions = problem.precisions.copy()
    for span, each, edf in zip(problem.design.pair_spans, problem.design.tables, freedom.tolist(), strict=True):
        old = precisions[span.start] / unit
        size = float(((at[span] / each.scale) ** 2).sum())
        left = max(edf, 0.0) + min(1.0, len(each.scale) / USUAL_PRODUCTS)
        new = min(max(left / max(size, 1e-300), old / MOST_CHANGE), old * MOST_CHANGE)
        precisions[span] = min(max(new, LEAST), MOST) * unit
    return replace(problem, precisions=precisions)


def solved(
    state: PairState, of_terms: Sequence[tuple[slice, Array]], sample: Block | None, last_pass: int, tolerance: float
) -> PairState:
    """Passes until the duality gap is within the tolerance, in nats per row."""
    problem = state.problem
    information = PairInformation(problem, state.sums, of_terms, sample, FOR_STEPS)
    pairs, n_steps, decrement = (), 0, np.inf
    while state.bound > tolerance * problem.sum_weight and len(state.history.passes) < last_pass:
        step = lbfgs_step(pairs, information.solve, state.gradient)
        before, decrement = decrement, -0.5 * float(state.gradient @ step)
        if n_steps > 1 and decrement > max(SLOW * before, WORTH):
            information, pairs, n_steps = PairInformation(problem, state.sums, of_terms, sample, FOR_STEPS), (), 0
            step = -information.solve(state.gradient)
        after = stepped(state, step)
        if after.sums is state.sums:
            return after
        pairs = with_pair(pairs, after.at - state.at, after.gradient - state.gradient)
        state, n_steps = after, n_steps + 1
    return state
