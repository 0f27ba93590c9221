"""Sums by group or by cluster: the same walk, each row counted under its key.

Groups are kept while there are at most MOST_GROUPS, beyond that none; which scores each has, while there are at most
MOST_DETAILED. Clusters are kept by the hash of their key while there are at most MOST_GROUPS; beyond that in as many
buckets, which are unions of whole clusters. Each step is lawful: what has triggered it stays true of every larger set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import GroupKey, Keys, sorting
from logloss.onepass.kernels import by_group, exact
from logloss.onepass.kernels import losses as kernels
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.cells import COARSE_CELLS, GROUP_BITS, NO_CELLS, Cells, CellWorkspace
from logloss.onepass.summaries.contract import forecast_of, is_hard, pieces_of
from logloss.onepass.summaries.scores import ScoreWorkspace
from logloss.onepass.summaries.tables import CountTable, Numbering, SumTable, SumWorkspace
from logloss.text import count, listed

MOST_GROUPS = 1 << GROUP_BITS
MOST_DETAILED = 1 << 8
BUCKET_SHIFT = 52
# Fine bins that make one coarse bin: of groups 64 for each power of two, of clusters 4.
GROUP_SHIFT, CLUSTER_SHIFT = 5, 9
# Columns of the totals: rows, rows of 1, rows of infinite loss; the same of rows with hard labels and no weights.
N_TOTALS = 6
# Columns of the sums of hard rows: loss, its square, its cube, probability.
N_HARD_SUMS = 4
# Columns of the sums of the others, by the names of estimates.SUMS.
GENERAL_SUMS = ("w", "c", "ww", "cw", "cc", "www", "cww", "ccw", "ccc", "a", "aw", "aa", "p")
# Powers of weight, loss, label and probability in each of them.
GENERAL_POWERS = (
    (1, 0, 0, 0),
    (1, 1, 0, 0),
    (2, 0, 0, 0),
    (2, 1, 0, 0),
    (2, 2, 0, 0),
    (3, 0, 0, 0),
    (3, 1, 0, 0),
    (3, 2, 0, 0),
    (3, 3, 0, 0),
    (1, 0, 1, 0),
    (2, 0, 1, 0),
    (2, 0, 2, 0),
    (1, 0, 0, 1),
)


NO_TOTALS, NO_SUMS = CountTable.empty(N_TOTALS), SumTable.empty(N_HARD_SUMS)
NO_GENERAL_SUMS = SumTable.empty(len(GENERAL_SUMS))


@dataclass(frozen=True, slots=True, repr=False)
class GroupedSummary:
    """Sums by group, or by cluster (is_hashed).

    columns, only: the settings: whose values make the key, and which groups are kept apart from the rest (None: all).
    names: the keys in their order: typed values of groups, hashes of clusters. is_over: too many groups (nothing is
    kept) or clusters (they are in buckets). cells: None where there are too many groups for them.
    """

    columns: tuple[str, ...] = ()
    is_hashed: bool = False
    only: tuple[GroupKey, ...] | None = None
    scale: str = ""
    n_rows: int = 0
    is_over: bool = False
    names: tuple[Any, ...] = ()
    totals: CountTable = NO_TOTALS
    sums: SumTable = NO_SUMS
    general: SumTable = NO_GENERAL_SUMS
    cells: Cells | None = NO_CELLS

    @classmethod
    def empty(
        cls, columns: tuple[str, ...] = (), *, is_hashed: bool = False, only: tuple[GroupKey, ...] | None = None
    ) -> GroupedSummary:
        """Of no rows, with its settings."""
        return cls(columns, is_hashed, only, cells=COARSE_CELLS if is_hashed else NO_CELLS)

    @classmethod
    def of(
        cls,
        block: Block,
        columns: tuple[str, ...] = (),
        *,
        is_hashed: bool = False,
        only: tuple[GroupKey, ...] | None = None,
    ) -> GroupedSummary:
        """Of the rows of a block."""
        scores = ScoreWorkspace()
        workspace = GroupedWorkspace(cls.empty(columns, is_hashed=is_hashed, only=only))
        for piece in pieces_of(block):
            workspace.add(piece, scores, *scores.place(piece))
        return workspace.freeze(scores)

    def cleared(self) -> GroupedSummary:
        """The same settings without rows."""
        return GroupedSummary.empty(self.columns, is_hashed=self.is_hashed, only=self.only)

    @property
    def shift(self) -> int:
        """Bits by which fine bins are made coarse."""
        return CLUSTER_SHIFT if self.is_hashed else GROUP_SHIFT

    @property
    def n_groups(self) -> int:
        """How many groups, clusters or buckets there are."""
        return len(self.names)

    def merge(self, other: GroupedSummary) -> GroupedSummary:
        """Of the rows of both."""
        if self.n_rows == 0 or other.n_rows == 0:
            return self if self.n_rows else other
        n_rows = self.n_rows + other.n_rows
        if self.is_hashed and self.is_over != other.is_over:
            return self.bucketed().merge(other.bucketed())
        if not self.is_hashed and (self.is_over or other.is_over):
            return replace(self, n_rows=n_rows, **NOTHING_KEPT)
        names = union_of(self.names, other.names, is_hashed=self.is_hashed)
        if len(names) > MOST_GROUPS:
            if self.is_hashed:
                return self.bucketed().merge(other.bucketed())
            return replace(self, n_rows=n_rows, **NOTHING_KEPT)
        mine, theirs = self.renumbered(names), other.renumbered(names)
        cells = None
        if mine.cells is not None and theirs.cells is not None and (self.is_hashed or len(names) <= MOST_DETAILED):
            cells = mine.cells.merge(theirs.cells, self.scale, self.shift)
        return replace(
            self,
            n_rows=n_rows,
            names=names,
            totals=mine.totals.merge(theirs.totals),
            sums=mine.sums.merge(theirs.sums),
            general=mine.general.merge(theirs.general),
            cells=cells,
        )

    def renumbered(self, names: Iterable[Any]) -> GroupedSummary:
        """With the numbers that another list of names gives; groups of one name are put together."""
        typed = typed_of(is_hashed=self.is_hashed)
        places = {typed(name): number for number, name in enumerate(names)}
        groups = np.array([places[typed(name)] for name in self.names], np.int64)
        if np.array_equal(groups, np.arange(len(groups))):
            return self
        return replace(
            self,
            totals=CountTable.of(groups[self.totals.keys], self.totals.counts),
            sums=self.sums.renamed(groups[self.sums.keys]),
            general=self.general.renamed(groups[self.general.keys]),
            cells=None if self.cells is None else self.cells.renumbered(groups),
        )

    def bucketed(self) -> GroupedSummary:
        """Clusters in buckets."""
        if self.is_over:
            return self
        buckets = [(name >> BUCKET_SHIFT) & (MOST_GROUPS - 1) for name in self.names]
        names = tuple(sorted(set(buckets)))
        return replace(
            replace(self, names=tuple(buckets)).renumbered(names) if names != tuple(buckets) else self,
            names=names,
            is_over=True,
        )

    def __repr__(self) -> str:
        kind = ("buckets" if self.is_over else "clusters") if self.is_hashed else "groups"
        return f"GroupedSummary: n_rows={count(self.n_rows)}  {kind} of {listed(self.columns)}: {count(self.n_groups)}"


NOTHING_KEPT: dict[str, Any] = {
    "is_over": True,
    "names": (),
    "totals": NO_TOTALS,
    "sums": NO_SUMS,
    "general": NO_GENERAL_SUMS,
    "cells": None,
}


def union_of(mine: tuple[Any, ...], theirs: tuple[Any, ...], *, is_hashed: bool) -> tuple[Any, ...]:
    """The names of both, in their order."""
    typed = typed_of(is_hashed=is_hashed)
    names = {typed(name): name for name in (*mine, *theirs)}
    return tuple(names[key] for key in sorted(names))


def typed_of(*, is_hashed: bool) -> Callable[[Any], Any]:
    """What tells names apart and orders them: Python takes True for 1, a group does not."""
    return int if is_hashed else sorting


class GroupedWorkspace:
    """Sums by number of the group, in the order in which groups turn up."""

    def __init__(self, settings: GroupedSummary) -> None:
        self.settings = settings
        self.n_rows = 0
        self.scale = ""
        self.is_over = False
        self._keys = None if settings.is_hashed else Keys(len(settings.columns), MOST_GROUPS, settings.only)
        self._numbering = Numbering(MOST_GROUPS)
        self._limbs = np.zeros((0, N_HARD_SUMS, exact.N_SHORT_LIMBS), np.int64)
        self._totals = np.zeros((0, N_TOTALS), np.int64)
        self._general = SumWorkspace(len(GENERAL_SUMS))
        self._n_since_carry = 0
        self._cells: CellWorkspace | None = CellWorkspace(settings.shift, is_exact=not settings.is_hashed)

    def add(self, block: Block, scores: ScoreWorkspace, slots: Any, offsets: Any, hashes: Any = None) -> None:
        """Take in rows of one kind; slots: their bins, or (offsets None) the numbers of their scores.

        hashes: those of their clusters, where they are known.
        """
        n_times = block.n_rows if block.counts is None else int(block.counts.sum())
        self.scale = scores.scale
        if self.is_over and not self.settings.is_hashed:
            self.n_rows += n_times
            return
        groups = self._groups_of(block, hashes)
        if groups is None:
            if not self.settings.is_hashed:
                self.n_rows += n_times
                self.is_over = True
                return
            self._to_buckets(scores)
            groups = self._groups_of(block, hashes)
        self.n_rows += n_times
        n_groups = self._n_groups
        self._reach(n_groups)
        is_far = None
        if is_hard(block) and block.y_logit is not None:
            # Their losses, or the cubes of these, leave the short sums.
            size = np.abs(block.y_logit)
            is_far = (size > by_group.GREATEST_POWERED) & np.isfinite(size)
        if not is_hard(block):
            self._add_general(block, groups, n_groups)
        elif is_far is None or not is_far.any():
            self._add_hard(block, groups, n_groups)
        else:
            self._add_hard(block.taken(~is_far), groups[~is_far], n_groups)
            self._add_general(block.taken(is_far), groups[is_far], n_groups)
        if not self.settings.is_hashed and n_groups > MOST_DETAILED:
            self._cells = None
        if self._cells is not None:
            self._cells.add(block, scores, groups, n_groups, slots, offsets)

    @property
    def _n_groups(self) -> int:
        return self._numbering.n_known if self._keys is None else self._keys.n_known

    def _groups_of(self, block: Block, hashes: Any = None) -> Any:
        """The number of each row's group; None if there are too many."""
        if self._keys is not None:
            return self._keys.numbers_of(block.by)
        hashes = hashes_of(block.cluster) if hashes is None else hashes
        if self.is_over:
            hashes = (hashes >> BUCKET_SHIFT) & (MOST_GROUPS - 1)
        groups, done = self._numbering.numbers_of(hashes)
        return groups if done == len(hashes) else None

    def _reach(self, n_groups: int) -> None:
        """Make room for so many groups."""
        if n_groups > len(self._totals):
            size = max(n_groups, 2 * len(self._totals))
            totals = np.zeros((size, N_TOTALS), np.int64)
            totals[: len(self._totals)] = self._totals
            limbs = np.zeros((size, N_HARD_SUMS, exact.N_SHORT_LIMBS), np.int64)
            limbs[: len(self._limbs)] = self._limbs
            self._totals, self._limbs = totals, limbs

    def _add_hard(self, block: Block, groups: Any, n_groups: int) -> None:
        starts, order = np.empty(n_groups + 1, np.int64), np.empty(block.n_rows, np.int32)
        by_group.order_by_group(groups, starts, order)
        tallies = np.zeros((n_groups, 3), np.int64)
        forecast = forecast_of(block)
        by_group.grouped_sums(block.y_true, *forecast, block.counts, order, starts, self._limbs, tallies)
        self._totals[:n_groups, :3] += tallies
        self._totals[:n_groups, 3:] += tallies
        # A deposit adds less than 2^32 to a limb; a row makes at most 24 of them.
        self._n_since_carry += block.n_rows
        if self._n_since_carry > 1 << 25:
            exact.carry(self._limbs.reshape(-1, exact.N_SHORT_LIMBS))
            self._n_since_carry = 0

    def _add_general(self, block: Block, groups: Any, n_groups: int) -> None:
        n_rows = block.n_rows
        losses = np.empty(n_rows)
        label = block.y_true.astype(np.float64)
        kernels.soft_surprisals(label, *forecast_of(block), losses)
        is_infinite = np.isinf(losses)
        parts = np.empty(kernels.N_PARTS * kernels.STRIDE)
        proba = np.empty(n_rows)
        for start in range(0, n_rows, kernels.SLICE):
            piece = slice(start, start + kernels.SLICE)
            kernels.forecast_parts(*(None if column is None else column[piece] for column in forecast_of(block)), parts)
            proba[piece] = parts[kernels.PROBA : kernels.PROBA + len(proba[piece])]
        times = np.ones(n_rows, np.int64) if block.counts is None else block.counts
        for column, chosen in enumerate((times > 0, label == 1, is_infinite)):
            np.add.at(self._totals[:, column], groups[chosen], times[chosen])
        weight = np.ones(n_rows) if block.sample_weight is None else block.sample_weight
        factors = [np.frexp(x) for x in (weight, np.where(is_infinite, 0.0, losses), label, proba)]
        for column, powers in enumerate(GENERAL_POWERS):
            value, shift = np.ones(n_rows), np.zeros(n_rows, np.int64)
            for (mantissa, exponent), power in zip(factors, powers, strict=True):
                for _ in range(power):
                    value = value * mantissa
                    shift = shift + exponent
            self._general.add(column, value, shift, groups, n_groups, block.counts)

    def _to_buckets(self, scores: ScoreWorkspace) -> None:
        """Buckets of the clusters."""
        before = self.freeze(scores).bucketed()
        self.is_over = True
        self._numbering = Numbering(MOST_GROUPS)
        self._numbering.numbers_of(np.array(before.names, np.int64))
        n_groups = before.n_groups
        self._totals, self._limbs = self._totals[:0], self._limbs[:0]
        self._reach(n_groups)
        self._totals[before.totals.keys] = before.totals.counts
        at = before.sums.first + exact.SHORT_EXPONENT // 32
        n_lanes = before.sums.lanes.shape[1]
        self._limbs[before.sums.keys, :, at : at + n_lanes] = before.sums.lanes.transpose(2, 0, 1)
        self._general = SumWorkspace(len(GENERAL_SUMS))
        self._general.take(before.general, n_groups)
        if before.cells is not None:
            self._cells = CellWorkspace(self.settings.shift, is_exact=False)
            self._cells.take(before.cells)

    def freeze(self, scores: ScoreWorkspace) -> GroupedSummary:
        """The summary of the blocks that were added."""
        settings = self.settings
        if self.n_rows == 0:
            return settings
        if self.is_over and not settings.is_hashed:
            return replace(settings, scale=self.scale, n_rows=self.n_rows, **NOTHING_KEPT)
        names = self._numbering.keys().tolist() if self._keys is None else self._keys.names()
        n_groups = len(names)
        self._reach(n_groups)
        exact.carry(self._limbs.reshape(-1, exact.N_SHORT_LIMBS))
        # A key may have a number and no row: that of a block that came when there were too many.
        numbers = np.flatnonzero(self._totals[:n_groups, 0])
        lanes = self._limbs[:n_groups].transpose(1, 2, 0)
        used = np.flatnonzero(lanes.any(axis=(0, 1)))
        first = -exact.SHORT_EXPONENT // 32
        sums = SumTable.carried(used, lanes[:, :, used], first) if len(used) else SumTable.empty(N_HARD_SUMS)
        cells = None if self._cells is None else self._cells.freeze(scores)
        found = GroupedSummary(
            settings.columns,
            settings.is_hashed,
            settings.only,
            self.scale,
            self.n_rows,
            self.is_over,
            tuple(names),
            CountTable(numbers, self._totals[numbers]),
            sums,
            self._general.frozen(np.arange(n_groups)),
            cells,
        )
        ordered = union_of(tuple(names[number] for number in numbers), (), is_hashed=settings.is_hashed)
        without_rows = [name for number, name in enumerate(names) if self._totals[number, 0] == 0]
        return replace(found.renumbered((*ordered, *without_rows)), names=ordered)
