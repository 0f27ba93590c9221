"""One fit from its start to its end: where it begins, its passes, and what separates the classes where these stall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.information import entropy
from logloss.training.best_intercept import first_intercept
from logloss.training.certificate import Pass
from logloss.training.distinct_rows import with_distinct_rows
from logloss.training.evaluation import Evaluation, PassHistory, Rank, proved_bound
from logloss.training.factor import Factor
from logloss.training.interruptible import (
    INFORMATION_MATRIX,
    PASSES,
    PASSES_OF_FACE,
    SAMPLE,
    tell_phase,
)
from logloss.training.lasso import first_point_of_lasso, solve_lasso
from logloss.training.monotone import is_monotone, solve_monotone
from logloss.training.problem import Problem
from logloss.training.recipe import ROWS_PER_COEFFICIENT, cut
from logloss.training.separation import SeparatingDirections, find_directions
from logloss.training.solver import has_converged, line_search, solve

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Passes without a penalty after which a fit that is not certified looks for separation.
PATIENCE = 25
# Rows of each level that a sample should have for a warm start to need fewer passes, where passes are cheap.
FEWEST_OF_LEVEL = 20
# A level of at most so many rows often has one class only; of so many of these some certainly do.
FEW_ROWS, MANY_LEVELS = 4, 16


# Nested samples: each has so many times the rows of the one before, and the first at least so many.
GROWTH, FEWEST_ROWS = 4, 2000
# A step on a sample must gain more than this share of p / 2, the size of the sample's own error.
WORTHWHILE = 0.02
MOST_STEPS = 20
# A sample's Hessian serves the first pass if each of its diagonal entries stands for about a hundred rows, whose
# curvatures p(1 − p) are about 1/8 each.
ENOUGH_CURVATURE = 12.5


@dataclass(frozen=True)
class Optimum:
    """Where the passes ended: the last of them, and what separates the classes (None where that was not looked for).

    has_reached_limit: whether `max_passes` ended them; otherwise they have converged, or no step lowers the objective.

    Where classes are separated it is the optimum, and the problem, of the rows that no direction divides; rank and
    passes are those of all rows, or of these where no pass went before, own_rank is that of these, and n_passes counts
    both.
    """

    problem: Problem
    evaluation: Evaluation
    rank: Rank
    passes: tuple[Pass, ...]
    separating: SeparatingDirections | None
    has_reached_limit: bool = False
    n_passes: int = 0
    own_rank: Rank = field(default_factory=Rank)

    @property
    def directions(self) -> tuple[Array, ...]:
        """Along which the loss falls without end, where no finite maximum-likelihood estimate exists."""
        return () if self.separating is None else self.separating.directions

    @cached_property
    def bound(self) -> float:
        """Nats by which the objective can be above its minimum, summed over the rows; inf where no bound is proved."""
        return proved_bound(self.problem, self.rank, self.evaluation, lambda: self.information)

    @cached_property
    def information(self) -> Factor:
        """The Hessian there in double precision, factored; formed by one more pass where the last one did not."""
        now = self.evaluation
        if now.is_fresh and not now.sums.point.is_single:
            return now.factor
        problem = replace(self.problem, phase=INFORMATION_MATRIX)
        return problem.factor(problem.curvature(now.coefficients), self.own_rank.kernel)


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """Coefficients that steps on a sample have come to, and the sums there, or at the point before a short step."""

    coefficients: Array
    sums: CurvatureSummary
    history: PassHistory


def warm_start(problem: Problem, history: PassHistory, at: Array, sample: Block) -> tuple[Array, PassHistory]:
    """Steps on subsamples, each held back by a prior that weighs less in the next; what they show of the Hessian."""
    prior: Array | None = None
    for n_rows in subsample_sizes(sample.n_rows, len(problem.free)):
        blocks = cut(sample, n_rows)
        sums = _curvature_of(problem, at, blocks)
        if prior is None:
            # One prior observation of the usual size of each feature.
            usual = sums.hessian.diagonal[1:] / max(float(sums.curvature[0]), 1e-300)
            prior = np.concatenate([[0.0], usual])
        point = _steps_on_sample(
            problem, SamplePoint(at, sums, history), problem.penalty * (n_rows / problem.n_rows) + prior, blocks
        )
        at, history = point.coefficients, point.history
    if problem.avoids_hessians:
        history = _with_sample_factor(problem, history, point.sums, sample)
    return at, history


def subsample_sizes(n_rows: int, n_free: int) -> list[int]:
    """Rows of each nested subsample, the whole sample last."""
    sizes = [n_rows]
    while sizes[0] // GROWTH >= max(FEWEST_ROWS, ROWS_PER_COEFFICIENT * n_free):
        sizes.insert(0, sizes[0] // GROWTH)
    return sizes


def _steps_on_sample(problem: Problem, now: SamplePoint, penalty: Array, blocks: Sequence[Block]) -> SamplePoint:
    """Newton's method on one sample."""
    free = problem.free
    skips_full_step = False
    for _ in range(MOST_STEPS):
        at, sums = now.coefficients, now.sums
        gradient = (sums.gradient + penalty * at)[free]
        factor = problem.factor(sums, penalty=penalty)
        history = now.history.with_diagonal(factor)
        step = problem.full_vector(-factor.solve(gradient))
        expected = -0.5 * float(gradient @ step[free])
        if not expected > WORTHWHILE * len(free) / 2:
            return SamplePoint(at + step, sums, history)
        reached = float(sums.total_loss + 0.5 * penalty @ at**2)
        after = None if skips_full_step else _curvature_of(problem, at + step, blocks)
        if after is None or not after.total_loss + 0.5 * penalty @ (at + step) ** 2 <= reached:
            trial = line_search(problem, at, step, gradient, factor, history.largest_diagonal, penalty, reached, blocks)
            if not trial.objective < reached:
                return SamplePoint(at, sums, history)
            skips_full_step = not np.array_equal(trial.coefficients, at + step)
            after = _curvature_of(problem, trial.coefficients, blocks)
        now = SamplePoint(after.point.coefficients, after, history)
    return now


def _curvature_of(problem: Problem, at: Array, blocks: Sequence[Block]) -> CurvatureSummary:
    return problem.curvature(at, is_single=problem.allows_single, blocks=blocks)


def _with_sample_factor(problem: Problem, history: PassHistory, sums: CurvatureSummary, sample: Block) -> PassHistory:
    """With the sample's Hessian, as large as that of all rows, for the first pass, if it holds enough of each place."""
    from logloss.onepass.summaries import mass_of

    share = float(np.sum(mass_of(sample))) / problem.sum_weight
    diagonal = sums.hessian.diagonal[problem.free]
    if not diagonal.min() >= ENOUGH_CURVATURE * share * problem.sum_weight / sample.n_rows:
        return history
    factor = problem.factor(replace(sums, hessian=sums.hessian / share))
    history = history.with_diagonal(factor)
    return history if factor.n_dependent else replace(history, sample_factor=factor)


def find_optimum(problem: Problem, start: Array, history: PassHistory, max_passes: int) -> Optimum:
    """Passes from some coefficients until the certificate is within the tolerance, or what separates the classes.

    max_passes: of all of them together; where classes are separated, of the rows that are left there is at least one.
    """
    if problem.l1 or is_monotone(problem.design):
        solve_constrained = solve_lasso if problem.l1 else solve_monotone
        state = solve_constrained(problem, start, history, max_passes - len(history.passes))
        # An L1 penalty chooses among coefficients that predict the same.
        rank, n_passes = Rank() if problem.l1 else state.history.known_rank, state.n_passes
        passes, is_ended = state.history.passes, n_passes >= max_passes
        return Optimum(problem, state.evaluation, rank, passes, None, is_ended, n_passes, own_rank=rank)
    separating: SeparatingDirections | None = None
    if not problem.is_penalised and _is_easily_separated(problem):
        separating = find_directions(problem, start)
        if separating.directions:
            return _on_face(problem, separating, start, history, max_passes)
    state = solve(problem, start, history, min(max_passes, PATIENCE))
    has_left = state.n_passes < max_passes and not has_converged(problem, state.evaluation)
    if has_left and _is_misled(problem, start, state.history.passes[len(history.passes)]):
        # A sample that misled: rather Newton's method from nothing.
        state = solve(problem, np.zeros(problem.design.width), state.history, max_passes - state.n_passes)
    if not problem.is_penalised and not state.evaluation.is_proven:
        separating = find_directions(problem, state.evaluation.coefficients)
        if separating.directions:
            return _on_face(problem, separating, state.evaluation.coefficients, state.history, max_passes)
    if state.n_passes < max_passes and not has_converged(problem, state.evaluation):
        history = replace(state.history, is_separation_checked=True)
        state = solve(problem, state.evaluation.coefficients, history, max_passes - state.n_passes)
    has_reached_limit, history = state.n_passes >= max_passes, state.history
    rank, n_passes = history.known_rank, state.n_passes
    return Optimum(
        problem, state.evaluation, rank, history.passes, separating, has_reached_limit, n_passes, own_rank=rank
    )


def _is_misled(problem: Problem, start: Array, first: Pass) -> bool:
    """Whether the first pass was worse than nothing."""
    if not start.any() or problem.roles.offset is not None:
        return False
    return bool(first.log_loss > (entropy(problem.base_rate) if problem.fit_intercept else math.log(2)))


def _is_easily_separated(problem: Problem) -> bool:
    """Whether it is likely before any pass: of levels of few rows one often has one class, of few rows any has."""
    usual = problem.sum_weight / problem.n_rows
    levels = [weight for term in problem.design.categories for weight in term.weights]
    is_rare = [weight <= FEW_ROWS * usual for weight in levels]
    return sum(is_rare) > MANY_LEVELS or problem.n_rows <= len(problem.design.free)


def _on_face(
    problem: Problem, separating: SeparatingDirections, start: Array, history: PassHistory, max_passes: int
) -> Optimum:
    """The finite part of the answer: the fit of the rows that no direction divides."""
    face = problem.on_face(separating.directions, separating.free)
    if history.passes:
        # The passes that are reported are those over all rows.
        face = replace(face, on_pass=None, phase=PASSES_OF_FACE if face.phase == PASSES else face.phase)
    kept = face.full_vector(start[separating.free])
    n_before = len(history.passes)
    state = solve(face, kept, PassHistory.empty(face), max(max_passes - n_before, 1))
    n_passes = n_before + state.n_passes
    passes = history.passes or state.history.passes
    rank, own_rank, is_ended = history.known_rank, state.history.known_rank, n_passes >= max_passes
    return Optimum(face, state.evaluation, rank, passes, separating, is_ended, n_passes, own_rank=own_rank)


def first_point(
    problem: Problem, start: Array | None, sample: Block | None, max_passes: int
) -> tuple[Array, PassHistory]:
    """Where to begin: at a start that is given; else at the solution for the distinct rows, if these are far fewer, or
    for a sample if that is large enough; or at 0."""
    if problem.l1:
        return first_point_of_lasso(problem, start, sample)
    history = PassHistory.empty(problem)
    at = np.zeros(problem.design.width) if start is None else start
    if start is None and problem.roles.offset is not None:
        at[0] = first_intercept(problem, sample)
    if start is None and problem.rows is not None:
        return problem.rows.near_optimum(problem.penalty, at, len(problem.free)), history
    if start is None and sample is not None:
        distinct = with_distinct_rows(problem, sample)
        if distinct is not None:
            tell_phase(problem.progress, SAMPLE)
            return solve(distinct, at, PassHistory.empty(distinct), max_passes).evaluation.coefficients, history
        rarest = min((min(term.weights) for term in problem.design.categories), default=math.inf)
        # A level with few rows in it may be missing from a sample; if it is the reference, all others depend on it.
        if problem.is_expensive or rarest * sample.n_rows >= FEWEST_OF_LEVEL * problem.sum_weight:
            null_model = at.copy()
            null_model[0] = first_intercept(problem, sample)
            tell_phase(problem.progress, SAMPLE)
            at, history = warm_start(problem, history, null_model, sample)
    return at, history
