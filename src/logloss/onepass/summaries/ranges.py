"""Of columns of numbers, before a fit: least, greatest, sum and deviations from the mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import readable, table_of
from logloss.data.rows import Array, Column
from logloss.onepass.kernels.column_ranges import fold_ranges
from logloss.onepass.kernels.vectors import BLOCK
from logloss.onepass.summaries.contract import merged
from logloss.onepass.summaries.distinct_values import FEW, DistinctValues

# Deviations from the mean above it, and below its inverse, have squares that are numbers.
LEAST_SQUARED = 1e-100


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
        sums, weights, lows, highs = (each[columns] for each in (self.sums, self.weights, self.lows, self.highs))
        n_lacking, deviations = self.n_lacking[columns], self.deviations[columns]
        return Range(names, sums, weights, lows, highs, n_lacking, deviations, self.offsets, self.distinct)

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


def watched_range(column: Column, block: Block) -> Range:
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


def range_of(arrays: Sequence[Array], mass: Array) -> Range:
    """Of all columns of some arrays, side by side. Cost: 2 ns a number."""
    arrays = [readable(values) for values in arrays]
    width = sum(values.shape[1] if values.ndim == 2 else 1 for values in arrays)
    as_found = table_of(arrays, np.zeros(width), np.full(width, -1))
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
