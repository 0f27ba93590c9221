"""What a fit learns of the features before its first pass: means and ranges of numbers, the levels of categories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Column
from logloss.data.terms import levels_of
from logloss.data.values import Value
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, mass_of, times_of
from logloss.onepass.summaries.ranges import Range, range_of, watched_range
from logloss.onepass.summaries.sample import ALL, SampleSummary
from logloss.text import count

# A category of more levels is none: its levels are not kept.
MOST_LEVELS = 1 << 16


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
                    columns[j] = watched_range(column, block)
        layout = tuple(
            (j, c.names if c.is_matrix else None, c.values.shape[1] if c.is_matrix else 1) for j, c in numbers.items()
        )
        if layout != self.layout:
            self._take_numbers()
            self.layout = layout
        if numbers:
            found = range_of([column.values for column in numbers.values()], mass)
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
