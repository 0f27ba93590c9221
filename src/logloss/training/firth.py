"""Firth's penalty: the coefficients that maximise the likelihood with Jeffreys' prior, and FLIC and FLAC after them.

The penalised likelihood is not concave, so that no bound on the distance from its maximum is proved; the score of the
penalised likelihood there is what shows that it is stationary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.evaluation import Evaluation, PassHistory, factored
from logloss.training.likelihood import (
    Ascent,
    AugmentedLikelihood,
    Height,
    JeffreysLikelihood,
    Likelihood,
    answer,
    ascend,
)
from logloss.training.optimum import Optimum
from logloss.training.problem import Problem
from logloss.training.solver import CONVERGED_DECREMENT

FIRTH, FLIC, FLAC = "firth", "flic", "flac"
PENALTIES = (FIRTH, FLIC, FLAC)
# A step of an intercept, in log-odds, by which no refit goes farther at once.
LONGEST_STEP = 1.0


@dataclass(frozen=True)
class PenalisedOptimum(Optimum):
    """Where an ascent to Firth's maximum, FLIC's or FLAC's ended. bound: infinite, as none is proved.

    likelihood, peak: what was maximised and where, for profiles: of FLIC, before its intercept was refitted.
    """

    likelihood: Likelihood | None = None
    peak: Ascent | None = None


def find_penalised(
    problem: Problem, penalty: str, start: Array, history: PassHistory, max_passes: int
) -> PenalisedOptimum:
    """The maximum of the likelihood under one of the penalties, from some coefficients. Cost: two passes a step."""
    sums, _, history = factored(problem, history, problem.curvature(start))
    rank = history.known_rank
    record = _Record(problem, history)
    likelihood = JeffreysLikelihood(problem, rank.basis, on_look=record)
    at = rank.shortest(start[problem.free])
    # Of least norm, it predicts the same.
    first = answer(problem, likelihood.look(at, sums=sums))
    if start.any():
        # A sample, or another model, may be far off, where the information is nearly singular.
        at_zero = answer(problem, likelihood.look(np.zeros_like(at), first.value))
        first = first if at_zero.score is None else at_zero
    if first.score is None:
        raise DataError(
            "the information matrix is singular where the fit begins, so Firth's penalty is not defined. Rescale the "
            "columns, or leave out those that are nearly linearly dependent."
        )
    peak = record.climbed(likelihood, first, max_passes)
    found = PenalisedOptimum(
        problem,
        _evaluation(problem, peak.height, peak.gain),
        rank,
        (),
        None,
        not peak.has_converged and record.is_full(likelihood, max_passes),
        own_rank=rank,
        likelihood=replace(likelihood, on_look=None),
        peak=peak,
    )
    if penalty == FLIC:
        found = _with_intercept(found, record, max_passes)
    elif penalty == FLAC:
        found = _with_added_covariate(found, record, max_passes)
    return replace(found, passes=record.history.passes)


class _Record:
    """The passes of a fit, one after another: each point is looked at by one, or by two."""

    def __init__(self, problem: Problem, history: PassHistory) -> None:
        self.problem, self.history = problem, history

    def __call__(self, at: Array, total_loss: float, penalty: float, n_walks: int) -> None:
        """Once a point was looked at."""
        for _ in range(n_walks):
            self.history = self.history.with_pass(self.problem, at, total_loss, penalty=penalty)

    @property
    def n_passes(self) -> int:
        """How many were made."""
        return len(self.history.passes)

    def is_full(self, likelihood: Likelihood, max_passes: int) -> bool:
        """Whether the limit leaves no room for another point."""
        return self.n_passes + likelihood.n_walks_of_look > max_passes

    def climbed(self, likelihood: Likelihood, first: Height, max_passes: int) -> Ascent:
        """The maximum from a point."""
        least = CONVERGED_DECREMENT * self.problem.sum_weight
        return answer(self.problem, ascend(likelihood, first, least_gain=least, most_walks=max_passes - self.n_passes))


def _evaluation(problem: Problem, height: Height, gain: float) -> Evaluation:
    """The end of an ascent as the rest of a fit reads the last pass."""
    n_free = len(problem.free)
    full = problem.full_vector(height.at[:n_free])
    still = np.zeros_like(full)
    return Evaluation(
        height.sums, -height.value, np.zeros(n_free), height.factor, full, (), True, False, still, gain, math.inf
    )


def _with_intercept(found: PenalisedOptimum, record: _Record, max_passes: int) -> PenalisedOptimum:
    """FLIC: the intercept refitted by maximum likelihood, so that the mean prediction is the base rate."""
    problem, now = found.problem, found.evaluation
    likelihood = Likelihood(problem, found.rank.basis)
    at: Array = now.coefficients[problem.free]
    height: Height | None = None
    has_converged = False
    while record.n_passes < max_passes and not has_converged:
        height = answer(problem, likelihood.look(at))
        record(problem.full_vector(at), height.sums.total_loss, likelihood.jeffreys(height.factor), 1)
        sums = height.sums
        step = -float(sums.gradient[0] / sums.curvature[0])
        has_converged = abs(sums.gradient[0]) <= 8 * ROUNDING * problem.sum_weight or abs(step) <= ROUNDING
        if not has_converged:
            at = at.copy()
            at[0] += min(max(step, -LONGEST_STEP), LONGEST_STEP)
    if height is None:
        return replace(found, has_reached_limit=True)
    return replace(
        found,
        evaluation=_evaluation(problem, height, now.decrement),
        has_reached_limit=found.has_reached_limit or not has_converged,
    )


def _with_added_covariate(found: PenalisedOptimum, record: _Record, max_passes: int) -> PenalisedOptimum:
    """FLAC: maximum likelihood for the rows and those that the penalty adds, with one coefficient more for these."""
    problem, firth = found.problem, found.peak
    is_full = found.likelihood is None or record.is_full(found.likelihood, max_passes)
    if firth is None or is_full or not isinstance(found.likelihood, JeffreysLikelihood):
        return replace(found, has_reached_limit=True)
    pseudo = found.likelihood.leverages(firth.at, firth.height.factor)
    likelihood = AugmentedLikelihood(problem, found.rank.basis, on_look=record, pseudo=pseudo)
    peak = record.climbed(likelihood, answer(problem, likelihood.look(np.append(firth.at, 0.0))), max_passes)
    n_free = len(problem.free)
    # What is left of the information on the coefficients once the one that tells the rows apart is estimated, too.
    matrix = peak.height.factor.matrix
    left = matrix[:n_free, :n_free] - np.outer(matrix[:n_free, n_free], matrix[:n_free, n_free]) / matrix[-1, -1]
    own = replace(peak.height, factor=type(peak.height.factor)(left, basis=found.rank.basis))
    return replace(
        found,
        evaluation=_evaluation(problem, own, peak.gain),
        has_reached_limit=found.has_reached_limit or not peak.has_converged,
        likelihood=replace(likelihood, on_look=None),
        peak=peak,
    )
