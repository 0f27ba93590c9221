"""Where a step fails: one pass that tries many lengths of it and damped ones at once, instead of halving pass by pass.

References
----------
Moré, J. J. (1978). The Levenberg-Marquardt algorithm: implementation and theory. doi:10.1007/BFb0067700
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.training.certificate import Factor
from logloss.training.problem import Problem

# Lengths of a step that are tried, in units of it.
LENGTHS = (4.0, 2.0, 1.0, *(2.0**-k for k in range(1, 9)))
# Beside a row that is far away the loss has walls that no curvature foretells: lengths that stop short of one.
LENGTHS_BEFORE_WALLS = (*LENGTHS, *(1.5 * 2.0**-k for k in range(1, 9)), *(2.0**-k for k in range(9, 64)))
# Newton's steps with so many times the largest diagonal seen so far added to the Hessian (Moré 1978); of a Hessian of
# more rows than MOST_DAMPED every fourth, as each is a factorisation.
DAMPINGS, MOST_DAMPED = tuple(10.0**k for k in range(-9, 4)), 600


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """The best of several points that one pass tried, and the loss there, without and with the penalty."""

    coefficients: Array
    total_loss: float
    objective: float


def best_point(problem: Problem, points: Array, penalty: Array, blocks: Sequence[Block] = ()) -> TrialPoint:
    """The one of least objective among some points, shape (n_points, width), on all rows or on a sample: one pass."""
    losses = problem.losses(points, blocks)
    objectives = losses + 0.5 * (points**2 @ penalty)
    best = int(np.argmin(np.where(np.isnan(objectives), np.inf, objectives)))
    return TrialPoint(points[best], float(losses[best]), float(objectives[best]))


def line_search(
    problem: Problem,
    at: Array,
    step: Array,
    gradient: Array,
    factor: Factor,
    largest_diagonal: Array,
    penalty: Array,
    blocks: Sequence[Block] = (),
) -> TrialPoint:
    """The best point along a step and among damped ones; gradient, factor: at the point, in the free coefficients."""
    # Far rows, and offsets, leave no curvature where the passes begin.
    has_walls = problem.design.has_outliers or problem.roles.offset is not None
    steps = [length * step for length in (LENGTHS_BEFORE_WALLS if has_walls else LENGTHS)]
    for damping in DAMPINGS[:: 1 if len(problem.free) <= MOST_DAMPED else 4]:
        damped = factor.damped(gradient, damping * largest_diagonal)
        if damped is not None:
            steps.append(problem.full_vector(-damped))
    return best_point(problem, at + np.array(steps), penalty, blocks)
