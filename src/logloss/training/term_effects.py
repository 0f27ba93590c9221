"""What each term of an additive model adds to the log-odds: its values, their standard errors, and how much it matters.

>>> import logloss
>>> x = [k / 20 for k in range(200)]
>>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
>>> [(effect.column, effect.kind) for effect in model.terms]
[('x', 'smooth')]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.answer import render
from logloss.answers.estimate import Z
from logloss.answers.small_table import SmallTable
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.shapes import Shape
from logloss.data.terms import Category, Numbers, Term
from logloss.data.values import Value
from logloss.training.factor import Factor
from logloss.training.precision_uncertainty import covariance_of_choice
from logloss.training.precisions import parts_of
from logloss.training.problem import Problem
from logloss.training.term_tests import LooseFit, nulls_of, term_p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Kinds of terms that are no shapes.
NUMBER, LEVELS, POOLED = "number", "levels", "pooled levels"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TermEffect:
    """The contribution of one column to the log-odds, against the average of the training rows.

    Attributes
    ----------
    column : str
        The column.
    kind : {"smooth", "linear", "cyclic", "pooled levels", "levels", "number"}
        What it is in the model.
    at : tuple
        Knots of a shape, levels of a category, or, of a plain number, its least value, mean and greatest value in
        training; None for a missing value; shape (n_places,).
    effect, std_error : array of shape (n_places,)
        Log-odds, and their standard errors: those of the posterior distribution, with the uncertainty of the
        precisions; NaN with clusters, whose rows depend on each other.
    weights : array of shape (n_places,)
        Weight of the training rows there, or of a sample of them; a row between two knots is shared. NaN for a plain
        number.
    precisions : tuple of float
        Of its parts: of a curve that of the straight line, and that of what bends.
    effective_degrees_of_freedom : float
        How many coefficients its penalty leaves it.
    loss_without : float
        In-sample log loss, in nats per row, where all rows have its average in place of it.
    p_value : float
        Of the test that it has no effect, in [0, 1]; NaN with clusters, and of a term whose coefficients the
        rows do not determine.
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
    p_value: float = math.nan

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
        # NaN of a plain number: rows are at both ends.
        occurring = self.effect[self.weights != 0]
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
        """`table` as a pandas.DataFrame; pandas must be installed.

        Examples
        --------
        >>> import logloss
        >>> x = [k / 20 for k in range(200)]
        >>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
        >>> list(model.shapes["x"].to_pandas().columns)
        ['x', 'effect', 'std_error', 'low', 'high', 'weight']
        """
        return self.table.to_pandas()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Axes of matplotlib with the effect on a scale of its own; `model.plot(column)` has the scale of all terms.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; if left out, a new figure of pyplot, as wide as a column of a journal.

        Returns
        -------
        matplotlib.axes.Axes
            As of `Answer.plot`.

        Examples
        --------
        >>> import logloss
        >>> x = [k / 20 for k in range(200)]
        >>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
        >>> model.shapes["x"].plot().get_xlabel()
        'x'
        """
        axes: Axes = render("term", "plot")(self, ax)
        return axes

    def __repr__(self) -> str:
        text: str = render("term", "text")(self)
        return text

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        html: str = render("term", "notebook")(self)
        return html


def effects_of(problem: Problem, at: Array, factor: Factor, unit: float) -> tuple[TermEffect, ...]:
    """The effects of all terms at the optimum; factor: of the Hessian of the penalised objective there. Two passes.

    unit: the weight that counts as one row in standard errors and precisions.
    """
    design = problem.design
    scale = design.scale[problem.free]
    covariance = np.zeros((design.width, design.width))
    covariance[np.ix_(problem.free, problem.free)] = unit * factor.inverse / scale / scale[:, None]
    terms = _terms_of(design)
    moves = np.array([_without(design, at, *each) for each in terms])
    _, losses = problem.losses(at, np.vstack([np.zeros((1, design.width)), moves]), np.zeros(1))
    penalty = problem.penalty * design.scale**2 / unit
    values = at / design.scale
    parts = [part.places for part in parts_of(design)]
    of_bands = covariance + covariance_of_choice(values, covariance, penalty, parts)
    tests = _p_values(problem, at, factor, unit, moves)
    return tuple(
        _effect(design, *each, values, covariance, of_bands, penalty, loss / problem.sum_weight, p_value)
        for each, loss, p_value in zip(terms, losses[1:].tolist(), tests, strict=True)
    )


def _p_values(problem: Problem, at: Array, factor: Factor, unit: float, moves: Array) -> list[float]:
    """Of the tests of all terms. moves: those that take each out."""
    design, terms = problem.design, _terms_of(problem.design)
    loose = LooseFit.of(problem, at, factor, unit)
    pooled = {k: (term, span) for k, (term, _, span) in enumerate(terms) if isinstance(term, Category)}
    pooled = {k: each for k, each in pooled.items() if each[0].is_pooled}
    of_levels: dict[int, float] = {}
    if pooled:
        hessian = factor.hessian.taken(np.arange(len(problem.free)), -problem.penalty[problem.free])
        nulls = nulls_of(problem, loose, hessian, [at + moves[k] for k in pooled], list(pooled.values()))
        of_levels = {k: null.p_value for k, null in zip(pooled, nulls, strict=True)}
    found = []
    for k, each in enumerate(terms):
        own = _spelled_out(design, *each)[3]
        sizes = each[0].parts if isinstance(each[0], Shape) else (len(own),)
        found.append(of_levels[k] if k in of_levels else term_p_value(loose, own, sizes))
    return found


def bases_of(design: Design, values: Array) -> list[tuple[Array, Array]]:
    """Of each effect what its coefficients are multiplied with at each place, (n_places, n), and these, shape (n,)."""
    found = []
    for each in _terms_of(design):
        _, _, _, own, basis, _ = _spelled_out(design, *each)
        found.append((basis, values[own]))
    return found


def without_inference(term: TermEffect) -> TermEffect:
    """The same without standard errors and p-value."""
    return replace(term, std_error=term.std_error * math.nan, p_value=math.nan)


def _terms_of(design: Design) -> list[tuple[Term, int, slice]]:
    """A term, the number of a column in it, and where its coefficients lie, for each effect."""
    return [
        (term, j, span)
        for term, span in zip(design.terms, design.spans_of_terms, strict=True)
        for j in (range(len(term.names)) if isinstance(term, Numbers) else (0,))
    ]


def _without(design: Design, at: Array, term: Term, j: int, span: slice) -> Array:
    """The move that takes a term out: all rows get its average."""
    move = np.zeros(design.width)
    if isinstance(term, Numbers):
        place = span.start + j
        own = [place, *_place_of_missing(design, place)]
        move[own] = -at[own]
        if term.means is not None:
            move[0] = float((term.means - term.centre)[j]) * at[place] / design.scale[place]
        return move
    move[span] = -at[span]
    if isinstance(term, Category):
        move[0] = float(np.average(at[span], weights=term.weights))
    return move


def _place_of_missing(design: Design, place: int) -> list[int]:
    """Where the coefficient of a missing value lies, of the number that has its own at a place; none without one."""
    gap = int(design.gaps[place - 1])
    return [] if gap < 0 else [1 + gap]


def _spelled_out(
    design: Design, term: Term, j: int, span: slice
) -> tuple[str, str, tuple[Value, ...], Array, Array, Array]:
    """(Column, kind, places, where its coefficients lie, what multiplies them at each place, weights there)."""
    own = np.arange(span.start, span.stop)
    if isinstance(term, Numbers):
        own = np.array([own[j], *_place_of_missing(design, int(own[j]))])
        at, basis = _places_of_number(term, j)
        return term.names[j], NUMBER, at, own, basis, np.full(len(at), math.nan)
    if isinstance(term, Category):
        weights = np.array(term.weights)
        basis = np.eye(len(weights)) - weights / weights.sum()
        return term.column, POOLED if term.is_pooled else LEVELS, term.levels, own, basis, weights
    at = (*term.knots.tolist(), *([None] if term.may_lack else []))
    return term.column, term.kind, at, own, term.basis, term.weights


def _effect(
    design: Design,
    term: Term,
    j: int,
    span: slice,
    values: Array,
    covariance: Array,
    of_bands: Array,
    penalty: Array,
    loss_without: float,
    p_value: float,
) -> TermEffect:
    """One term. values, covariance given the precisions and with their uncertainty, penalty: of the coefficients in the
    user's units."""
    column, kind, at, own, basis, weights = _spelled_out(design, term, j, span)
    variances, with_choice = covariance[own, own], of_bands[np.ix_(own, own)]
    sizes = term.parts if isinstance(term, Shape) else (len(own),)
    parts = np.split(penalty[own], np.cumsum(sizes)[:-1])
    return TermEffect(
        column,
        kind,
        at,
        basis @ values[own],
        np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", basis, with_choice, basis, optimize=True), 0.0)),
        weights,
        tuple(float(part[0]) for part in parts if len(part)),
        float(np.count_nonzero(variances) - penalty[own] @ variances),
        loss_without if math.isfinite(loss_without) else math.inf,
        p_value,
    )


def _places_of_number(term: Numbers, j: int) -> tuple[tuple[Value, ...], Array]:
    """(Its least value, mean and greatest value, and a missing one; the effect there of each coefficient)."""
    means, centre = term.centre if term.means is None else term.means, float(term.centre[j])
    mean = float(means[j])
    low, high = (mean if ends is None else float(ends[j]) for ends in (term.lows, term.highs))
    at = sorted({low, mean, high})
    slopes = np.array(at)[:, None] - mean
    if not (term.lacks and term.lacks[j]):
        return tuple(at), slopes
    # What is missing is at the centre, with a coefficient of its own.
    basis = np.zeros((len(at) + 1, 2))
    basis[:-1, 0], basis[-1] = slopes[:, 0], (centre - mean, 1.0)
    return (*at, None), basis
