"""Sums of several forecasts by group, or by period: one table of exact sums, keyed by names.

What is kept is bounded, and each step to something coarser is lawful: what has triggered it stays true of every larger
set of rows, and the coarse sums are sums of the fine ones.

    groups    up to MOST_GROUPS; beyond, none
    periods   the values of `order`: numbers or text, up to a limit; beyond, periods of length 2^k with the least
              whole k that is enough, or texts cut to as many first letters as can be kept apart
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import GroupKey, Keys, sorting
from logloss.data.rows import Column
from logloss.errors import DataError
from logloss.onepass.kernels.by_group import order_by_group
from logloss.onepass.summaries.grouped import MOST_GROUPS
from logloss.onepass.summaries.tables import CountTable, Numbering, SumTable, SumWorkspace
from logloss.text import count, listed

GROUP, PERIOD = "group", "period"
NUMBER, TEXT = "numbers", "text"
# Sums of all periods together, so that the size does not grow with the number of forecasts.
MOST_PERIOD_SUMS = 1 << 17
# From here on a float is a multiple of the unit.
EXACT = 2.0**53
# Rows of a name in a block from which sorting them first is quicker.
FEWEST_OF_A_RUN = 16
NO_COUNTS, NO_SUMS = CountTable.empty(1), SumTable.empty(1)


@dataclass(frozen=True, slots=True, repr=False)
class KeyedSummary:
    """Counts and exact sums by name.

    kind, columns, only, n_counts, n_sums: the settings. scale: what periods are named by; level: how coarse they are
    (None: every value is one). The first column of the sums is above 0 in every row.
    """

    kind: str = GROUP
    columns: tuple[str, ...] = ()
    n_counts: int = 1
    n_sums: int = 1
    only: tuple[GroupKey, ...] | None = None
    n_rows: int = 0
    is_over: bool = False
    scale: str = ""
    level: int | None = None
    names: tuple[Any, ...] = ()
    counts: CountTable = NO_COUNTS
    sums: SumTable = NO_SUMS

    @classmethod
    def empty(
        cls,
        kind: str,
        columns: tuple[str, ...],
        n_counts: int,
        n_sums: int,
        only: tuple[GroupKey, ...] | None = None,
    ) -> KeyedSummary:
        """Of no rows, with its settings."""
        none = CountTable.empty(n_counts), SumTable.empty(n_sums)
        return cls(kind, columns, n_counts, n_sums, only, counts=none[0], sums=none[1])

    def cleared(self) -> KeyedSummary:
        """The same settings without rows."""
        return KeyedSummary.empty(self.kind, self.columns, self.n_counts, self.n_sums, self.only)

    @property
    def limit(self) -> int:
        """How many names are kept."""
        return MOST_PERIOD_SUMS // self.n_sums if self.kind == PERIOD else MOST_GROUPS

    @property
    def n_names(self) -> int:
        """How many groups or periods there are."""
        return len(self.names)

    def merge(self, other: KeyedSummary) -> KeyedSummary:
        """Of the rows of both."""
        self._check(other)
        if self.n_rows == 0 or other.n_rows == 0:
            return self if self.n_rows else other
        n_rows = self.n_rows + other.n_rows
        if self.kind == GROUP and (self.is_over or other.is_over):
            return replace(self.cleared(), n_rows=n_rows, is_over=True)
        mine, theirs = self._as_coarse_as(other), other._as_coarse_as(self)
        names = tuple(sorted({*mine.names, *theirs.names}, key=self._sorting))
        if len(names) > self.limit:
            if self.kind == GROUP:
                return replace(self.cleared(), n_rows=n_rows, is_over=True)
            level = level_for(self.scale, names, mine.level, self.limit) if self.kind == PERIOD else None
            return mine.coarsened(level).merge(theirs.coarsened(level))
        mine, theirs = mine.renumbered(names), theirs.renumbered(names)
        counts, sums = mine.counts.merge(theirs.counts), mine.sums.merge(theirs.sums)
        return replace(mine, n_rows=n_rows, names=names, counts=counts, sums=sums)

    def _check(self, other: KeyedSummary) -> None:
        """Refuse what is keyed otherwise."""
        mine, theirs = ((s.kind, s.columns, s.only, s.n_counts, s.n_sums) for s in (self, other))
        if mine != theirs:
            ours, others = listed(self.columns), listed(other.columns)
            raise DataError(f"summaries must have the same {self.kind}s: one has {ours}, the other {others}.")
        if self.scale and other.scale and self.scale != other.scale:
            raise DataError(mixed_order(listed(self.columns)))

    def _sorting(self, name: Any) -> Any:
        """The order of names: Python takes True for 1, a group does not."""
        return sorting(name) if self.kind == GROUP else name

    def _as_coarse_as(self, other: KeyedSummary) -> KeyedSummary:
        """Not finer than the other."""
        if self.kind == GROUP or other.level is None:
            return self
        return self.coarsened(coarser(self.scale, self.level, other.level))

    def coarsened(self, level: int | None) -> KeyedSummary:
        """Periods of a coarser level."""
        if level == self.level:
            return self
        names = periods_of(self.scale, self.names, level)
        distinct = tuple(sorted(set(names)))
        found = replace(self, names=tuple(names)).renumbered(distinct)
        return replace(found, names=distinct, is_over=True, level=level)

    def renumbered(self, names: tuple[Any, ...]) -> KeyedSummary:
        """With the numbers that another list of names gives."""
        places = {self._sorting(name): number for number, name in enumerate(names)}
        numbers = np.array([places[self._sorting(name)] for name in self.names], np.int64)
        if np.array_equal(numbers, np.arange(len(numbers))):
            return self
        return replace(
            self,
            counts=CountTable.of(numbers[self.counts.keys], self.counts.counts),
            sums=self.sums.renamed(numbers[self.sums.keys]),
        )

    def __repr__(self) -> str:
        return (
            f"KeyedSummary: n_rows={count(self.n_rows)}  {self.kind}s of {listed(self.columns)}: {count(self.n_names)}"
        )


def mixed_order(column: str) -> str:
    """What is said of periods that are partly numbers."""
    return f'`order` must hold numbers, or text such as dates, in every row; "{column}" holds both.'


def periods_of(scale: str, names: Any, level: int | None) -> Any:
    """The period of each value: where it begins, or its first letters."""
    if level is None:
        return names
    if scale == TEXT:
        return [name[:level] for name in names]
    values = np.asarray(names, np.float64)
    scaled = np.ldexp(values, -level)
    is_fine = np.abs(scaled) < EXACT
    return np.where(is_fine, np.ldexp(np.floor(np.where(is_fine, scaled, 0.0)), level), values) + 0.0


def coarser(scale: str, a: int | None, b: int | None) -> int | None:
    """The coarser of two levels."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b) if scale == TEXT else max(a, b)


def level_for(scale: str, names: Any, level: int | None, limit: int) -> int | None:
    """The finest level, not finer than the present one, at which the names make at most so many periods."""
    if len(set(periods_of(scale, names, level))) <= limit:
        return level
    if scale == TEXT:
        # The more letters, the more periods: the most letters that are few enough.
        fits, fails = 0, max(map(len, names)) if level is None else level
        names = list(names)
        while fails - fits > 1:
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if len({name[:middle] for name in names}) <= limit else (fits, middle)
        return fits
    values = np.unique(np.asarray(names, np.float64))
    fails, fits = -1075 if level is None else level, 1024
    while fits - fails > 1:
        middle = (fits + fails) // 2
        is_enough = len(np.unique(periods_of(scale, values, middle))) <= limit
        fits, fails = (middle, fails) if is_enough else (fits, middle)
    return fits


class KeyedWorkspace:
    """Sums by number of the name, in the order in which names turn up."""

    def __init__(self, settings: KeyedSummary, spread: tuple[int, ...]) -> None:
        self.settings = settings.cleared()
        # Which of the plain sums each of the sums is, where every weight is 1.
        self.spread = spread
        self.n_rows = 0
        self._resume(self.settings)

    def _resume(self, kept: KeyedSummary) -> None:
        """Begin with what a summary holds."""
        self.is_over, self.level, self.scale = kept.is_over, kept.level, kept.scale
        limit = kept.limit
        self._keys = Keys(len(kept.columns), limit, kept.only) if kept.kind == GROUP else None
        self._numbering = Numbering(limit)
        self._texts: dict[str, int] = {name: number for number, name in enumerate(kept.names)} if kept.names else {}
        if kept.names and self.scale != TEXT:
            self._numbering.numbers_of(self._codes(np.array(kept.names)))
        n_names = kept.n_names
        self._counts = np.zeros((n_names, kept.n_counts), np.int64)
        self._counts[kept.counts.keys] = kept.counts.counts
        self._sums = SumWorkspace(kept.n_sums)
        self._sums.take(kept.sums, n_names)
        self._plain = SumWorkspace(len(set(self.spread)))

    def _codes(self, values: Any) -> Any:
        """Numbers as keys of a table: their bits."""
        return (values.astype(np.float64) + 0.0).view(np.int64)

    def numbers_of(self, block: Block) -> Any:
        """The number of each row's name; None where none is kept any more."""
        self.n_rows += block.n_rows if block.counts is None else int(block.counts.sum())
        if self.settings.kind == GROUP:
            numbers = None if self.is_over or self._keys is None else self._keys.numbers_of(block.by)
            self.is_over = numbers is None
            return numbers
        return self._periods_of(block.order)

    def _periods_of(self, column: Column | None) -> Any:
        """The number of each row's period."""
        if column is None:
            raise DataError("`order` is needed to tell periods.")
        scale = NUMBER if column.categories is None else TEXT
        if self.scale not in ("", scale):
            raise DataError(mixed_order(listed(self.settings.columns)))
        self.scale = scale
        values: Any
        if column.categories is None:
            values = column.values.astype(np.float64) + 0.0
            values = periods_of(scale, values, self.level)
            numbers, done = self._numbering.numbers_of(self._codes(values))
            if done == len(values):
                return numbers
        else:
            codes = column.values
            used = np.flatnonzero(np.bincount(codes, minlength=len(column.categories)))
            values = periods_of(scale, [str(column.categories[k]) for k in used], self.level)
            if len(self._texts) + len(set(values) - self._texts.keys()) <= self.settings.limit:
                found = [self._texts.setdefault(value, len(self._texts)) for value in values]
                places = np.zeros(len(column.categories), np.int64)
                places[used] = found
                return places[codes]
        # What has a number but no sum yet belongs to this block, too.
        kept = self._so_far()
        level = level_for(
            scale, [*kept.names, *set(values if scale == TEXT else np.unique(values))], self.level, kept.limit
        )
        self._resume(replace(kept.coarsened(level), is_over=True, level=level))
        return self._periods_of(column)

    def add(self, block: Block, numbers: Any, counts: list[Any], sums: list[tuple[Any, Any]], plain: list[Any]) -> None:
        """Take in rows; counts: for each column which rows count (None: all); sums: values and exponents of 2.

        plain: of rows without weights, the columns that `spread` makes all columns of.
        """
        n_names = self._n_names
        if n_names > len(self._counts):
            grown = np.zeros((max(n_names, 2 * len(self._counts)), self.settings.n_counts), np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown
        for column, chosen in enumerate(counts):
            if chosen is not None and not chosen.any():
                continue
            own = numbers if chosen is None else numbers[chosen]
            if block.counts is None:
                self._counts[:n_names, column] += np.bincount(own, minlength=n_names)
            else:
                np.add.at(self._counts[:, column], own, block.counts if chosen is None else block.counts[chosen])
        for column, (values, shifts) in enumerate(sums):
            self._sums.add(column, values, shifts, numbers, n_names, block.counts)
        runs = None
        if plain and block.n_rows >= FEWEST_OF_A_RUN * n_names:
            runs = np.empty(block.n_rows, np.int32), np.empty(n_names + 1, np.int64)
            order_by_group(numbers, runs[1], runs[0])
        for column, values in enumerate(plain):
            if isinstance(values, tuple):
                self._plain.add(column, values[0], values[1], numbers, n_names, block.counts)
            else:
                self._plain.add_plain(column, values, numbers, n_names, block.counts, runs)

    @property
    def _n_names(self) -> int:
        if self._keys is not None:
            return self._keys.n_known
        return len(self._texts) if self.scale == TEXT else self._numbering.n_known

    def _so_far(self) -> KeyedSummary:
        """The summary of the rows that were added, without their number."""
        names: Any
        if self._keys is not None:
            names = self._keys.names()
        elif self.scale == TEXT:
            names = list(self._texts)
        else:
            names = self._numbering.keys().view(np.float64).tolist()
        counts = np.zeros((len(names), self.settings.n_counts), np.int64)
        counts[: min(len(names), len(self._counts))] = self._counts[: len(names)]
        # A name may have a number and no row: that of a block that came when there were too many.
        held = np.flatnonzero(counts[:, 0])
        found = replace(
            self.settings,
            is_over=self.is_over,
            scale=self.scale,
            level=self.level,
            names=tuple(names),
            counts=CountTable(held, counts[held]),
            sums=self._sums.frozen(np.arange(len(names))).merge(self._plain_frozen(len(names))),
        )
        sorting_of = self.settings._sorting
        ordered = tuple(sorted((names[number] for number in held), key=sorting_of))
        without = tuple(names[number] for number in np.flatnonzero(counts[:, 0] == 0))
        return replace(found.renumbered((*ordered, *without)), names=ordered)

    def _plain_frozen(self, n_names: int) -> SumTable:
        """The sums of rows without weights, in all columns."""
        found = self._plain.frozen(np.arange(n_names))
        if len(found.keys) == 0:
            return SumTable.empty(self.settings.n_sums)
        return SumTable(found.keys, np.ascontiguousarray(found.lanes[list(self.spread)]), found.first)

    def freeze(self) -> KeyedSummary:
        """The summary of the blocks that were added."""
        if self.n_rows == 0:
            return self.settings
        if self.settings.kind == GROUP and self.is_over:
            return replace(self.settings, n_rows=self.n_rows, is_over=True)
        return replace(self._so_far(), n_rows=self.n_rows)
