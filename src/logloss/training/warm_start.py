"""Where the passes of a large table begin: Newton's method on growing nested subsamples of a random sample.

>>> subsample_sizes(100_000, n_free=5)
[6250, 25000, 100000]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.training.evaluation import PassHistory
from logloss.training.line_search import line_search
from logloss.training.problem import Problem
from logloss.training.row_sample import ROWS_PER_COEFFICIENT, cut

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Nested samples: each has so many times the rows of the one before, and the first at least so many.
GROWTH, FEWEST_ROWS = 4, 2000
# A step on a sample must gain more than this share of p / 2, the size of the sample's own error.
WORTHWHILE = 0.02
MOST_STEPS = 20
# A sample's Hessian serves the first pass if each of its diagonal entries stands for about a hundred rows, whose
# curvatures p(1 − p) are about 1/8 each.
ENOUGH_CURVATURE = 12.5


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
            usual = np.diag(sums.hessian)[1:] / max(float(sums.curvature[0]), 1e-300)
            prior = np.concatenate([[0.0], usual])
        point = _steps_on_sample(
            problem, SamplePoint(at, sums, history), problem.penalty * (n_rows / problem.n_rows) + prior, blocks
        )
        at, history = point.coefficients, point.history
    if problem.saves_hessians:
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
            trial = line_search(problem, at, step, gradient, factor, history.largest_diagonal, penalty, blocks)
            if not trial.objective < reached:
                return SamplePoint(at, sums, history)
            skips_full_step = not np.array_equal(trial.coefficients, at + step)
            after = _curvature_of(problem, trial.coefficients, blocks)
        now = SamplePoint(after.point.coefficients, after, history)
    return now


def _curvature_of(problem: Problem, at: Array, blocks: Sequence[Block]) -> CurvatureSummary:
    return problem.curvature(at, is_single=problem.allows_single, blocks=blocks)


def _with_sample_factor(problem: Problem, history: PassHistory, sums: CurvatureSummary, sample: Block) -> PassHistory:
    """With the sample's Hessian, as large as that of all rows, for the first pass, if it says enough of each place."""
    from logloss.onepass.summaries import mass_of

    share = float(np.sum(mass_of(sample))) / problem.sum_weight
    diagonal = np.diag(sums.hessian)[problem.free]
    if not diagonal.min() >= ENOUGH_CURVATURE * share * problem.sum_weight / sample.n_rows:
        return history
    factor = problem.factor(replace(sums, hessian=sums.hessian / share))
    history = history.with_diagonal(factor)
    return history if factor.n_dependent else replace(history, sample_factor=factor)
