"""What each pair of an additive model adds to the log-odds beyond its two columns: a table with standard errors.

>>> import logloss
>>> a, b = [k % 7 for k in range(700)], [(k // 7) % 10 for k in range(700)]
>>> y = [int((u > 3) == (v > 4)) if k % 5 else k % 2 for k, (u, v) in enumerate(zip(a, b))]
>>> table = {"a": a, "b": b, "y": y}
>>> model = logloss.fit(table, "y", shapes="auto", pairs=[("a", "b")], leave_one_out=False)
>>> model.pairs["a", "b"].effect.shape
(7, 10)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.answer import render
from logloss.answers.estimate import Z
from logloss.answers.small_table import SmallTable
from logloss.data.design import Design
from logloss.data.pairs import PairTable, Side
from logloss.data.rows import Array
from logloss.data.values import Matrix, Value
from logloss.training.pair_information import PairInformation
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What stands for all levels of a category that have no place of their own.
OTHERS = "other levels"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairEffect:
    """The contribution of two columns together to the log-odds, beyond that of each; 0 on average over either.

    Attributes
    ----------
    columns : tuple of two str
        The columns, in the order of the table.
    at_first, at_second : tuple
        Knots, or levels, of the first column, (n_first,), and of the second, (n_second,); between knots the effect is
        linear in each column. None for a missing value, "other levels" for those that share a place.
    effect, std_error : array of shape (n_first, n_second)
        Log-odds, and their standard errors: those of the posterior distribution given the precisions; NaN with
        clusters.
    weights : array of shape (n_first, n_second)
        Weight of the training rows there, or of a sample of them; a row between knots is shared.
    precision : float
        Of its coefficients.
    effective_degrees_of_freedom : float
        How many coefficients its penalty leaves it.
    loss_without : float
        In-sample log loss, in nats per row, without it.
    are_levels : tuple of two bool
        Whether each column is a category, whose places are levels; of a number they are knots.
    """

    columns: tuple[str, str]
    at_first: tuple[Value, ...]
    at_second: tuple[Value, ...]
    effect: Matrix
    std_error: Matrix
    weights: Matrix
    precision: float
    effective_degrees_of_freedom: float
    loss_without: float
    are_levels: tuple[bool, bool]

    @property
    def name(self) -> str:
        """Both columns: `age × hours`."""
        return " × ".join(self.columns)

    @property
    def range(self) -> float:
        """The greatest effect less the least, in log-odds, over the places with training rows."""
        occurring = self.effect[self.weights > 0]
        return float(np.ptp(occurring)) if len(occurring) else 0.0

    @property
    def low(self) -> Array:
        """Lower ends of the 95% intervals, in log-odds, shape (n_first, n_second)."""
        return self.effect - Z * self.std_error

    @property
    def high(self) -> Array:
        """Upper ends of the 95% intervals, in log-odds, shape (n_first, n_second)."""
        return self.effect + Z * self.std_error

    @property
    def table(self) -> SmallTable:
        """A row for each place: x1, x2, effect, std_error, low, high, weight."""
        first, second = self.at_first, self.at_second
        columns: dict[str, list[Any]] = {
            "x1": [value for value in first for _ in second],
            "x2": [value for _ in first for value in second],
        }
        arrays = {"effect": self.effect, "std_error": self.std_error, "low": self.low, "high": self.high}
        columns |= {name: own.reshape(-1).tolist() for name, own in arrays.items()}
        return SmallTable(columns | {"weight": self.weights.reshape(-1).tolist()})

    def to_pandas(self) -> Any:
        """`table` as a pandas.DataFrame; pandas must be installed.

        Examples
        --------
        >>> import logloss
        >>> a, b = [k % 7 for k in range(700)], [(k // 7) % 10 for k in range(700)]
        >>> y = [int((u > 3) == (v > 4)) if k % 5 else k % 2 for k, (u, v) in enumerate(zip(a, b))]
        >>> table = {"a": a, "b": b, "y": y}
        >>> model = logloss.fit(table, "y", shapes="auto", pairs=[("a", "b")], leave_one_out=False)
        >>> list(model.pairs["a", "b"].to_pandas().columns)
        ['x1', 'x2', 'effect', 'std_error', 'low', 'high', 'weight']
        """
        return self.table.to_pandas()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Axes of matplotlib with the effect as a heat map, on a colour scale of its own.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; if left out, a new figure of pyplot, as wide as a column of a journal.

        Returns
        -------
        matplotlib.axes.Axes
            As of `Answer.plot`.

        Raises
        ------
        DataError
            If no training row is known to lie at any of its places.

        Examples
        --------
        >>> import logloss
        >>> a, b = [k % 7 for k in range(700)], [(k // 7) % 10 for k in range(700)]
        >>> y = [int((u > 3) == (v > 4)) if k % 5 else k % 2 for k, (u, v) in enumerate(zip(a, b))]
        >>> table = {"a": a, "b": b, "y": y}
        >>> model = logloss.fit(table, "y", shapes="auto", pairs=[("a", "b")], leave_one_out=False)
        >>> axes = model.pairs["a", "b"].plot()
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('a', 'b')
        """
        axes: Axes = render("pair", "plot")(self, ax)
        return axes

    def __repr__(self) -> str:
        text: str = render("pair", "text")(self)
        return text

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        html: str = render("pair", "notebook")(self)
        return html


class Pairs(Mapping[tuple[str, str], PairEffect]):
    """The pairs of a model by their two columns, in either order."""

    def __init__(self, terms: tuple[PairEffect, ...]) -> None:
        self._of_columns = {term.columns: term for term in terms}

    def __getitem__(self, columns: tuple[str, str]) -> PairEffect:
        if columns not in self._of_columns and isinstance(columns, tuple):
            columns = (*columns[::-1],)  # type: ignore[assignment]
        return self._of_columns[columns]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._of_columns)

    def __len__(self) -> int:
        return len(self._of_columns)

    def __repr__(self) -> str:
        return f"Pairs: {', '.join(term.name for term in self._of_columns.values()) or 'none'}"


def places_of(design: Design, side: Side) -> tuple[Value, ...]:
    """What stands at each place of a side: a knot, a level, or None."""
    if not side.places:
        lacks = side.n_places > len(side.knots)
        return (*side.knots.tolist(), *([None] if lacks else []))
    levels = next(term.levels for term in design.categories if term.column == side.column)
    found: list[Value] = [None] * side.n_places
    for level, place in zip(levels, side.places, strict=False):
        found[place] = level
    if len(levels) > side.n_places:
        found[-1] = OTHERS
    return tuple(found)


def pair_effects_of(
    problem: Problem,
    at: Array,
    information: PairInformation,
    weights: list[Array],
    losses: Mapping[str, float],
    unit: float,
) -> tuple[PairEffect, ...]:
    """The effects of all pairs at the optimum; weights: of training rows at the places of each."""
    design = problem.design
    n_terms = len(information.spectra) - len(design.pairs)
    freedom = information.effective_degrees_of_freedom[n_terms:].tolist()
    covariances = [own for _, own in information.covariances()][n_terms:]
    return tuple(
        PairEffect(
            each.columns,
            places_of(design, each.a),
            places_of(design, each.b),
            each.table(at[span] / each.scale)[:-1, :-1, 0],
            _errors(each, unit * covariance / each.scale / each.scale[:, None]),
            own,
            float(problem.penalty[span.start] * each.scale[0] ** 2 / unit),
            edf,
            loss / problem.sum_weight if math.isfinite(loss := losses[each.name]) else math.inf,
            (bool(each.a.places), bool(each.b.places)),
        )
        for span, each, covariance, own, edf in zip(
            design.pair_spans, design.tables, covariances, weights, freedom, strict=True
        )
    )


def without_errors(term: PairEffect) -> PairEffect:
    """The same without standard errors."""
    return replace(term, std_error=term.std_error * math.nan)


def _errors(each: PairTable, covariance: Array) -> Array:
    """The standard errors of the effects, shape (n_first, n_second)."""
    values, vectors = np.linalg.eigh(covariance)
    tables = each.table(vectors * np.sqrt(np.maximum(values, 0.0)))[:-1, :-1]
    found: Array = np.sqrt((tables**2).sum(axis=2))
    return found


def weights_of_places(design: Design, coded: Any, mass: Array) -> list[Array]:
    """The weight of some rows at the places of each pair."""
    from logloss.onepass.kernels.hats import table_sums

    found = []
    for each in design.tables:
        a, b = each.pair.sides
        own = np.zeros((each.a.n_places + 1, each.b.n_places + 1, 1))
        table_sums(*coded.beside[a], *coded.beside[b], mass[:, None], own)
        found.append(own[:-1, :-1, 0])
    return found
