"""What a fit learns of the features before its first pass: means and ranges of numbers, the levels of categories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS
from logloss.data.rows import Array, Column
from logloss.data.terms import levels_of
from logloss.data.values import Value
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, mass_of, merged, times_of
from logloss.onepass.summaries.distinct import DistinctValues
from logloss.onepass.summaries.sample import ALL, SampleSummary
from logloss.text import count

# A category of more levels is none: its levels are not kept.
MOST_LEVELS = 1 << 16


@dataclass(frozen=True, slots=True)
class Range:
    """Of the numbers of a column or a matrix, each by its place: sums, weights, least and greatest, how many lack.

    names: those of the columns of a matrix. offsets: the least and the greatest value minus row number, of the rows
    that hold a value. distinct: which whole numbers there are, of a column that nobody has named.
    """

    names: tuple[str, ...] | None
    sums: Array
    weights: Array
    lows: Array
    highs: Array
    n_lacking: Array
    offsets: tuple[float, float] = (math.inf, -math.inf)
    distinct: DistinctValues | None = None

    @property
    def is_numbering(self) -> bool:
        """Whether the values number the rows: they go up by one from each row to the next."""
        return self.offsets[0] == self.offsets[1]

    def merge(self, other: Range) -> Range:
        """Of the rows of both."""
        return merged(
            self,
            other,
            n_settings=1,
            lows=np.minimum,
            highs=np.maximum,
            offsets=lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
            distinct=lambda a, b: a if b is None else b.merge(a),
        )


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
        )

    def __repr__(self) -> str:
        return f"ColumnSummary: n_rows={count(self.n_rows)}  n_features={count(len(self.columns))}"


def _together(a: Kept, b: Kept) -> Kept:
    """What two sets of rows hold in one column."""
    if isinstance(a, Range) and isinstance(b, Range):
        return a.merge(b)
    return a.merge(b) if isinstance(a, Levels) and isinstance(b, Levels) else Mixed()


class _ColumnWorkspace:
    def __init__(self, empty: ColumnSummary) -> None:
        self.summary, self.sample = empty, empty.sample.workspace()

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
        for j, column in enumerate(block.features):
            if column.categories is not None or column.values.dtype == np.bool_ or j in self.summary.categories:
                columns[j] = _levels(column, mass)
            else:
                is_watched = j in self.summary.unnamed
                columns[j] = (
                    _matrix_range(column, mass) if column.is_matrix else _range(column, mass, block, is_watched)
                )
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
            )
        )

    def freeze(self) -> ColumnSummary:
        """The summary of the blocks that were added."""
        return replace(self.summary, sample=self.sample.freeze())


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


def _range(column: Column, mass: Array, block: Block, is_watched: bool) -> Range:
    values = np.asarray(column.values, dtype=np.float64)
    lacking = np.isnan(values)
    n_lacking = int(np.count_nonzero(lacking))
    if n_lacking:
        values, mass = values[~lacking], mass[~lacking]
    offsets = (np.inf, -np.inf)
    # One row of a frame, whose rows have no numbers, is no sequence.
    if is_watched and len(values) > (0 if block.place.is_numbered else 1):
        numbers = np.arange(block.n_rows) if block.rows is None else block.rows
        own = values - (block.first_row + (numbers[~lacking] if n_lacking else numbers))
        if not block.place.is_numbered:
            # Of a frame only this is known: whether in each run of rows the numbers go up by one.
            own = own - own[0]
        offsets = float(own.min()), float(own.max())
    low, high = (values.min(), values.max()) if len(values) else (np.inf, -np.inf)
    return Range(
        None,
        np.array([mass @ values]),
        np.array([mass.sum()]),
        np.array([low]),
        np.array([high]),
        np.array([n_lacking]),
        offsets,
        DistinctValues.of(values) if is_watched else None,
    )


def _matrix_range(column: Column, mass: Array) -> Range:
    """Piece by piece, so that each piece is read from memory once."""
    width = column.values.shape[1]
    sums, weights, n_lacking = np.zeros(width), np.zeros(width), np.zeros(width, dtype=np.int64)
    lows, highs = np.full(width, np.inf), np.full(width, -np.inf)
    for start in range(0, len(column.values), PIECE_ROWS):
        piece = column.values[start : start + PIECE_ROWS]
        own = mass[start : start + PIECE_ROWS]
        low, high = piece.min(axis=0), piece.max(axis=0)
        if np.isnan(low).any():
            lacking = np.isnan(piece)
            low = np.where(lacking, np.inf, piece).min(axis=0)
            high = np.where(lacking, -np.inf, piece).max(axis=0)
            n_lacking += lacking.sum(axis=0)
            weights += own @ ~lacking
            sums += own @ np.where(lacking, 0.0, piece)
        else:
            weights += own.sum()
            sums += own @ piece
        np.minimum(lows, low, out=lows)
        np.maximum(highs, high, out=highs)
    return Range(column.names, sums, weights, lows, highs, n_lacking)
