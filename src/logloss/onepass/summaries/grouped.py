"""Counts and exact sums by group, by cluster or by period: each row counted under its key.

What a measurement and a comparison keep of each key differs (`group_losses.py`, `group_gaps.py`); what keys are, how
many are kept and what coarser ones are made of them is the same (`group_keys.py`), and so is how two summaries merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import GroupKey
from logloss.errors import DataError
from logloss.onepass.summaries.cells import COARSE_CELLS, NO_CELLS, Cells
from logloss.onepass.summaries.cluster_sums import ClusterSums
from logloss.onepass.summaries.contract import times_of
from logloss.onepass.summaries.group_keys import (
    CLUSTER,
    GROUP,
    OVER,
    ClusterNumbers,
    GroupNumbers,
    KeyNumbers,
    PeriodNumbers,
    coarser,
    is_text,
    level_for,
    limit_of,
    mixed_order,
    names_at,
    ordered,
    orders_of,
)
from logloss.onepass.summaries.tables import CountTable, Ints, Slots, SumTable
from logloss.text import count, listed

# Which scores each group has is kept while there are at most so many groups.
MOST_DETAILED = 1 << 8
# Fine bins that make one coarse bin: of groups 64 for each power of two, of clusters 4.
GROUP_SHIFT, CLUSTER_SHIFT = 5, 9
# Columns of a measurement's counts: rows, rows of 1, rows of infinite loss; the same of rows with hard labels and no
# weights.
N_TOTALS = 6
# Columns of the sums of hard rows, by the names of `loss.SUMS`: of groups loss, its square, its cube, probability; of
# clusters, whose errors come from their totals, the loss.
HARD_COLUMNS = {GROUP: ("c", "cc", "ccc", "p"), CLUSTER: ("c",)}
# Columns of the sums of the others.
GENERAL_COLUMNS = {
    GROUP: ("w", "c", "ww", "cw", "cc", "www", "cww", "ccw", "ccc", "a", "aw", "aa", "p"),
    CLUSTER: ("w", "c", "a"),
}
NO_TOTALS, NO_SUMS = CountTable.empty(N_TOTALS), SumTable.empty(len(HARD_COLUMNS[GROUP]))
NO_GENERAL, NONE_GENERAL = SumTable.empty(len(GENERAL_COLUMNS[GROUP])), SumTable.empty(0)


@dataclass(frozen=True, slots=True, repr=False)
class GroupedSummary:
    """Counts and sums by key. Tables are keyed by the number of the key in `names`.

    columns, kind, only, and how many columns the tables have: the settings; only: which groups are kept apart from the
    rest (None: all). scale: of the scores in `cells`. level: how coarse the keys are. names: the keys in their order.
    totals: rows in the first column, above 0 for each key. sums: of rows with hard labels and no weights, in a
    comparison of all rows; general: of the others. cells: None where there are too many groups. A comparison has
    neither general sums nor cells. cluster_sums: of groups whose rows come in clusters; None where there are none, or
    too many groups, or where a file of an older logloss had none. has_all_cells: a setting, of groups only: which
    scores each has is kept however many there are, in bins as coarse as those of clusters.
    """

    columns: tuple[str, ...] = ()
    kind: str = GROUP
    only: tuple[GroupKey, ...] | None = None
    scale: str = ""
    n_rows: int = 0
    level: int | None = None
    names: tuple[Any, ...] = ()
    totals: CountTable = NO_TOTALS
    sums: SumTable = NO_SUMS
    general: SumTable = NO_GENERAL
    cells: Cells | None = NO_CELLS
    cluster_sums: ClusterSums | None = None
    has_all_cells: bool = False

    @classmethod
    def empty(
        cls,
        columns: tuple[str, ...] = (),
        kind: str = GROUP,
        *,
        only: tuple[GroupKey, ...] | None = None,
        has_all_cells: bool = False,
    ) -> GroupedSummary:
        """Of no rows of a measurement, with its settings."""
        sums, general = (SumTable.empty(len(names[kind])) for names in (HARD_COLUMNS, GENERAL_COLUMNS))
        cells = COARSE_CELLS if kind == CLUSTER else NO_CELLS
        return cls(columns, kind, only, sums=sums, general=general, cells=cells, has_all_cells=has_all_cells)

    @classmethod
    def empty_of(
        cls,
        columns: tuple[str, ...],
        kind: str,
        n_totals: int,
        n_sums: int,
        only: tuple[GroupKey, ...] | None = None,
    ) -> GroupedSummary:
        """Of no rows of a comparison, with its settings."""
        totals, sums = CountTable.empty(n_totals), SumTable.empty(n_sums)
        return cls(columns, kind, only, totals=totals, sums=sums, general=NONE_GENERAL, cells=None)

    def with_clusters(self, n_losses: int) -> GroupedSummary:
        """With sums of so many losses by group and cluster."""
        return replace(self, cluster_sums=ClusterSums.empty(n_losses))

    def cleared(self) -> GroupedSummary:
        """The same settings without rows."""
        n_totals, n_sums = self.totals.n_columns, self.sums.n_columns
        empty = GroupedSummary.empty_of(self.columns, self.kind, n_totals, n_sums, self.only)
        if self.general.n_columns:
            all_cells = self.has_all_cells
            empty = GroupedSummary.empty(self.columns, self.kind, only=self.only, has_all_cells=all_cells)
        return empty if self.cluster_sums is None else replace(empty, cluster_sums=self.cluster_sums.cleared())

    @property
    def is_hashed(self) -> bool:
        """Whether keys are hashes of values: those of clusters."""
        return self.kind == CLUSTER

    @property
    def is_over(self) -> bool:
        """Whether there were too many keys: groups of which none is kept, buckets of clusters, longer periods."""
        return self.level is not None

    @property
    def shift(self) -> int:
        """Bits by which fine bins are made coarse."""
        return CLUSTER_SHIFT if self.is_hashed or self.has_all_cells else GROUP_SHIFT

    def may_have_cells(self, n_groups: int) -> bool:
        """Whether which scores each has is kept of so many."""
        return self.is_hashed or self.has_all_cells or n_groups <= MOST_DETAILED

    @property
    def n_groups(self) -> int:
        """How many groups, clusters, buckets or periods there are."""
        return len(self.names)

    @property
    def limit(self) -> int:
        """How many are kept."""
        return limit_of(self.kind, self.sums.n_columns)

    def merge(self, other: GroupedSummary) -> GroupedSummary:
        """Of the rows of both."""
        self._check(other)
        if self.n_rows == 0 or other.n_rows == 0:
            return self if self.n_rows else other
        level = coarser(self.level, other.level)
        # The coarser level first: what made one side coarse is true of both together.
        mine, theirs = self.coarsened(level), other.coarsened(level)
        names = ordered(self.kind, (*mine.names, *theirs.names))
        if len(names) > self.limit:
            level = level_for(self.kind, names, level, self.limit)
            return mine.coarsened(level).merge(theirs.coarsened(level))
        mine, theirs = mine.renumbered(names), theirs.renumbered(names)
        cells = None
        if mine.cells is not None and theirs.cells is not None and self.may_have_cells(len(names)):
            cells = mine.cells.merge(theirs.cells, self.scale, self.shift)
        of_clusters = None
        if mine.cluster_sums is not None and theirs.cluster_sums is not None:
            of_clusters = mine.cluster_sums.merge(theirs.cluster_sums)
        return replace(
            mine,
            n_rows=self.n_rows + other.n_rows,
            names=names,
            totals=mine.totals.merge(theirs.totals),
            sums=mine.sums.merge(theirs.sums),
            general=mine.general.merge(theirs.general),
            cells=cells,
            cluster_sums=of_clusters,
        )

    def _check(self, other: GroupedSummary) -> None:
        """Refuse what is keyed otherwise."""
        mine, theirs = (
            (s.kind, s.columns, s.only, s.totals.n_columns, s.sums.n_columns, s.general.n_columns, s.has_all_cells)
            for s in (self, other)
        )
        if mine != theirs:
            ours, others = listed(self.columns), listed(other.columns)
            raise DataError(f"summaries must have the same {self.kind}s: one has {ours}, the other {others}.")
        if self.names and other.names and is_text(self.names) != is_text(other.names):
            raise DataError(mixed_order(listed(self.columns)))

    def coarsened(self, level: int | None) -> GroupedSummary:
        """With coarser keys."""
        if level == self.level:
            return self
        if self.kind == GROUP:
            none = replace(self.cleared(), cells=None, cluster_sums=None)
            return replace(none, scale=self.scale, n_rows=self.n_rows, level=level)
        return replace(self.renamed(names_at(self.kind, self.names, level)), level=level)

    def renamed(self, names: Sequence[Any]) -> GroupedSummary:
        """With other names of the keys; those of one name are put together."""
        distinct = ordered(self.kind, names)
        return replace(replace(self, names=tuple(names)).renumbered(distinct), names=distinct)

    def renumbered(self, names: Sequence[Any]) -> GroupedSummary:
        """With the numbers that another list of names gives."""
        places = {key: number for number, key in enumerate(orders_of(self.kind, names))}
        numbers = np.array([places[key] for key in orders_of(self.kind, self.names)], np.int64)
        if np.array_equal(numbers, np.arange(len(numbers))):
            return self
        return replace(
            self,
            totals=CountTable.of(numbers[self.totals.keys], self.totals.counts),
            sums=self.sums.renamed(numbers[self.sums.keys]),
            general=self.general.renamed(numbers[self.general.keys]),
            cells=None if self.cells is None else self.cells.renumbered(numbers),
            cluster_sums=None if self.cluster_sums is None else self.cluster_sums.renumbered(numbers),
        )

    def __repr__(self) -> str:
        kind = "bucket" if self.is_hashed and self.is_over else self.kind
        return f"GroupedSummary: n_rows={count(self.n_rows)}  {kind}s of {listed(self.columns)}: {count(self.n_groups)}"


class SumsByNumber(Protocol):
    """What is added up under the number of each row's key."""

    def resume(self, kept: GroupedSummary) -> None:
        """Begin with what a summary holds."""

    def frozen(self, settings: GroupedSummary, n_keys: int) -> GroupedSummary:
        """The tables of the first so many numbers, beside settings."""


Sums = TypeVar("Sums", bound=SumsByNumber)


class GroupWorkspace(Generic[Sums]):
    """Keys numbered as they turn up, and their sums: with coarser keys as soon as there are too many."""

    def __init__(self, settings: GroupedSummary, sums: Sums) -> None:
        self._settings = settings.cleared()
        self.sums = sums
        self.n_rows = 0
        self._resume(self._settings)

    def _resume(self, kept: GroupedSummary) -> None:
        """Begin with what a summary holds."""
        self._level = kept.level
        self._keys: KeyNumbers
        if kept.kind == GROUP:
            self._keys = GroupNumbers(kept.columns, kept.only)
        elif kept.kind == CLUSTER:
            self._keys = ClusterNumbers(kept.level, kept.names)
        else:
            self._keys = PeriodNumbers(kept.columns, kept.limit, kept.level, kept.names)
        self.sums.resume(kept)

    @property
    def n_keys(self) -> int:
        """How many keys have a number."""
        return self._keys.n_known

    def numbers_of(self, block: Block, hashes: Ints | None = None) -> Slots | None:
        """The number of each row's key; None where none is kept any more. hashes: of clusters, where they are known."""
        while self._settings.kind != GROUP or self._level is None:
            numbers = self._keys.numbers_of(block, hashes)
            if numbers is not None:
                self.n_rows += times_of(block)
                return numbers
            level = self._keys.level_with(block) if isinstance(self._keys, PeriodNumbers) else OVER[self._settings.kind]
            self._resume(self._so_far().coarsened(level))
        self.n_rows += times_of(block)
        return None

    def _so_far(self) -> GroupedSummary:
        """The summary of the rows that were added, without their number."""
        names = self._keys.names()
        found = self.sums.frozen(replace(self._settings, level=self._level, names=tuple(names)), len(names))
        # A key may have a number and no row: that of a block that came when there were too many.
        has_rows = np.zeros(len(names), np.bool_)
        has_rows[found.totals.keys] = True
        kept = ordered(found.kind, [names[number] for number in np.flatnonzero(has_rows)])
        without_rows = (names[number] for number in np.flatnonzero(~has_rows))
        return replace(found.renumbered((*kept, *without_rows)), names=kept)

    def freeze(self) -> GroupedSummary:
        """The summary of the blocks that were added."""
        return replace(self._so_far(), n_rows=self.n_rows) if self.n_rows else self._settings
