"""What each term of an additive model adds to the log-odds: its values, their standard errors, and how much it matters.

>>> import logloss
>>> x = [k / 20 for k in range(200)]
>>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
>>> [(effect.column, effect.kind) for effect in model.terms]
[('x', 'smooth')]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from logloss.answers.estimate import Z
from logloss.answers.small_table import SmallTable
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.shapes import Shape
from logloss.data.terms import Category, Numbers
from logloss.data.values import Value
from logloss.training.factor import Factor
from logloss.training.problem import Problem

# Kinds of terms that are no shapes.
NUMBER, LEVELS, POOLED = "number", "levels", "pooled levels"


@dataclass(frozen=True, slots=True, eq=False)
class TermEffect:
    """The contribution of one column to the log-odds, against the average of the training rows.

    Attributes
    ----------
    column : str
        The column.
    kind : {"smooth", "linear", "cyclic", "pooled levels", "levels", "number"}
        What it is in the model.
    at : tuple
        Knots of a shape, or levels of a category, and None for a missing value; shape (n_places,). Of a plain number
        1: the effect is that of one unit.
    effect, std_error : array of shape (n_places,)
        Log-odds, and their standard errors: those of the posterior distribution given the precisions.
    weights : array of shape (n_places,)
        Weight of the training rows there; a row between two knots is shared.
    precisions : tuple of float
        Of its parts: of a curve that of the straight line, and that of what bends.
    effective_degrees_of_freedom : float
        How many coefficients its penalty leaves it.
    loss_without : float
        In-sample log loss, in nats per row, where all rows have its average in place of it.
    """

    column: str
    kind: str
    at: tuple[Value, ...]
    effect: Array
    std_error: Array
    weights: Array
    precisions: tuple[float, ...]
    effective_degrees_of_freedom: float
    loss_without: float

    @property
    def low(self) -> Array:
        """Lower ends of the 95% intervals, in log-odds, shape (n_places,)."""
        return self.effect - Z * self.std_error

    @property
    def high(self) -> Array:
        """Upper ends of the 95% intervals, in log-odds, shape (n_places,)."""
        return self.effect + Z * self.std_error

    @property
    def range(self) -> float:
        """The greatest effect less the least, in log-odds, over the places with training rows."""
        occurring = self.effect[self.weights > 0]
        return float(np.ptp(occurring)) if len(occurring) else 0.0

    @property
    def table(self) -> SmallTable:
        """Where it is what: x, effect, std_error, low, high, weight."""
        columns = {
            "x": list(self.at),
            "effect": self.effect.tolist(),
            "std_error": self.std_error.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "weight": self.weights.tolist(),
        }
        return SmallTable(columns)

    def to_pandas(self) -> Any:
        """`table` as a pandas.DataFrame; pandas must be installed."""
        return self.table.to_pandas()


def effects_of(problem: Problem, at: Array, factor: Factor, unit: float) -> tuple[TermEffect, ...]:
    """The effects of all terms at the optimum; factor: of the Hessian of the penalised objective there. One pass.

    unit: the weight that counts as one row in standard errors and precisions.
    """
    design = problem.design
    scale = design.scale[problem.free]
    covariance = np.zeros((design.width, design.width))
    covariance[np.ix_(problem.free, problem.free)] = unit * factor.inverse / scale / scale[:, None]
    terms = [
        (term, j) for term in design.terms for j in (range(len(term.names)) if isinstance(term, Numbers) else (0,))
    ]
    moves = np.array([_without(design, at, term, j) for term, j in terms])
    _, losses = problem.losses(at, np.vstack([np.zeros((1, design.width)), moves]), np.zeros(1))
    penalty = problem.penalty * design.scale**2 / unit
    spans = dict(zip(map(id, design.terms), design.spans_of_terms, strict=True))
    values = at / design.scale
    return tuple(
        _effect(term, j, spans[id(term)], values, covariance, penalty, loss / problem.sum_weight)
        for (term, j), loss in zip(terms, losses[1:].tolist(), strict=True)
    )


def _without(design: Design, at: Array, term: Numbers | Category | Shape, j: int) -> Array:
    """The move that takes a term out: all rows get its average."""
    span = dict(zip(map(id, design.terms), design.spans_of_terms, strict=True))[id(term)]
    move = np.zeros(design.width)
    if isinstance(term, Numbers):
        place = span.start + j
        move[place] = -at[place]
        if term.means is not None:
            move[0] = float((term.means - term.centre)[j]) * at[place] / design.scale[place]
        return move
    move[span] = -at[span]
    if isinstance(term, Category):
        move[0] = float(np.average(at[span], weights=term.weights))
    return move


def _effect(
    term: Numbers | Category | Shape,
    j: int,
    span: slice,
    values: Array,
    covariance: Array,
    penalty: Array,
    loss_without: float,
) -> TermEffect:
    """One term. values, covariance, penalty: of the coefficients in the user's units."""
    own, at = span, cast("tuple[Value, ...]", (1.0,))
    if isinstance(term, Numbers):
        own = slice(span.start + j, span.start + j + 1)
        column, kind = term.names[j], NUMBER
        basis, weights = np.ones((1, 1)), np.ones(1)
    elif isinstance(term, Category):
        column, kind = term.column, POOLED if term.is_pooled else LEVELS
        at, weights = term.levels, np.array(term.weights)
        basis = np.eye(len(at)) - weights / weights.sum()
    else:
        column, kind, basis, weights = term.column, term.kind, term.basis, term.weights
        at = (*term.knots.tolist(), *([None] if term.may_lack else []))
    variances = covariance[own, own]
    parts = np.split(penalty[own], np.cumsum(term.parts)[:-1]) if isinstance(term, Shape) else [penalty[own]]
    return TermEffect(
        column,
        kind,
        at,
        basis @ values[own],
        np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", basis, variances, basis, optimize=True), 0.0)),
        weights,
        tuple(float(part[0]) for part in parts if len(part)),
        float(np.count_nonzero(np.diag(variances)) - penalty[own] @ np.diag(variances)),
        loss_without if math.isfinite(loss_without) else math.inf,
    )
