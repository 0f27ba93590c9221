"""Labels by score and group, for the miscalibration of each group and the errors that clusters make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logloss.data.block import Block
from logloss.onepass.kernels import score_keys
from logloss.onepass.summaries.contract import is_hard
from logloss.onepass.summaries.group_keys import GROUP_BITS
from logloss.onepass.summaries.scores import MOST_DISTINCT, N_BINS, ScoreWorkspace, bins_of, masses_of
from logloss.onepass.summaries.tables import CountTable, Ints, Numbering, Slots, SumTable, SumWorkspace, with_room

# Cells are kept score by score while there are no more.
MOST_CELLS = 1 << 17
# The number of the group takes the low bits of a cell's key.
GROUP_MASK = (1 << GROUP_BITS) - 1
# Rows that counts of 32 bits hold.
MOST_DENSE = (1 << 31) - 1
# Columns of the masses: w, w·y, w², w²·y, w²·y².
N_MASSES = 5


@dataclass(frozen=True, slots=True)
class Cells:
    """Labels by score and group: exact while scores is an array of keys, else by coarse bin.

    Keys of the tables: (number of the score, or coarse bin) << GROUP_BITS | number of the group.
    """

    scores: Ints | None
    counts: CountTable
    masses: SumTable

    def renumbered(self, groups: Ints) -> Cells:
        """With other numbers of the groups."""
        return self._mapped(lambda keys: (keys >> GROUP_BITS) << GROUP_BITS | groups[keys & GROUP_MASK], self.scores)

    def rescored(self, places: Ints, scores: Ints | None) -> Cells:
        """With other numbers of the scores, or with coarse bins in their stead."""
        return self._mapped(lambda keys: places[keys >> GROUP_BITS] << GROUP_BITS | (keys & GROUP_MASK), scores)

    def _mapped(self, new_of: Callable[[Ints], Ints], scores: Ints | None) -> Cells:
        """With other keys; cells that get the same key are put together."""
        counts = CountTable.of(new_of(self.counts.keys), self.counts.counts)
        return Cells(scores, counts, self.masses.renamed(new_of(self.masses.keys)))

    def coarse(self, scale: str, shift: int) -> Cells:
        """By coarse bin."""
        if self.scores is None:
            return self
        return self.rescored(bins_of(scale, self.scores)[0] >> shift, None)

    def merge(self, other: Cells, scale: str, shift: int) -> Cells:
        """Of the rows of both; their groups have the same numbers."""
        if self.scores is None or other.scores is None:
            mine, theirs = self.coarse(scale, shift), other.coarse(scale, shift)
            return Cells(None, mine.counts.merge(theirs.counts), mine.masses.merge(theirs.masses))
        scores = np.union1d(self.scores, other.scores)
        mine = self.rescored(np.searchsorted(scores, self.scores), scores)
        theirs = other.rescored(np.searchsorted(scores, other.scores), scores)
        merged = Cells(scores, mine.counts.merge(theirs.counts), mine.masses.merge(theirs.masses))
        return merged.coarse(scale, shift) if merged.is_too_large else merged

    def by_group(self, n_groups: int) -> list[tuple[CountTable, SumTable]]:
        """(Counts, masses) of each group, keyed by number of the score or coarse bin."""
        found = []
        orders = [np.argsort(keys & GROUP_MASK, kind="stable") for keys in (self.counts.keys, self.masses.keys)]
        keys = [keys[order] for keys, order in zip((self.counts.keys, self.masses.keys), orders, strict=True)]
        ends = [np.searchsorted(each & GROUP_MASK, np.arange(n_groups + 1)) for each in keys]
        for group in range(n_groups):
            mine, weighed = (slice(end[group], end[group + 1]) for end in ends)
            counts = CountTable(keys[0][mine] >> GROUP_BITS, self.counts.counts[orders[0][mine]])
            lanes = self.masses.lanes[:, :, orders[1][weighed]]
            found.append((counts, SumTable(keys[1][weighed] >> GROUP_BITS, lanes, self.masses.first)))
        return found

    @property
    def is_too_large(self) -> bool:
        """Whether there are too many scores, or cells, to be kept one by one."""
        n_cells = len(self.counts.keys)
        if len(self.masses.keys):
            n_cells = len(np.union1d(self.counts.keys, self.masses.keys))
        n_scores = 0 if self.scores is None else len(self.scores)
        return n_scores > MOST_DISTINCT or n_cells > MOST_CELLS

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells) or (self.counts, self.masses) != (other.counts, other.masses):
            return False
        if self.scores is None or other.scores is None:
            return self.scores is other.scores
        return np.array_equal(self.scores, other.scores)

    def __hash__(self) -> int:
        return hash((self.counts, self.masses))


NO_CELLS = Cells(np.zeros(0, np.int64), CountTable.empty(2), SumTable.empty(N_MASSES))
COARSE_CELLS = Cells(None, CountTable.empty(2), SumTable.empty(N_MASSES))


class CellWorkspace:
    """Cells under the numbers that workspaces give to scores and groups: coarse as soon as there are too many.

    scores: the workspace of the scores of the same blocks, in which each block is placed first.
    """

    def __init__(self, scores: ScoreWorkspace, shift: int, *, is_exact: bool) -> None:
        self._scores = scores
        self._shift = shift
        self._begin(is_exact=is_exact)

    def _begin(self, *, is_exact: bool) -> None:
        self._is_exact = is_exact
        self._numbering = Numbering(MOST_CELLS if is_exact else score_keys.NO_LIMIT)
        self._rows = np.zeros((0, 2), np.int64)
        self._masses = SumWorkspace(N_MASSES)
        # Coarse counts of rows that stand once, in an array without gaps: n_coarse places of two labels for each group,
        # and no key is looked up.
        self._dense = np.zeros(0, np.int32)
        self._n_coarse, self._n_dense = 1, 0
        # Coarse cells of what was counted before.
        self._before = CountTable.empty(2)

    def add(self, block: Block, groups: Slots, n_groups: int, slots: Slots, *, are_bins: bool) -> None:
        """Count the rows of a block; slots: their bins, or the numbers of their scores."""
        if not self._is_exact:
            slots = self._scores.bins_at(slots, are_bins)
        elif are_bins:
            self._to_coarse(self._scores.keys_before)
        if is_hard(block) and block.counts is None and not self._is_exact:
            self._tally(block, groups, n_groups, slots)
            return
        places = slots.astype(np.int64) >> (0 if self._is_exact else self._shift)
        cells, n_done = self._numbering.numbers_of(places << GROUP_BITS | groups)
        if n_done < len(cells):
            self._to_coarse(self._scores.keys())
            self.add(block, groups, n_groups, slots, are_bins=are_bins)
            return
        n_cells = self._numbering.n_known
        if is_hard(block):
            self._rows = with_room(self._rows, n_cells)
            score_keys.tally_slots(block.y_true, cells, block.counts, self._rows)
            return
        for column, values, shifts in masses_of(block):
            self._masses.add(column, values, shifts, cells, n_cells, block.counts)

    def _tally(self, block: Block, groups: Slots, n_groups: int, bins: Slots) -> None:
        """Count hard rows that stand once by coarse bin."""
        self._n_coarse = (N_BINS[self._scores.scale] >> self._shift) + 1
        size = 2 * n_groups * self._n_coarse
        if size > len(self._dense):
            self._dense = np.concatenate([self._dense, np.zeros(max(size - len(self._dense), 0), np.int32)])
        if self._n_dense + block.n_rows > MOST_DENSE:
            self._before, self._n_dense = self._before.merge(self._counted()), 0
            self._dense[:] = 0
        self._n_dense += block.n_rows
        score_keys.tally_cells(block.y_true, bins, groups, self._shift, self._n_coarse, self._dense)

    def _counted(self) -> CountTable:
        """What stands in the array."""
        dense = self._dense.reshape(-1, self._n_coarse, 2)
        # Both labels of a place in one word; by place first, as keys are in their order.
        places, groups = np.nonzero(self._dense.view(np.int64).reshape(-1, self._n_coarse).T)
        return CountTable(places << GROUP_BITS | groups, dense[groups, places].astype(np.int64))

    def _to_coarse(self, keys: Ints) -> None:
        """Coarse bins in the place of the scores that have these keys."""
        kept = self._numbered(None).rescored(bins_of(self._scores.scale, keys)[0] >> self._shift, None)
        self._begin(is_exact=False)
        self.take(kept)

    def take(self, kept: Cells) -> None:
        """Begin with these cells, which are coarse."""
        self._before = kept.counts
        numbers, _ = self._numbering.numbers_of(kept.masses.keys)
        self._masses.take(kept.masses.renamed(numbers.astype(np.int64)), len(numbers))

    def _numbered(self, scores: Ints | None) -> Cells:
        """The cells that have numbers."""
        codes = self._numbering.keys()
        return Cells(scores, CountTable.of_slots(codes, with_room(self._rows, len(codes))), self._masses.frozen(codes))

    def freeze(self) -> Cells:
        """The cells under the numbers of groups in this workspace, of scores in their order."""
        if self._is_exact:
            keys = self._scores.keys_before if self._scores.is_binned else self._scores.keys()
            order = np.argsort(keys)
            places = np.empty(len(keys), np.int64)
            places[order] = np.arange(len(keys))
            return self._numbered(None).rescored(places, keys[order])
        found = self._numbered(None)
        return Cells(None, self._counted().merge(found.counts).merge(self._before), found.masses)
