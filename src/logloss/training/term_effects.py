"""What each term of an additive model adds to the log-odds: its values, their standard errors, and how much it matters.

>>> import logloss
>>> x = [k / 20 for k in range(200)]
>>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
>>> [(effect.column, effect.kind) for effect in model.terms]
[('x', 'smooth')]
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        Of the test that it has no effect, in [0, 1]; NaN with clusters, beside pairs, of a term that must be monotone,
        and of one whose coefficients the rows do not determine.
    constraint : {"", "increasing", "decreasing"}
        What it must be by `monotonic_cst`, wherever that is flat.
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
    constraint: str = ""

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


@dataclass(frozen=True, slots=True, eq=False)
class TermInformation:
    """What is known of the coefficients of the terms, in the solver's coordinates.

    covariance: shape (width, width), of each term at least. freedom: the effective degrees of freedom of each
    coefficient, shape (width,).
    """

    covariance: Array
    freedom: Array

    @classmethod
    def of(cls, problem: Problem, factor: Factor) -> TermInformation:
        """From the Hessian of the penalised objective.

        Where monotone curves are flat the factor is that of the moves that leave them so: degrees of freedom are
        counted among these, and standard errors are those of a curve that is free to bend.
        """
        width, free = problem.design.width, problem.free
        inverse, freedom, covariance = factor.inverse, np.zeros(width), np.zeros((width, width))
        freedom[free] = np.einsum("ij,ji->i", inverse, factor.matrix) - problem.penalty[free] * np.diag(inverse)
        if factor.outer is not None:
            inverse = Factor(factor.hessian).inverse
        covariance[np.ix_(free, free)] = inverse
        return cls(covariance, freedom)


def effects_of(
    problem: Problem,
    at: Array,
    known: TermInformation,
    losses: Mapping[str, float],
    unit: float,
    p_values: Sequence[float] = (),
) -> tuple[TermEffect, ...]:
    """The effects of all terms at the optimum.

    losses: without each column, in nats, summed. unit: the weight that counts as one row in standard errors and
    precisions. p_values: of each term, where they are known.
    """
    design, width = problem.design, len(known.covariance)
    scale = design.scale[:width]
    covariance = unit * known.covariance / scale / scale[:, None]
    penalty = problem.penalty * design.scale**2 / unit
    values = at / design.scale
    parts = [part.places for part in parts_of(design)]
    covariance += covariance_of_choice(values[:width], covariance, penalty[:width], parts)
    terms = _terms_of(design)
    of_rows = [losses[_name_of(*each)] / problem.sum_weight for each in terms]
    tests = p_values or [math.nan] * len(terms)
    return tuple(
        _effect(design, *each, values, covariance, penalty, known.freedom, loss, p_value)
        for each, loss, p_value in zip(terms, of_rows, tests, strict=True)
    )


def p_values_of(problem: Problem, at: Array, factor: Factor, unit: float) -> list[float]:
    """Of the tests of all terms; factor: of the Hessian of the penalised objective at the optimum. One pass.

    Where a term must be monotone, its estimate has another distribution: NaN.
    """
    design, terms = problem.design, _terms_of(problem.design)
    loose = LooseFit.of(problem, at, factor, unit)
    pooled = {
        k: (term, span) for k, (term, _, span) in enumerate(terms) if isinstance(term, Category) and term.is_pooled
    }
    of_levels: dict[int, float] = {}
    if pooled:
        hessian = factor.hessian.taken(np.arange(len(problem.free)), -problem.penalty[problem.free])
        points = [_without_levels(at, *each) for each in pooled.values()]
        nulls = nulls_of(problem, loose, hessian, points, list(pooled.values()))
        of_levels = {k: null.p_value for k, null in zip(pooled, nulls, strict=True)}
    found = []
    for k, each in enumerate(terms):
        own = _spelled_out(design, *each)[3]
        sizes = each[0].parts if isinstance(each[0], Shape) else (len(own),)
        is_held = isinstance(each[0], Shape) and bool(each[0].constraint)
        p_value = of_levels[k] if k in of_levels else term_p_value(loose, own, sizes)
        found.append(math.nan if is_held else p_value)
    return found


def _without_levels(at: Array, term: Category, span: slice) -> Array:
    """The solver's coefficients where all rows have the average of a category in place of it."""
    moved = at.copy()
    moved[span] = 0.0
    moved[0] += float(np.average(at[span], weights=term.weights))
    return moved


def losses_without(problem: Problem, at: Array) -> dict[str, float]:
    """The summed loss where all rows have the average of a column, or of a pair, in place of it, by name. One pass."""
    from logloss.onepass.summaries import Point, WithoutSummary

    return problem.summarised(WithoutSummary.empty(Point(at, problem.design))).losses


def _name_of(term: Term, j: int, span: slice) -> str:
    return term.names[j] if isinstance(term, Numbers) else term.column


def bases_of(design: Design, values: Array) -> list[tuple[Array, Array]]:
    """Of each effect what its coefficients are multiplied with at each place, (n_places, n), and these, shape (n,)."""
    found = []
    for each in _terms_of(design):
        _, _, _, own, basis, _ = _spelled_out(design, *each)
        found.append((basis, values[own]))
    return found


def with_values(terms: Sequence[TermEffect], design: Design, values: Array) -> tuple[TermEffect, ...]:
    """The same terms, their effects those of a design and its coefficients in the user's units."""
    bases = bases_of(design, values)
    return tuple(replace(term, effect=basis @ own) for term, (basis, own) in zip(terms, bases, strict=True))


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
    penalty: Array,
    degrees: Array,
    loss_without: float,
    p_value: float,
) -> TermEffect:
    """One term. values, covariance, penalty: of the coefficients in the user's units; degrees: of freedom of each."""
    column, kind, at, own, basis, weights = _spelled_out(design, term, j, span)
    variances = covariance[np.ix_(own, own)]
    parts = np.split(penalty[own], np.cumsum(term.parts)[:-1]) if isinstance(term, Shape) else [penalty[own]]
    return TermEffect(
        column,
        kind,
        at,
        basis @ values[own],
        np.sqrt(np.maximum(_variances(term, basis, weights, variances), 0.0)),
        weights,
        tuple(float(part[0]) for part in parts if len(part)),
        float(degrees[own].sum()),
        loss_without if math.isfinite(loss_without) else math.inf,
        p_value,
        term.constraint if isinstance(term, Shape) else "",
    )


def _variances(term: Term, basis: Array, weights: Array, covariance: Array) -> Array:
    """Of each effect, shape (n_places,); basis, weights: as of `_spelled_out`, covariance: of the coefficients."""
    if not isinstance(term, Category):
        return np.einsum("ij,ij->i", basis @ covariance, basis)
    # Thousands of levels: each row of the basis is a level less the average.
    of_average = covariance @ (weights / weights.sum())
    return np.diag(covariance) - 2.0 * of_average + of_average @ (weights / weights.sum())


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
