"""A column as a few cells, chosen without looking at labels: intervals between quantiles, levels of a category.

>>> ages = binned_numbers("age", 0, 0, np.array([20.0, 30.0, 40.0, 50.0]), lacks=False)
>>> ages.describe(1, 3), ages.ranges()[0]
('age 30–49', (0, 1))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.keys import sorting
from logloss.data.rows import Array, Column
from logloss.data.terms import Category, codes_in
from logloss.data.values import Value
from logloss.text import printable

# Cells of a column of numbers, and those that pairs of columns see of it; pairs see so many levels of a category.
N_BINS, N_COARSE, N_LEVELS_OF_PAIRS = 8, 4, 12
# Codes are bytes, of which the last is that of all other levels.
MOST_LEVELS = 200
# Floats beyond are not whole numbers to a reader.
LARGEST_WHOLE = 1e15


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class BinnedColumn:
    """A column of a block, or of a matrix in it, and the code of each of its values.

    feature, part: the number of the feature in a block, and of the column in its matrix. edges: of numbers, where each
    cell but the first begins; their last code is that of nothing. category: of levels, each of which has a code in
    `recode`, by its number; the last code is that of all levels that are not looked at. coarse: the coarse code of each
    code, which pairs see.
    """

    name: str
    feature: int
    part: int
    n_codes: int
    coarse: Array
    edges: Array | None = None
    category: Category | None = None
    recode: Array | None = None
    levels: tuple[Value, ...] = ()
    lacks: bool = False
    is_whole: bool = False

    @property
    def n_coarse(self) -> int:
        """How many coarse codes there are."""
        return int(self.coarse[-1]) + 1

    def codes(self, features: Sequence[Column]) -> Array:
        """The code of each row of a block, shape (n_rows,), uint8. Cost: 15 ns a number, 1 ns a level."""
        column = features[self.feature]
        if self.edges is None:
            # A column without edges is a category.
            return self.recode[codes_in(self.category, column)[0]]  # type: ignore[arg-type, index]
        values = column.values[:, self.part] if column.is_matrix else column.values
        codes = np.searchsorted(self.edges, values, side="right").astype(np.uint8)
        # NaN is sorted behind the last edge.
        codes[np.isnan(values)] = self.n_codes - 1
        return codes

    def ranges(self) -> list[tuple[int, int]]:
        """(first code, the code after the last) of every set of cells that is looked at."""
        if self.edges is None:
            return [(code, code + 1) for code in range(self.n_codes - 1)]
        return _intervals(self.n_codes - 1) + self._of_nothing(self.n_codes - 1)

    def coarse_ranges(self) -> list[tuple[int, int]]:
        """The same in coarse codes, for pairs of columns."""
        last = self.n_coarse - 1
        if self.edges is None:
            return [(code, code + 1) for code in range(last)]
        return _intervals(last) + self._of_nothing(last)

    def _of_nothing(self, code: int) -> list[tuple[int, int]]:
        return [(code, code + 1)] if self.lacks else []

    def in_codes(self, coarse: tuple[int, int]) -> tuple[int, int]:
        """A range of coarse codes as one of codes."""
        first, last = np.searchsorted(self.coarse, coarse)
        return int(first), int(last)

    def describe(self, first: int, last: int) -> str:
        """A range of codes in words: `age 25–32`, `sex = Male`, `age is missing`."""
        name = printable(self.name)
        if self.edges is None:
            level = self.levels[first]
            return f"{name} is missing" if level is None else f"{name} = {printable(str(level))}"
        if first == self.n_codes - 1:
            return f"{name} is missing"
        low = None if first == 0 else float(self.edges[first - 1])
        high = None if last == self.n_codes - 1 else float(self.edges[last - 1])
        return _interval_text(name, low, high, is_whole=self.is_whole)


def _begins_cell(times: Array) -> Array:
    """Which of many distinct values but the first begins a cell, by how many rows have each.

    A value that many rows share is a cell by itself; the others are divided by quantiles of their own.
    """
    is_frequent = times * N_BINS >= times.sum()
    n_cells = max(N_BINS - int(is_frequent.sum()), 2)
    others = np.where(is_frequent, 0, times)
    before = np.cumsum(others) - others
    cells = before * n_cells // max(int(others.sum()), 1)
    return (np.diff(cells) > 0) | is_frequent[1:] | is_frequent[:-1]


def _intervals(n: int) -> list[tuple[int, int]]:
    """Every run of neighbours among n cells but the whole."""
    return [(first, last) for first in range(n) for last in range(first + 1, n + 1) if last - first < n]


def _interval_text(name: str, low: float | None, high: float | None, *, is_whole: bool) -> str:
    if low is None and high is not None:
        return f"{name} < {_number(high)}"
    if high is None and low is not None:
        return f"{name} ≥ {_number(low)}"
    if low is None or high is None:
        return f"any {name}"
    if not is_whole:
        return f"{_number(low)} ≤ {name} < {_number(high)}"
    return f"{name} = {_number(low)}" if high - 1 == low else f"{name} {_number(low)}–{_number(high - 1)}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else f"{value:.4g}"


def binned_numbers(name: str, feature: int, part: int, sample: Array, *, lacks: bool) -> BinnedColumn | None:
    """A column of numbers between quantiles of a sample; None where all values are one and none is missing.

    Each distinct value is a cell where there are few.
    """
    values, times = np.unique(sample[~np.isnan(sample)].astype(np.float64), return_counts=True)
    edges = values[1:] if len(values) <= N_BINS else values[1:][_begins_cell(times)]
    if len(edges) == 0 and not lacks:
        return None
    n_bins = len(edges) + 1
    starts = np.unique(np.arange(N_COARSE) * n_bins // N_COARSE)
    coarse = np.append(np.searchsorted(starts, np.arange(n_bins), side="right") - 1, len(starts))
    is_whole = bool(np.all(values == np.floor(values))) and float(np.max(np.abs(values), initial=0.0)) < LARGEST_WHOLE
    return BinnedColumn(
        name, feature, part, n_bins + 1, coarse.astype(np.uint8), edges=edges, lacks=lacks, is_whole=is_whole
    )


def binned_levels(
    name: str, feature: int, category: Category, weights: Mapping[Value, float], least: float
) -> BinnedColumn | None:
    """A category whose levels of at least so much weight are cells, the largest first; None where none is."""
    kept = [level for level, weight in weights.items() if weight >= least]
    kept.sort(key=lambda level: (-weights[level], sorting((level,))))
    kept = kept[:MOST_LEVELS]
    if not kept or len(weights) < 2:
        return None
    rest = len(kept)
    number = {(type(level), level): code for code, level in enumerate(kept)}
    recode = [number.get((type(level), level), rest) for level in category.levels]
    coarse = np.minimum(np.arange(rest + 1), min(rest, N_LEVELS_OF_PAIRS))
    return BinnedColumn(
        name,
        feature,
        0,
        rest + 1,
        coarse.astype(np.uint8),
        category=category,
        recode=np.array([*recode, rest], np.uint8),
        levels=tuple(kept),
        lacks=None in kept,
    )
