"""What each column of a recipe becomes: numbers, which are centred and scaled, or a category with levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from logloss.data.keys import missing_of, sorting, values_of
from logloss.data.rows import Array, Column
from logloss.data.shapes import Shape
from logloss.data.values import Value, is_label, number_in, typed
from logloss.errors import DataError
from logloss.text import listed, printable, value_text

# The levels of so many categories of a column are remembered from one walk to the next.
MOST_REMEMBERED = 10_000
# Squares of the spread of a feature must be numbers.
LARGEST_SPREAD = 1e100
# A column has outliers where its largest deviation is so many times a typical one: then the typical one is its unit, or
# all other rows would differ by less than rounding leaves of them.
OUTLYING = 2.0**13


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """One column of numbers, or a matrix: the solver sees (value − centre) / scale.

    lacks: whether each has rows that hold nothing; then such rows get the centre, and a coefficient of their own.
    means: those of training, where they are not the centre. lows, highs: between what they lay in training. sds: their
    standard deviations there, √(Σw(x − mean)² / Σw). is_computed: whether they are one feature that is computed of
    columns, whose coefficient of rows that lack something is called by it.
    """

    column: str
    names: tuple[str, ...]
    centre: Array
    scale: Array
    lacks: tuple[bool, ...] = ()
    means: Array | None = None
    lows: Array | None = None
    highs: Array | None = None
    sds: Array | None = None
    is_computed: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Numbers):
            return False
        pairs = [(getattr(self, name), getattr(other, name)) for name in self.__match_args__]
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.column, self.names, self.lacks))

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        lacking = (name for name, lacks in zip(self.names, self.lacks, strict=False) if lacks)
        return (*self.names, *(f"{self.column if self.is_computed else name} is missing" for name in lacking))

    @property
    def may_lack(self) -> bool:
        """Whether a row may hold nothing."""
        return any(self.lacks)

    @property
    def n_lacking(self) -> int:
        """How many of its coefficients are of rows that hold nothing."""
        return sum(self.lacks)

    @property
    def largest(self) -> Array:
        """The largest size of each number in the solver's coordinates: 1, or more where there are outliers."""
        if self.lows is None or self.highs is None:
            return np.ones(len(self.names))
        return np.maximum(np.maximum(self.highs - self.centre, self.centre - self.lows) / self.scale, 1.0)


@dataclass(frozen=True, slots=True)
class Category:
    """One column of levels. weights: those of the rows of each level in training.

    reference: the number of the level that has no coefficient; is_pooled: whether levels are partially pooled instead:
    each has one, with a penalty.
    """

    column: str
    levels: tuple[Value, ...]
    weights: tuple[float, ...]
    reference: int = 0
    is_pooled: bool = False

    @property
    def may_lack(self) -> bool:
        return None in self.levels

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """A name for each level, that of the reference included."""
        # `sex: Male`, `city is missing`.
        ends = (" is missing" if level is None else f": {level}" for level in self.levels)
        return tuple(f"{self.column}{end}" for end in ends)


def levels_of(column: Column) -> tuple[Array, list[Value]]:
    """(A code for each row, the level of each code): as `values_of`; true and false are bools, however written."""
    codes, values = values_of(column)
    return codes, [_level(value) for value in values]


def _level(value: Value) -> Value:
    is_bool = isinstance(value, str) and value.lower() in ("true", "false")
    return str(value).lower() == "true" if is_bool else value


Term = Numbers | Category | Shape


def codes_in(term: Category, column: Column) -> tuple[Array, int]:
    """(The number of each row's level, how many rows have none)."""
    if column.categories is None:
        codes, values = levels_of(column)
        numbers = _numbers_of(term, values)
    else:
        missing = missing_of(column)
        codes = column.values if missing is None else np.where(missing, len(column.categories), column.values)
        are_few = len(column.categories) <= MOST_REMEMBERED
        numbers = (_remembered if are_few else _remembered.__wrapped__)(_Itself(term), _Itself(column.categories))
    levels = numbers[codes] if len(numbers) else np.zeros(len(codes), dtype=np.int32)
    return levels, int(np.count_nonzero(levels == len(term.levels)))


class _Itself:
    """An object as the key of a cache, by itself and not by its value: 1 is not True, and no levels are compared."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value


@lru_cache(maxsize=32)
def _remembered(term: _Itself, categories: _Itself) -> Array:
    """The number of each category's level, and last that of nothing. Every walk over rows in memory has the same."""
    values: list[Value] = [_level(typed(value)) for value in categories.value]
    return _numbers_of(term.value, [*values, None])


def _numbers_of(term: Category, values: Sequence[Value]) -> Array:
    """The number of the level that each value is, shape (n_values,); of no level: the number after the last."""
    # Nearly all values are levels as they stand; the others are looked for by what `sorting` takes as equal.
    as_found = {(type(level), level): number for number, level in enumerate(term.levels)}
    known: dict[tuple[Any, ...], int] = {}

    def number_of(value: Value) -> int:
        number = as_found.get((type(value), value))
        if number is not None:
            return number
        if value is None:
            return len(term.levels)
        if not known:
            known.update((sorting((level,)), number) for number, level in enumerate(term.levels))
        # What one file holds as the number 3 another may hold as the text "3".
        for same in (value, *_otherwise(value)):
            if sorting((same,)) in known:
                return known[sorting((same,))]
        return len(term.levels)

    return np.array([number_of(value) for value in values], dtype=np.int32)


def _otherwise(value: Value) -> tuple[Value, ...]:
    """The same value in another kind: text as a number, a number as text, true and false as 1 and 0."""
    if value is None:
        return ()
    if not isinstance(value, str):
        return int(value) if isinstance(value, bool) else str(value), *_as_bool(value)
    number = number_in(value)
    return () if number is None else (number, *_as_bool(number))


def _as_bool(value: Value) -> tuple[Value, ...]:
    """A bool as text; 0 and 1 as a bool."""
    return (str(value),) if isinstance(value, bool) else (bool(value),) if value in (0, 1) else ()


def coded_column(term: Category, columns: Sequence[Column], together: Callable[[Sequence[Array]], Array]) -> Column:
    """Some columns as one, whose codes are the numbers of the term's levels. They must all be known."""
    return Column(together([codes_in(term, column)[0] for column in columns]), None, term.levels)


def numbers_of(
    column: str,
    names: tuple[str, ...],
    means: Array,
    lows: Array,
    highs: Array,
    lacks: Array,
    typical: tuple[Array, Array],
    sds: Array,
    *,
    fit_intercept: bool = True,
) -> Numbers:
    """The term of a column whose values have these means and ranges; without an intercept not centred.

    typical: the median of each, and a typical deviation from it (0 where none is known), which are centre and scale
    of a column with outliers. A mean of theirs would be far from all rows, and the largest deviation far too large.
    Without an intercept, 0 and a typical size. sds: the standard deviation of each.
    """
    middles, deviations = typical
    with np.errstate(over="ignore", invalid="ignore"):
        widest = np.maximum(highs - middles, middles - lows)
    is_outlying = (deviations > 0) & (widest > OUTLYING * deviations)
    # The mean of a constant may be another float: what is left would be a column of rounding.
    means = np.where(lows == highs, lows, means)
    centre = np.where(is_outlying, middles, means) if fit_intercept else np.zeros(len(means))
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.maximum(highs - centre, centre - lows)
    scale = np.where(is_outlying, deviations, np.where(spread > 0, spread, 1.0))
    for name, size, most in zip(names, scale, spread, strict=True):
        if size > 0 and not most <= LARGEST_SPREAD * size:
            raise DataError(
                f'the values of "{printable(name)}" must not deviate by more than 1e100 times as much as is usual in '
                f"that column; one deviates by {most:.3g}, where {size:.3g} is usual. Mark codes as missing, or leave "
                "out the column."
            )
        if not 1 / LARGEST_SPREAD <= size <= LARGEST_SPREAD:
            what = f"the {'largest' if size == most else 'usual'} deviation is {size:.3g}"
            origin = "their mean" if fit_intercept else "0"
            raise DataError(
                f'the values of "{printable(name)}" must deviate from {origin} by 1e-100 to 1e100 at most; {what}. '
                "Change their unit."
            )
    some_lack = tuple(lacks.tolist()) if lacks.any() else ()
    has_own_means = not fit_intercept or bool(is_outlying.any())
    return Numbers(column, names, centre, scale, some_lack, means if has_own_means else None, lows, highs, sds)


def category_of(
    column: str, weights: Mapping[Value, float], reference: Value = None, ranks: Mapping[Value, int] | None = None
) -> Category:
    """The term of a category: levels in order, the first one as reference, or the one that was named.

    ranks: the places of the levels in the order in which they were declared, where they were.
    """
    levels = sorted(weights, key=lambda level: sorting((level,)))
    if ranks is not None:
        levels.sort(key=lambda level: -1 if level is None else ranks[level])
    # A missing value is the reference only where nothing else can be.
    number = 1 if len(levels) > 1 and levels[0] is None else 0
    if reference is not None:
        named = [j for j, level in enumerate(levels) if level is not None and is_label(level, reference)]
        if not named:
            known = listed([value_text(level) for level in levels], 20)
            raise DataError(
                f'the reference of "{printable(column)}" must be one of its levels; {value_text(reference)} is none. '
                f"They are: {known}."
            )
        number = named[0]
    return Category(column, tuple(levels), tuple(weights[level] for level in levels), number)
