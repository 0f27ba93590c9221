"""The precisions of shapes and pooled levels, chosen from the data: Fellner–Schall updates on the Hessian of each pass.

A coefficient with precision λ costs λ / 2 times its square, as if it were drawn from a normal distribution with
variance 1 / λ. The update moves each λ to where the marginal likelihood of the quadratic approximation has its maximum.

References
----------
Wood, S. N. & Fasiolo, M. (2017). A generalized Fellner-Schall method for smoothing parameter optimization with
application to Tweedie location, scale and shape models. Biometrics 73(4), 1071-1081. doi:10.1111/biom.12666
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.shapes import Shape
from logloss.data.terms import Category
from logloss.training.evaluation import PassHistory
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries.hessian import Hessian

# Between these precisions lie, per row of unit weight; at the upper one a part of a term is out of the model.
LEAST, MOST = 1e-4, 1e7
FIRST = 1.0
# Precisions have been found once no logarithm moves by more, and are updated so many times on one Hessian.
FOUND, MOST_UPDATES = 0.02, 3
# Passes on which they are updated; and the expected gain, in nats, below which their Hessian is the last one.
MOST_PASSES, LITTLE_GAIN = 12, 1e-2


@dataclass(frozen=True, slots=True)
class Part:
    """Coefficients with one precision: the column they belong to, and their places among all."""

    column: str
    places: Array


def parts_of(design: Design) -> tuple[Part, ...]:
    """The parts of all shapes and pooled categories."""
    found = []
    for term, span in zip(design.terms, design.spans_of_terms, strict=True):
        if isinstance(term, Category) and term.is_pooled:
            found.append(Part(term.column, np.arange(span.start, span.stop)))
        if isinstance(term, Shape):
            stops = span.start + np.cumsum([0, *term.parts])
            found += [Part(term.column, np.arange(*ends)) for ends in pairwise(stops)]
    return tuple(found)


def with_precisions(
    problem: Problem, history: PassHistory, effective_rows: float
) -> tuple[Problem, Array, PassHistory]:
    """(The problem with precisions chosen, coefficients near its optimum, the passes that it took).

    Weights count relative to each other: precisions are those of rows whose weights add up to `effective_rows`.
    """
    parts, design = parts_of(problem.design), problem.design
    unit = problem.sum_weight / effective_rows
    precisions = np.zeros(design.width)
    for part in parts:
        precisions[part.places] = FIRST * unit
    problem, at = replace(problem, precisions=precisions), np.zeros(design.width)
    at[0] = math.log(problem.base_rate / (1 - problem.base_rate)) if problem.fit_intercept else 0.0
    objective, step, length = math.inf, np.zeros(design.width), 1.0
    for _ in range(MOST_PASSES):
        sums = problem.curvature(at)
        history = history.with_pass(problem, at, sums.total_loss)
        if sums.total_loss + 0.5 * problem.penalty @ at**2 > objective and length > 1e-3:
            # The quadratic approximation did not hold so far away.
            length /= 4
            at = at - 3 * length * step
            continue
        problem = _updated(problem, parts, sums.hessian, sums.gradient, at, unit)
        factor = problem.factor(sums)
        gradient = (sums.gradient + problem.penalty * at)[problem.free]
        step, length = problem.full_vector(-factor.solve(gradient)), 1.0
        objective = sums.total_loss + 0.5 * float(problem.penalty @ at**2)
        at = at + step
        if -0.5 * float(gradient @ step[problem.free]) <= LITTLE_GAIN * unit:
            break
    return problem, at, history


def _updated(
    problem: Problem, parts: Sequence[Part], hessian: Hessian, gradient: Array, at: Array, unit: float
) -> Problem:
    """The problem with the precisions of the quadratic approximation at a point."""
    free, scale = problem.free, problem.design.scale
    position = np.full(problem.design.width, -1)
    position[free] = np.arange(len(free))
    right = hessian.times(at) - gradient
    precisions = np.zeros(problem.design.width) if problem.precisions is None else problem.precisions.copy()
    for _ in range(MOST_UPDATES):
        problem = replace(problem, precisions=precisions.copy())
        factor = problem.factor_of(hessian)
        variances = factor.deviations**2 / scale[free] ** 2
        values = factor.solve(right[free]) / scale[free]
        most = 0.0
        for part in parts:
            own = position[part.places]
            old = precisions[part.places[0]]
            size = float(values[own] @ values[own])
            left = max(len(own) - old * float(variances[own].sum()), 1e-12 * len(own))
            new = min(max(unit * left / max(size, 1e-300), LEAST * unit), MOST * unit)
            precisions[part.places] = new
            most = max(most, abs(math.log(new / old)))
        if most <= FOUND:
            break
    return replace(problem, precisions=precisions)
