"""The precisions of shapes and pooled levels, chosen from the data: Newton's method on the Hessian of each pass.

A coefficient with precision λ costs λ / 2 times its square, as if it were drawn from a normal distribution with
variance 1 / λ. Each pass moves the log λ to where the marginal likelihood of the quadratic approximation has its
maximum, and the coefficients to its posterior mean there. A part whose precision grows without end is taken out of the
model, and comes in again where that would raise the marginal likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.shapes import CYCLIC, Shape
from logloss.data.terms import Category
from logloss.training.best_intercept import first_intercept
from logloss.training.evaluation import PassHistory
from logloss.training.interruptible import SAMPLE, tell_phase
from logloss.training.posterior import MOST, Part, Posterior, QuadraticLoss
from logloss.training.problem import Problem
from logloss.training.recipe import cut

# Between LEAST and MOST lie precisions, per row of unit weight.
LEAST, FIRST = 1e-4, 1.0
# Most updates on one Hessian, by a factor of exp(LONGEST) at most.
MOST_UPDATES, LONGEST = 10, 5.0
# Of the log marginal likelihood, and of the penalised log loss: what a step must be expected to gain, in nats, to be
# followed by another one; on one Hessian also this share of what its first update gains. Where a step gains what it was
# expected to but for this share, little is left.
LITTLE_GAIN, ENOUGH, AS_EXPECTED = 3e-2, 0.1, 0.01
# Passes at most, and the share of a step below which it is not made shorter.
MOST_PASSES, SHORTEST = 12, 1e-3
# A sample of all rows has at most one in so many; with it passes begin, until they gain less, in nats.
FEW_OF_ALL, GAIN_OF_SAMPLE = 4, 1.0
# Directions in which the log marginal likelihood is flatter are stepped along as if it were not, in nats.
FLAT = 1e-3


def parts_of(design: Design) -> tuple[Part, ...]:
    """The parts of all shapes and pooled categories."""
    found = []
    for term, span in zip(design.terms, design.spans_of_terms, strict=True):
        if isinstance(term, Category) and term.is_pooled:
            found.append(Part(term.column, np.arange(span.start, span.stop)))
        if isinstance(term, Shape):
            stops = span.start + np.cumsum([0, *term.parts])
            for k, ends in enumerate(pairwise(stops)):
                size, is_line = term.size_of(k), term.kind != CYCLIC and not k and not term.is_of_missing(k)
                found.append(Part(term.column, np.arange(*ends), size, is_line))
    return tuple(found)


def with_precisions(
    problem: Problem, history: PassHistory, effective_rows: float, sample: Block | None = None
) -> tuple[Problem, Array, PassHistory]:
    """(The problem with precisions chosen, coefficients near its optimum, the passes that it took).

    Weights count relative to each other: precisions are those of rows whose weights add up to `effective_rows`.
    sample: rows of a large table with which to begin, as the passes over all of them are expensive.
    """
    unit = problem.sum_weight / effective_rows
    start = np.zeros(problem.design.width)
    start[0] = first_intercept(problem, sample)
    choice = Choice(problem, parts_of(problem.design), unit, start, history)
    precisions = np.full(len(choice.parts), FIRST)
    if sample is not None and problem.n_rows >= FEW_OF_ALL * sample.n_rows:
        tell_phase(problem.progress, SAMPLE)
        begun, precisions = choice.made(precisions, GAIN_OF_SAMPLE, cut(sample))
        choice = replace(choice, at=begun.at)
    choice, precisions = choice.made(precisions, LITTLE_GAIN)
    return choice.problem, choice.at, choice.history


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """How far precisions are chosen: the problem with them, coefficients near its optimum, the passes so far.

    unit: the weight that counts as one row.
    """

    problem: Problem
    parts: tuple[Part, ...]
    unit: float
    at: Array
    history: PassHistory

    def made(self, precisions: Array, little: float, blocks: Sequence[Block] = ()) -> tuple[Choice, Array]:
        """(The choice made, its precisions in units), from some precisions: passes over all rows, or over the blocks of
        a sample, until none is expected to gain more than `little` nats."""
        problem, at, history = self.problem, self.at, self.history
        last, length, objective = at, 1.0, math.inf
        for _ in range(MOST_PASSES):
            sums = problem.curvature(at, blocks=blocks)
            if not blocks:
                history = history.with_pass(problem, at, sums.total_loss)
            if sums.total_loss + 0.5 * problem.penalty @ at**2 > objective and length > SHORTEST:
                # The quadratic approximation did not hold so far away.
                length /= 4
                at = last + 0.25 * (at - last)
                continue
            right = sums.hessian.times(at) - sums.gradient
            loss = QuadraticLoss(problem, self.parts, sums.hessian, right, self.unit)
            posterior, gain = _updated(Posterior(loss, precisions))
            precisions, problem = posterior.precisions, loss.with_precisions(posterior.precisions)
            objective = sums.total_loss + 0.5 * float(problem.penalty @ at**2)
            gradient = sums.gradient + problem.penalty * at
            last, at, length = at, posterior.mean, 1.0
            if max(gain, -0.5 * float(gradient @ (at - last)) / self.unit) <= little:
                break
        return replace(self, problem=problem, at=at, history=history), precisions


def _updated(posterior: Posterior) -> tuple[Posterior, float]:
    """(The posterior at precisions near the maximum of the marginal likelihood of a quadratic loss, what the first step
    towards it was expected to gain)."""
    precisions, gains = posterior.gains_of_others
    first = float(gains.sum())
    if first > LITTLE_GAIN:
        comes = np.isfinite(precisions)
        posterior = replace(posterior, precisions=np.where(comes, _within(precisions), posterior.precisions))
    for number in range(MOST_UPDATES):
        after, gain = _stepped(posterior)
        first = max(first, gain) if not number else first
        is_as_expected = abs(after.log_likelihood - posterior.log_likelihood - gain) <= AS_EXPECTED * gain
        posterior = after
        if is_as_expected or gain <= max(LITTLE_GAIN / 10, ENOUGH * first):
            break
    return posterior, first


def _stepped(before: Posterior) -> tuple[Posterior, float]:
    """(The posterior after one step of Newton's method in the log precisions, the gain in nats that it expected)."""
    slope, curvature, _, leaves = before.slopes
    numbers = np.flatnonzero(before.is_in)
    logs = np.log(before.precisions[numbers])
    is_free = (logs > math.log(LEAST)) | (slope > 0)
    values, vectors = np.linalg.eigh(-curvature[np.ix_(is_free, is_free)])
    along = vectors.T @ slope[is_free]
    step = np.zeros(len(numbers))
    step[is_free] = np.clip(vectors @ (along / np.maximum(np.abs(values), FLAT)), -LONGEST, LONGEST)
    gain = 0.5 * float(slope @ step)
    for length in (1.0, 0.25, 0.0625):
        moved = before.precisions.copy()
        moved[numbers] = _within(np.where(leaves, math.inf, np.exp(logs + length * step)))
        after = replace(before, precisions=moved)
        if after.log_likelihood >= before.log_likelihood - LITTLE_GAIN:
            break
    return after, gain


def _within(precisions: Array) -> Array:
    """Precisions within their limits; inf beyond the upper one."""
    return np.where(precisions < MOST, np.maximum(precisions, LEAST), math.inf)
