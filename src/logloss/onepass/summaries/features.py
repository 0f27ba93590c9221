"""What a fit learns of the features before its first pass: means and ranges of numbers, the levels of categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import readable, table_of
from logloss.data.rows import Array, Column
from logloss.data.terms import levels_of
from logloss.data.values import Value
from logloss.onepass.kernels.column_ranges import fold_ranges
from logloss.onepass.kernels.hashing import GOLDEN, splitmix
from logloss.onepass.kernels.vectors import BLOCK
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, mass_of, merged, times_of
from logloss.onepass.summaries.sample import ALL, SampleSummary
from logloss.text import count

# A category of more levels is none: its levels are not kept.
MOST_LEVELS = 1 << 16


# Distinct values that are kept: all of them up to so many, then those whose hash is below ever lower limits.
MOST_KEPT = 4096
BITS = 64
# Values that are looked at first: most columns are neither whole numbers nor numbers of rows, and these tell.
FEW = 256
# Values of a block that are few enough to be sorted, and the level at which more of them are begun with.
SMALL, FIRST_LEVEL = 1 << 16, 5
# Deviations from the mean above it, and below its inverse, have squares that are numbers.
LEAST_SQUARED = 1e-100
# Independent draws would repeat as rarely as these values do with no greater probability.
RARE = 1e-4
# The share of the values that may repeat in a key.
MOST_REPEATED = 0.02


@dataclass(frozen=True, slots=True)
class DistinctValues:
    """Whole numbers and how often each occurs, of those whose hash has `level` leading zeros.

    is_whole: whether every value is a whole number; otherwise none is kept. The level is the least at which there are
    at most MOST_KEPT of them: a property of the set of values, whatever the order in which they came.
    """

    is_whole: bool
    level: int
    values: Array
    counts: Array

    @classmethod
    def of(cls, values: Array) -> DistinctValues:
        """Of some numbers, none of them NaN. Cost: one look where they are not whole, else a sort of what is kept."""
        nothing = np.zeros(0), np.zeros(0, np.int64)
        if not all(bool((part == np.floor(part)).all()) for part in (values[:FEW], values[FEW:])):
            return cls(False, 0, *nothing)
        values = values.astype(np.float64)
        if len(values) <= SMALL:
            return cls(True, 0, *np.unique(values + 0.0, return_counts=True)).lowered()
        low = float(values.min())
        if float(values.max()) - low < SMALL:
            each = np.bincount((values - low).astype(np.int64))
            found = np.flatnonzero(each)
            return cls(True, 0, found + low, each[found]).lowered()
        # Sorting all of them is expensive: begin with few, and take in more as long as there are not too many.
        hashes, level = hashes_of(values), FIRST_LEVEL
        kept = cls(True, level, *np.unique(values[is_low(hashes, level)] + 0.0, return_counts=True))
        while level and len(kept.values) <= MOST_KEPT:
            more = cls(True, level - 1, *np.unique(values[is_low(hashes, level - 1)] + 0.0, return_counts=True))
            if len(more.values) > MOST_KEPT:
                break
            kept, level = more, level - 1
        return kept.lowered()

    def lowered(self) -> DistinctValues:
        """With the least level at which there are few enough."""
        if len(self.values) <= MOST_KEPT:
            return self
        hashes = hashes_of(self.values)
        level = self.level
        while True:
            level += 1
            is_kept = is_low(hashes, level)
            if np.count_nonzero(is_kept) <= MOST_KEPT:
                return DistinctValues(True, level, self.values[is_kept], self.counts[is_kept])

    def at(self, level: int) -> DistinctValues:
        """With a level that is not below its own."""
        if level == self.level:
            return self
        is_kept = is_low(hashes_of(self.values), level)
        return DistinctValues(True, level, self.values[is_kept], self.counts[is_kept])

    def merge(self, other: DistinctValues | None) -> DistinctValues:
        """Of the values of both."""
        if other is None or not self.is_whole:
            return self
        if not other.is_whole:
            return other
        level = max(self.level, other.level)
        first, second = self.at(level), other.at(level)
        values, places = np.unique(np.concatenate([first.values, second.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, places, np.concatenate([first.counts, second.counts]))
        return DistinctValues(True, level, values, counts).lowered()

    def is_key(self, low: float, high: float) -> bool:
        """Whether these values, from low to high, are a key: they repeat too rarely for measurements.

        n independent draws from R whole numbers repeat least often where all R are equally likely (Wong & Yue 1973);
        then all differ with probability (1 − 1/R)(1 − 2/R)…, about exp(−n² / 2R). Amounts and times spread so far that
        they need not repeat are no key by this rule; row numbers, shuffled or sampled down to n² of about 20 R, are.

        References
        ----------
        Wong, C. K. & Yue, P. C. (1973). A majorization theorem for the number of distinct outcomes in N independent
        trials. Discrete Mathematics 6(4), 391-398. doi:10.1016/0012-365X(73)90070-6
        """
        n, n_repeated = int(self.counts.sum()), int(self.counts.sum()) - len(self.values)
        if not self.is_whole or n < 2 or n_repeated > MOST_REPEATED * n:
            return False
        # The kept values are a random one of every 2^level that there could be.
        n_possible = max((high - low + 1) / 2.0**self.level, float(len(self.values)))
        if not n_repeated:
            return float(np.log1p(-np.arange(n) / max(n_possible, n)).sum()) < math.log(RARE)
        expected = n - n_possible * -math.expm1(n * math.log1p(-1 / n_possible))
        # Chernoff's bound of the chance that so few repeat.
        return n_repeated < expected and n_repeated - expected + n_repeated * math.log(
            expected / n_repeated
        ) < math.log(RARE)


def is_low(hashes: Array, level: int) -> Array:
    """Which hashes have so many leading zeros."""
    return hashes >> np.uint64(BITS - level) == 0 if level else np.ones(len(hashes), dtype=bool)


def hashes_of(values: Array) -> Array:
    """A hash of each number: the last steps of SplitMix64 on its bits."""
    return splitmix((values + 0.0).view(np.uint64) + np.uint64(GOLDEN))


@dataclass(frozen=True, slots=True)
class Range:
    """Of the numbers of a column or a matrix, each by its place: sums, weights, least and greatest, how many lack.

    names: those of the columns of a matrix. deviations: roots of Σw(x − mean)². offsets: the least and the greatest
    value minus row number, of the rows that hold a value. distinct: which whole numbers there are, of a column that
    nobody has named.
    """

    names: tuple[str, ...] | None
    sums: Array
    weights: Array
    lows: Array
    highs: Array
    n_lacking: Array
    deviations: Array
    offsets: tuple[float, float] = (math.inf, -math.inf)
    distinct: DistinctValues | None = None

    @property
    def is_numbering(self) -> bool:
        """Whether the values number the rows: they go up by one from each row to the next."""
        return self.offsets[0] == self.offsets[1]

    def part(self, columns: slice, names: tuple[str, ...] | None) -> Range:
        """Of some of the columns, which have these names."""
        own = replace(self, names=names)
        for name in ("sums", "weights", "lows", "highs", "n_lacking", "deviations"):
            own = replace(own, **{name: getattr(self, name)[columns]})
        return own

    def merge(self, other: Range) -> Range:
        """Of the rows of both."""
        return merged(
            self,
            other,
            n_settings=1,
            lows=np.minimum,
            highs=np.maximum,
            deviations=lambda a, b: np.hypot(np.hypot(a, b), _between(self, other)),
            offsets=lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
            distinct=lambda a, b: a if b is None else b.merge(a),
        )


def _between(a: Range, b: Range) -> Array:
    """The root of what the means of two sets of rows add to Σw(x − mean)² (Chan, Golub & LeVeque 1983, eq. 2.1b).

    References
    ----------
    Chan, T. F., Golub, G. H. & LeVeque, R. J. (1983). Algorithms for computing the sample variance: analysis and
    recommendations. The American Statistician 37(3), 242-247. doi:10.1080/00031305.1983.10483115
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        apart = a.sums / a.weights - b.sums / b.weights
        # Roots, so that no product leaves the range of numbers.
        added = np.abs(apart) * np.sqrt(a.weights / (a.weights + b.weights)) * np.sqrt(b.weights)
    return np.where((a.weights > 0) & (b.weights > 0), added, 0.0)


@dataclass(frozen=True, slots=True)
class Levels:
    """The weight of each level of a category; None where there are too many.

    n_rows: those that hold a value. ranks: the place of each level in the order in which they were declared; None where
    somewhere none is declared, or two orders do not go together.
    """

    weights: Mapping[Value, float] | None
    n_rows: int
    ranks: Mapping[Value, int] | None = None

    def merge(self, other: Levels) -> Levels:
        """Of the rows of both."""
        n_rows = self.n_rows + other.n_rows
        if self.weights is None or other.weights is None:
            return Levels(None, n_rows)
        weights = dict(self.weights)
        for level, weight in other.weights.items():
            weights[level] = weights.get(level, 0.0) + weight
        if len(weights) > MOST_LEVELS:
            return Levels(None, n_rows)
        return Levels(weights, n_rows, _joined(self.ranks, other.ranks))


def _joined(first: Mapping[Value, int] | None, second: Mapping[Value, int] | None) -> Mapping[Value, int] | None:
    """Two orders of levels as one; None where a level has two places, or a place two levels."""
    if first is None or second is None:
        return None
    joined = {**first, **second}
    agree = all(joined[level] == place for level, place in first.items())
    return joined if agree and len(set(joined.values())) == len(joined) else None


@dataclass(frozen=True, slots=True)
class Mixed:
    """Of a column that reads as numbers in some blocks and as text in others: over all rows it is text."""


Kept = Range | Levels | Mixed


@dataclass(frozen=True, slots=True, repr=False)
class ColumnSummary(BlockwiseSummary):
    """What each feature holds, by its number among the features: a `Range` of numbers, the `Levels` of a category."""

    n_rows: int = 0
    n_dropped: int = 0
    sum_weight: float = 0.0
    sum_positive: float = 0.0
    coding: frozenset[Any] = frozenset()
    columns: Mapping[int, Kept] = field(default_factory=dict)
    categories: frozenset[int] = frozenset()
    sample: SampleSummary = field(default_factory=SampleSummary.empty)
    unnamed: frozenset[int] = frozenset()
    # Roots of Σ w² of the shares of rows that are 0 and 1: no square of a weight leaves the range of numbers.
    norm_of_zeros: float = 0.0
    norm_of_ones: float = 0.0

    def workspace(self) -> Workspace:
        """A new workspace with the same settings."""
        return _ColumnWorkspace(ColumnSummary(categories=self.categories, sample=self.sample, unnamed=self.unnamed))

    @classmethod
    def empty(
        cls,
        categories: frozenset[int] = frozenset(),
        n_sampled: int = 0,
        limit: int = ALL,
        unnamed: frozenset[int] = frozenset(),
    ) -> ColumnSummary:
        """Of no rows. categories: the numbers of the features that are codes, however they are written.

        unnamed: those of the features that nobody has named, which may be identifiers.
        """
        return cls(categories=categories, sample=SampleSummary.empty(n_sampled, limit), unnamed=unnamed)

    def merge(self, other: ColumnSummary) -> ColumnSummary:
        """Of the rows of both."""
        columns: dict[int, Kept] = dict(self.columns)
        for j, found in other.columns.items():
            columns[j] = _together(columns[j], found) if j in columns else found
        return ColumnSummary(
            self.n_rows + other.n_rows,
            self.n_dropped + other.n_dropped,
            self.sum_weight + other.sum_weight,
            self.sum_positive + other.sum_positive,
            self.coding | other.coding,
            columns,
            self.categories,
            self.sample.merge(other.sample),
            self.unnamed,
            math.hypot(self.norm_of_zeros, other.norm_of_zeros),
            math.hypot(self.norm_of_ones, other.norm_of_ones),
        )

    def __repr__(self) -> str:
        return f"ColumnSummary: n_rows={count(self.n_rows)}  n_features={count(len(self.columns))}"


def _together(a: Kept, b: Kept) -> Kept:
    """What two sets of rows hold in one column."""
    if isinstance(a, Range) and isinstance(b, Range):
        return a.merge(b)
    return a.merge(b) if isinstance(a, Levels) and isinstance(b, Levels) else Mixed()


class _ColumnWorkspace:
    """All numbers of a block are looked at together: `numbers` is the range of all of them, side by side."""

    def __init__(self, empty: ColumnSummary) -> None:
        self.summary, self.sample = empty, empty.sample.workspace()
        # (Number of the feature, names of its columns, how many) of each array of numbers.
        self.layout: tuple[tuple[int, tuple[str, ...] | None, int], ...] = ()
        self.numbers: Range | None = None

    def add(self, block: Block) -> None:
        """Take in a block."""
        self.sample.add(block)
        if block.n_rows == 0:
            return
        # A sum of weights that is no number is refused when all rows are known.
        with np.errstate(over="ignore", invalid="ignore"):
            self._add(block)

    def _add(self, block: Block) -> None:
        mass = mass_of(block)
        columns: dict[int, Kept] = {}
        numbers: dict[int, Column] = {}
        for j, column in enumerate(block.features):
            if column.categories is not None or column.values.dtype == np.bool_ or j in self.summary.categories:
                columns[j] = _levels(column, mass)
            else:
                numbers[j] = column
                if j in self.summary.unnamed and not column.is_matrix:
                    columns[j] = _watched(column, block)
        layout = tuple(
            (j, c.names if c.is_matrix else None, c.values.shape[1] if c.is_matrix else 1) for j, c in numbers.items()
        )
        if layout != self.layout:
            self._take_numbers()
            self.layout = layout
        if numbers:
            found = _range([column.values for column in numbers.values()], mass)
            self.numbers = found if self.numbers is None else self.numbers.merge(found)
        n_rows = times_of(block)
        self.summary = self.summary.merge(
            ColumnSummary(
                n_rows,
                block.n_dropped,
                float(np.sum(mass)),
                float(np.sum(mass * block.y_true)),
                block.coding,
                columns,
                self.summary.categories,
                self.summary.sample,
                self.summary.unnamed,
                *norms_of_classes(block, mass),
            )
        )

    def _take_numbers(self) -> None:
        """Put the ranges of numbers with what is known of each feature."""
        if self.numbers is None:
            return
        columns: dict[int, Kept] = {}
        start = 0
        for j, names, width in self.layout:
            columns[j] = self.numbers.part(slice(start, start + width), names)
            start += width
        own = replace(ColumnSummary.empty(), columns=columns)
        self.summary, self.numbers = self.summary.merge(own), None

    def freeze(self) -> ColumnSummary:
        """The summary of the blocks that were added."""
        self._take_numbers()
        return replace(self.summary, sample=self.sample.freeze())


def norms_of_classes(block: Block, mass: Array) -> tuple[float, float]:
    """The roots of Σ w² of the shares of rows that are 0, and 1."""
    if block.sample_weight is None:
        ones = float(np.sum(mass * block.y_true))
        return math.sqrt(max(float(np.sum(mass)) - ones, 0.0)), math.sqrt(ones)
    largest = float(block.sample_weight.max()) or 1.0
    squares = mass / largest * (block.sample_weight / largest)
    ones = float(np.sum(squares * block.y_true))
    return largest * math.sqrt(max(float(np.sum(squares)) - ones, 0.0)), largest * math.sqrt(ones)


def _levels(column: Column, mass: Array) -> Levels:
    codes, values = levels_of(column)
    n_each = np.bincount(codes, minlength=len(values))
    weights = np.bincount(codes, weights=mass, minlength=len(values))
    weight_of: dict[Value, float] = {}
    for code in np.flatnonzero(n_each).tolist():
        # Two codes may be one level: "true" and "TRUE".
        weight_of[values[code]] = weight_of.get(values[code], 0.0) + float(weights[code])
    n_rows = int(n_each.sum() - sum(n_each[k] for k, value in enumerate(values) if value is None))
    if len(weight_of) > MOST_LEVELS:
        return Levels(None, n_rows)
    if column.ranks is None:
        return Levels(weight_of, n_rows, None if weight_of.keys() - {None} else {})
    ranks = dict(zip(values, column.ranks, strict=False))
    is_one_to_one = len(ranks) == len(column.ranks)
    return Levels(weight_of, n_rows, {v: ranks[v] for v in weight_of if v is not None} if is_one_to_one else None)


def _watched(column: Column, block: Block) -> Range:
    """Of a column that nobody has named what is not of each number: whether it numbers the rows, its whole numbers."""
    values, numbers = column.values, np.arange(block.n_rows) if block.rows is None else block.rows
    lacking = np.isnan(values)
    if lacking.any():
        values, numbers = values[~lacking], numbers[~lacking]
    offsets = (np.inf, -np.inf)
    # One row of a frame, whose rows have no numbers, is no sequence.
    for n_seen in (FEW, len(values)) if len(values) > (0 if block.place.is_numbered else 1) else ():
        own = values[:n_seen].astype(np.float64) - (block.first_row + numbers[:n_seen])
        if not block.place.is_numbered:
            # Of a frame only this is known: whether in each run of rows the numbers go up by one.
            own = own - own[0]
        offsets = float(own.min()), float(own.max())
        if offsets[0] < offsets[1]:
            break
    return replace(_nothing(1), offsets=offsets, distinct=DistinctValues.of(values))


def _nothing(width: int) -> Range:
    """Of no rows."""
    zeros, ends = np.zeros(width), np.full(width, np.inf)
    return Range(None, zeros, zeros, ends, -ends, np.zeros(width, dtype=np.int64), zeros)


def _range(arrays: Sequence[Array], mass: Array) -> Range:
    """Of all columns of some arrays, side by side. Cost: 2 ns a number."""
    arrays = [readable(values) for values in arrays]
    width = sum(values.shape[1] if values.ndim == 2 else 1 for values in arrays)
    as_found = table_of(arrays, np.zeros(width), np.full(width, np.inf), np.full(width, -1))
    filled = -(-width // BLOCK) * BLOCK
    # Equal weights, whatever their size, have the sums of rows without weights.
    unit = float(mass.max(initial=0.0)) or 1.0
    mass = mass if unit == 1.0 else mass / unit

    def found_in(units: Array) -> tuple[Array, ...]:
        zeros = [np.zeros(filled) for _ in range(3)]
        found = np.full(filled, np.inf), np.full(filled, -np.inf), np.zeros(filled, dtype=np.int64), *zeros
        fold_ranges(as_found, mass, units, *found)
        return found

    units = np.ones(filled)
    lows, highs, n_lacking, weights, sums, squares = found_in(units)
    spread = highs / 2 - lows / 2
    # Squares of others are no numbers: they are taken in units of the spread.
    is_unusual = (lows < highs) & ~((spread > LEAST_SQUARED) & (spread < 1 / LEAST_SQUARED))
    if is_unusual.any():
        units[is_unusual] = spread[is_unusual]
        *_, squares = found_in(units)
    # A column of one value: its mean may be another float.
    deviations = np.where(lows < highs, np.sqrt(squares) * units * math.sqrt(unit), 0.0)
    return Range(None, sums * unit, weights * unit, lows, highs, n_lacking, deviations).part(slice(0, width), None)
