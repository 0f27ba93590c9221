"""A column of numbers as a piecewise linear function: its knots, and the coefficients that it is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from logloss.data.rows import Array
from logloss.data.values import Matrix
from logloss.errors import DataError
from logloss.text import printable, value_text

# What becomes of a column of numbers: a curve, a straight line, a curve that ends where it begins.
SMOOTH, LINEAR, CYCLIC = "smooth", "linear", "cyclic"
# Of shapes: all columns; of pairs: those that the data speak for.
AUTO = "auto"
KINDS = (SMOOTH, LINEAR, CYCLIC)
# How a monotone one runs; what makes its steps from knot to knot numbers of at least 0.
INCREASING, DECREASING = "increasing", "decreasing"
SIGNS = {INCREASING: 1, DECREASING: -1}
# Up to so many distinct values, each is a knot.
MOST_DISTINCT = 128
# Of others: the half at quantiles of the rows, the half at quantiles of the distinct values.
MOST_KNOTS = 64
# But of n rows no more than 2√n distinct values and √n / 2 of other knots, nor fewer than this.
FEW_KNOTS = 16


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One column of numbers as a function that is linear between its knots.

    knots: ascending, shape (n_knots,). basis: the values at the knots, and then at a missing value where the column
    lacks any, of each coefficient; shape (n_places, n_coefficients). weights: of training rows at each of these places,
    a row between two knots being shared; shape (n_places,). parts: how many coefficients, one after the other, have a
    precision in common. constraint: "increasing" or "decreasing" where it must be that.
    """

    column: str
    kind: str
    knots: Array
    basis: Matrix
    weights: Array
    parts: tuple[int, ...]
    constraint: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Shape):
            return False
        pairs = [(getattr(self, name), getattr(other, name)) for name in self.__match_args__]
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.column, self.kind, self.parts))

    @property
    def may_lack(self) -> bool:
        """Whether a row may hold nothing."""
        return len(self.basis) > len(self.knots)

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """A name for the value at each knot, and at nothing: `age = 17`, `age is missing`."""
        names = tuple(f"{self.column} = {value_text(knot)}" for knot in self.knots.tolist())
        return (*names, f"{self.column} is missing") if self.may_lack else names

    @property
    def steps(self) -> Matrix:
        """What must be at least 0 of a monotone shape, by coefficient, shape (n_steps, n_coefficients): the step from
        each knot to the next, or of a line the one from its first knot to its last; 0 of a missing value."""
        at = self.basis[: len(self.knots)]
        if not self.constraint or len(at) < 2 or not at.any():
            return np.zeros((0, self.basis.shape[1]))
        found: Matrix = SIGNS[self.constraint] * np.diff(at[[0, -1]] if self.kind == LINEAR else at, axis=0)
        return found

    def is_of_missing(self, part: int) -> bool:
        """Whether a part is the effect of holding nothing."""
        return self.may_lack and part == len(self.parts) - 1

    def size_of(self, part: int) -> float:
        """The standard deviation of a part's effect over the training rows that hold a value, where its coefficients
        are independent with standard deviation 1; of a missing value, its effect."""
        start = sum(self.parts[:part])
        at, n_knots = self.basis[:, start : start + self.parts[part]], len(self.knots)
        of_knots = self.weights[:n_knots]
        if self.is_of_missing(part) or not of_knots.any():
            return 1.0
        return math.sqrt(float(np.average((at[:n_knots] ** 2).sum(axis=1), weights=of_knots)))

    @property
    def scale(self) -> Array:
        """The largest size of each coefficient's function, shape (n_coefficients,)."""
        return np.abs(self.basis).max(axis=0)

    def with_end(self, values: Array) -> Array:
        """Values at each place, shape (n_places, n_points), and 0 at one more, of which no row has a share."""
        return np.vstack([values, np.zeros((1, *values.shape[1:]))])

    def at(self, values: Array, lower: Array, shares: Array) -> Array:
        """Values at each place, (n_places,), as some rows have them."""
        from logloss.onepass.kernels.hats import add_between

        of_rows = np.zeros((len(lower), 1))
        add_between(lower, shares, self.with_end(values[:, None]), of_rows)
        return of_rows[:, 0]

    def found(self, values: Array) -> tuple[Array, Array]:
        """(The lower knot of each row, the share of the upper one). Cost: 10 ns a row."""
        from logloss.onepass.kernels.hats import find_knots

        lower, shares = np.empty(len(values), np.int32), np.empty(len(values))
        find_knots(values, self.knots, lower, shares)
        # Where a value is missing that none lacked in training, its effect is missing, too: it is of no place.
        np.minimum(lower, len(self.basis) - 1, out=lower)
        return lower, shares


@dataclass(frozen=True, slots=True)
class ShapeChoice:
    """What becomes of each column. kinds: by name; other: of columns of numbers that are not named; None: a line
    without a penalty. pooled: names of categories whose levels are pooled; None: all. pairs: those to add, AUTO: those
    that the data speak for. is_nameless: whether columns are those of an array, which have no names. constraints: how
    those that must be monotone run, by name."""

    kinds: dict[str, str]
    other: str | None = SMOOTH
    pooled: tuple[str, ...] | None = None
    pairs: str | tuple[tuple[str, str], ...] | None = None
    is_nameless: bool = False
    constraints: Mapping[str, str] = field(default_factory=dict)
    has_counts: bool = False

    def kind_of(self, name: str) -> str | None:
        """The kind of a column of numbers."""
        return self.kinds.get(name, self.other)

    def pools(self, name: str) -> bool:
        """Whether the levels of a category are pooled."""
        return self.pooled is None or name in self.pooled

    def check_category(self, name: str, *, has_reference: bool) -> None:
        """Refuse a shape of levels, and a reference of those that are pooled."""
        if name in self.constraints:
            raise DataError(
                f'`monotonic_cst` must name columns of numbers; "{printable(name)}" is a category. Leave it '
                "out, or pass the numbers that its levels stand for."
            )
        if name in self.kinds:
            raise DataError(
                f'`shapes` must name columns of numbers; "{printable(name)}" is a category. Leave it out: '
                f'pooled=["{printable(name)}"] shrinks its levels towards their mean.'
            )
        if has_reference and self.pools(name):
            raise DataError(
                f'the levels of "{printable(name)}" are pooled: each is compared with their mean, and none is the '
                "reference. Leave it out of `reference`, or name those to pool in `pooled`."
            )


def weights_at(knots: Array, values: Array, weights: Array, *, lacks: bool) -> Array:
    """The weight of rows at each knot, a row between two being shared, and of those that hold nothing."""
    from logloss.onepass.kernels.hats import find_knots

    lower, shares = np.empty(len(values), np.int32), np.empty(len(values))
    find_knots(values, knots, lower, shares)
    found = np.bincount(lower, weights * (1 - shares), minlength=len(knots) + 2)
    found += np.bincount(lower + 1, weights * shares, minlength=len(knots) + 2)
    return found[: len(knots) + lacks]


def knots_of(
    values: Array,
    weights: Array,
    low: float,
    high: float,
    most: int = MOST_KNOTS,
    *,
    most_distinct: int = MOST_DISTINCT,
    n_rows: float = math.inf,
) -> Array:
    """Knots of a column of which some rows were drawn, ascending; low, high, n_rows: of all rows.

    Where so few values occur, each of them; else quantiles of the rows, and quantiles of the distinct values: the first
    alone would leave none to the tail of a column that is mostly 0. Few rows have few knots.
    """
    if n_rows < (2 * most) ** 2:
        root = math.isqrt(round(n_rows))
        most, most_distinct = min(most, max(root // 2, FEW_KNOTS)), min(most_distinct, max(2 * root, FEW_KNOTS))
    distinct, places = np.unique(values, return_inverse=True)
    if len(distinct) > most_distinct:
        levels = (np.arange(most // 2) + 0.5) / (most // 2)
        mass = np.cumsum(np.bincount(places, weights))
        of_rows = distinct[np.searchsorted(mass, levels * mass[-1])]
        of_distinct = distinct[(levels * len(distinct)).astype(np.intp)]
        distinct = np.union1d(of_rows, of_distinct)
    return np.union1d(distinct, [low, high])


def shape_of(column: str, kind: str, knots: Array, weights: Array, *, lacks: bool, constraint: str = "") -> Shape:
    """The term of a column. weights: of the rows at each knot, and at nothing where it `lacks`, shape (n_places,)."""
    of_knots = weights[: len(knots)]
    curves: list[Array] = []
    # A column that never holds a value has nothing but the coefficient of a missing one.
    if of_knots.any():
        curves = _straight(knots) if kind == LINEAR else _bent(knots, is_cyclic=kind == CYCLIC)
    curves = [own - np.average(own, axis=0, weights=of_knots) for own in curves if own.shape[1]]
    parts = [own.shape[1] for own in curves]
    basis = np.hstack([np.zeros((len(knots), 0)), *curves])
    if lacks:
        # What is missing is at the average, but for a coefficient of its own.
        basis = np.block([[basis, np.zeros((len(knots), 1))], [np.zeros((1, basis.shape[1])), np.ones((1, 1))]])
        parts.append(1)
    return Shape(column, kind, knots, basis, weights, tuple(parts), constraint)


def _straight(knots: Array) -> list[Array]:
    """A straight line, by 1 from the first knot to the last."""
    return [((knots - knots[0]) / (knots[-1] - knots[0]))[:, None]] if len(knots) > 1 else []


def _bent(knots: Array, *, is_cyclic: bool) -> list[Array]:
    """A straight line, unless cyclic, and what bends: curves that end where they begin, whose squared steps from knot
    to knot add up to their squared coefficients."""
    n_knots = len(knots)
    if n_knots < 2:
        return []
    # Steps that add up to 0, orthonormal.
    steps = np.linalg.qr(np.hstack([np.ones((n_knots - 1, 1)), np.eye(n_knots - 1)[:, 1:]]))[0][:, 1:]
    ends = np.zeros((1, n_knots - 2))
    bends = np.vstack([ends, np.cumsum(steps[:-1], axis=0), ends])
    return [bends] if is_cyclic else [*_straight(knots), bends]
