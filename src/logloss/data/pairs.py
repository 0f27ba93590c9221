"""Two columns together: a table of what they add to the log-odds beyond what each adds by itself.

A side is one column of a pair as coarse functions of it, each 0 on average over the rows; a pair adds products of
these, one function of each side. Products have a precision in common, so that rough ones are held back most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logloss.data.rows import Array
from logloss.data.shapes import CYCLIC, LINEAR, Shape, knots_of, weights_at
from logloss.data.terms import Category
from logloss.data.values import Matrix

# Knots of a column of numbers, and levels of a category, that have places of their own: other levels share one.
MOST_KNOTS, MOST_LEVELS = 24, 48
# Products of a pair: of those with the largest variance so many, or as many as have nearly all of it.
MOST_PRODUCTS, NEARLY_ALL = 64, 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One column as the pairs see it.

    knots: of a number, ascending; empty of a category. places: of each level of a category, and of a level that
    training did not see, the row of the table; empty of a number. basis: the functions at each place, of a missing
    number after all knots; shape (n_places, n_functions). variances: of each over the training rows, falling, where
    each step from place to place has variance 1.
    """

    column: str
    knots: Array
    places: tuple[int, ...]
    basis: Matrix
    variances: Array

    @property
    def n_places(self) -> int:
        """Rows of a table, without the one of which no training row has a share."""
        return len(self.basis)

    def found(self, values: Array) -> tuple[Array, Array]:
        """(The place of each row, the share of the next one); values: numbers, or codes of levels."""
        from logloss.onepass.kernels.hats import find_knots

        if self.places:
            lower = np.array(self.places, np.int32)[values]
            # A level that training did not see is at the end, the place after the last: of that no row is the lower.
            shares = (lower == self.n_places).astype(np.float64)
        else:
            lower, shares = np.empty(len(values), np.int32), np.empty(len(values))
            find_knots(values, self.knots, lower, shares)
        # Nor where a value is missing that none lacked in training; what is made of it is missing, too.
        np.minimum(lower, self.n_places - 1, out=lower)
        return lower, shares

    @property
    def with_end(self) -> Matrix:
        """The functions at each place, and 0 at one more: where nothing is known."""
        return np.vstack([self.basis, np.zeros((1, self.basis.shape[1]))])


@dataclass(frozen=True, slots=True)
class Pair:
    """The products of two sides. sides: their numbers among those of the design. products: of each one the function
    of either side, shape (n_products, 2)."""

    sides: tuple[int, int]
    products: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class PairTable:
    """A pair with its two sides."""

    pair: Pair
    a: Side
    b: Side

    @property
    def columns(self) -> tuple[str, str]:
        """The two columns."""
        return self.a.column, self.b.column

    @property
    def name(self) -> str:
        """Both columns: `age × hours`."""
        return " × ".join(self.columns)

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        own = np.array(self.pair.products, np.intp).reshape(-1, 2)
        return own[:, 0], own[:, 1]

    @cached_property
    def _bases(self) -> tuple[Array, Array]:
        return self.a.with_end, self.b.with_end

    @cached_property
    def _sizes(self) -> tuple[Array, Array]:
        a, b = self._bases
        return np.abs(a), np.abs(b)

    @cached_property
    def scale(self) -> Array:
        """The largest size of each product, shape (n_products,)."""
        first, second = self._places
        of_a, of_b = (own.max(axis=0) for own in self._sizes)
        found: Array = of_a[first] * of_b[second]
        return found

    def table(self, values: Array, *, is_size: bool = False) -> Array:
        """What coefficients, shape (n_products, n_points), add at each place: (n_places + 1, n_places + 1, n_points).

        is_size: whether coefficients are sizes, and so are the products.
        """
        of_a, of_b = self._sizes if is_size else self._bases
        wide = values.reshape(len(values), -1)
        whole = np.zeros((wide.shape[1], of_a.shape[1], of_b.shape[1]))
        whole[:, *self._places] = wide.T
        return np.ascontiguousarray((of_a @ whole @ of_b.T).transpose(1, 2, 0))

    def sums(self, of_places: Array, *, is_size: bool = False) -> Array:
        """Sums over rows of each product, (n_products, n_points), from those by place, of the shape of `table`."""
        of_a, of_b = self._sizes if is_size else self._bases
        whole = of_a.T @ of_places.transpose(2, 0, 1) @ of_b
        found: Array = whole[:, *self._places].T
        return found

    def gram(self, weights: Array) -> Array:
        """Σ weight · product · product over places; weights: shape (n_places + 1, n_places + 1).

        Cost: O(n_places² · n_products²).
        """
        first, second = self._places
        occurs = weights[:-1, :-1] > 0
        at_a, at_b = np.nonzero(occurs)
        rows = self.a.basis[at_a][:, first] * self.b.basis[at_b][:, second]
        found: Array = (rows * weights[at_a, at_b][:, None]).T @ rows
        return found


def side_of_numbers(term: Shape, values: Array, weights: Array) -> Side:
    """The side of a curve; values, weights: of some rows."""
    is_there = ~np.isnan(values)
    knots = knots_of(
        values[is_there], weights[is_there], term.knots[0], term.knots[-1], MOST_KNOTS, most_distinct=MOST_KNOTS
    )
    steps = len(knots) - 1
    functions = np.vstack([np.zeros((1, steps)), np.tril(np.ones((steps, steps)))])
    if term.kind == LINEAR:
        functions = knots[:, None] / max(float(np.ptp(knots)), np.finfo(float).tiny) * np.sqrt(steps)
    elif term.kind == CYCLIC and steps:
        # What goes up has come down where the cycle ends.
        functions = functions - functions[-1] * np.linspace(0.0, 1.0, steps + 1)[:, None]
    mass = weights_at(knots, values, weights, lacks=term.may_lack)
    if term.may_lack:
        functions = np.block([[functions, np.zeros((steps + 1, 1))], [np.zeros((1, functions.shape[1])), 1.0]])
    return Side(term.column, knots, (), *_by_variance(functions, mass))


def side_of_levels(term: Category) -> Side:
    """The side of a category: each level by itself, but for the rarest of many, which share a place."""
    weights = np.array(term.weights)
    places = np.arange(len(weights))
    if len(weights) > MOST_LEVELS:
        order = np.argsort(-weights, kind="stable")
        places[order] = np.minimum(np.arange(len(weights)), MOST_LEVELS)
    mass = np.bincount(places, weights)
    return Side(term.column, np.zeros(0), (*places.tolist(), len(mass)), *_by_variance(np.eye(len(mass)), mass))


def _by_variance(functions: Array, mass: Array) -> tuple[Array, Array]:
    """(The same functions, centred, as combinations that are uncorrelated over the rows; their variances, falling)."""
    share = mass / max(float(mass.sum()), np.finfo(float).tiny)
    centred = functions - share @ functions
    values, vectors = np.linalg.eigh(centred.T @ (share[:, None] * centred))
    kept = values > 1e-10 * max(float(values.max(initial=0.0)), np.finfo(float).tiny)
    return np.ascontiguousarray((centred @ vectors[:, kept])[:, ::-1]), values[kept][::-1].copy()


def pair_of(sides: Sequence[Side], i: int, j: int) -> Pair:
    """The pair of two sides, whose products have the largest variances where columns are independent."""
    products = np.outer(sides[i].variances, sides[j].variances)
    order = np.argsort(-products, axis=None, kind="stable")
    mass = np.cumsum(products.reshape(-1)[order])
    n_kept = min(int(np.searchsorted(mass, NEARLY_ALL * mass[-1])) + 1, MOST_PRODUCTS) if len(mass) else 0
    first, second = np.unravel_index(order[:n_kept], products.shape)
    return Pair((i, j), tuple(zip(first.tolist(), second.tolist(), strict=True)))
