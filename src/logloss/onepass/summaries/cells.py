"""Labels by score and group, for the miscalibration of each group and the errors that clusters make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.onepass.kernels import score_keys as placing
from logloss.onepass.summaries.contract import is_hard
from logloss.onepass.summaries.scores import MOST_DISTINCT, N_BINS, ScoreWorkspace, bins_of, masses_of
from logloss.onepass.summaries.tables import CountTable, Numbering, SumTable, SumWorkspace

# Cells are kept score by score while there are no more.
MOST_CELLS = 1 << 17
# The number of the group takes the low bits of a cell's key.
GROUP_BITS = 12
GROUP_MASK = (1 << GROUP_BITS) - 1
# Columns of the masses: w, w·y, w², w²·y, w²·y².
N_MASSES = 5


@dataclass(frozen=True, slots=True)
class Cells:
    """Labels by score and group: exact while scores is an array of keys, else by coarse bin.

    Keys of the tables: (number of the score, or coarse bin) << GROUP_BITS | number of the group.
    """

    scores: Any
    counts: CountTable
    masses: SumTable

    def renumbered(self, groups: Any) -> Cells:
        """With other numbers of the groups."""

        def renamed(keys: Any) -> Any:
            return (keys >> GROUP_BITS) << GROUP_BITS | groups[keys & GROUP_MASK]

        counts = CountTable.of(renamed(self.counts.keys), self.counts.counts)
        return Cells(self.scores, counts, self.masses.renamed(renamed(self.masses.keys)))

    def rescored(self, places: Any, scores: Any) -> Cells:
        """With other numbers of the scores, or with coarse bins in their stead."""

        def renamed(keys: Any) -> Any:
            return places[keys >> GROUP_BITS] << GROUP_BITS | (keys & GROUP_MASK)

        counts = CountTable.of(renamed(self.counts.keys), self.counts.counts)
        return Cells(scores, counts, self.masses.renamed(renamed(self.masses.keys)))

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
        return len(self.scores) > MOST_DISTINCT or n_cells > MOST_CELLS

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Cells)
            and (self.scores is None) == (other.scores is None)
            and (self.scores is None or np.array_equal(self.scores, other.scores))
            and (self.counts, self.masses) == (other.counts, other.masses)
        )

    def __hash__(self) -> int:
        return hash((self.counts, self.masses))


NO_CELLS = Cells(np.zeros(0, np.int64), CountTable.empty(2), SumTable.empty(N_MASSES))
COARSE_CELLS = Cells(None, CountTable.empty(2), SumTable.empty(N_MASSES))


class CellWorkspace:
    """Cells under the numbers that a workspace gives to scores and groups."""

    def __init__(self, shift: int, *, is_exact: bool) -> None:
        self.shift, self.is_exact = shift, is_exact
        # Score by score, or of rows with weights or soft labels.
        self._numbering = Numbering(MOST_CELLS if is_exact else placing.NO_LIMIT)
        self._rows = np.zeros((0, 2), np.int64)
        self._masses = SumWorkspace(N_MASSES)
        # By coarse bin: a place for each, group after group; and what there was before.
        self._n_coarse = 0
        self._dense = np.zeros((0, 2), np.int64)
        self._before = CountTable.empty(2)

    def add(self, block: Block, scores: ScoreWorkspace, groups: Any, n_groups: int, slots: Any, offsets: Any) -> None:
        """Count the rows of a block; slots: their bins, or (offsets None) the numbers of their scores."""
        if offsets is None and not self.is_exact:
            slots = bins_of(scores.scale, scores.keys())[0][slots]
        elif offsets is not None and self.is_exact:
            self._to_coarse(scores.keys_before, scores.scale)
        if is_hard(block) and not self.is_exact:
            self._reach(n_groups, scores.scale)
            placing.tally_cells(block.y_true, slots, groups, self.shift, self._n_coarse, block.counts, self._dense)
            return
        places = slots.astype(np.int64) >> (0 if self.is_exact else self.shift)
        cells, done = self._numbering.numbers_of(places << GROUP_BITS | groups)
        if done < len(cells):
            self._to_coarse(scores.keys(), scores.scale)
            self.add(block, scores, groups, n_groups, slots, offsets)
            return
        n_cells = self._numbering.n_known
        if not is_hard(block):
            for column, values, shifts in masses_of(block):
                self._masses.add(column, values, shifts, cells, n_cells, block.counts)
            return
        if n_cells > len(self._rows):
            grown = np.zeros((max(n_cells, 2 * len(self._rows)), 2), np.int64)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        placing.tally_slots(block.y_true, cells, block.counts, self._rows)

    def _reach(self, n_groups: int, scale: str) -> None:
        """Make room for the coarse bins of so many groups."""
        self._n_coarse = (N_BINS[scale] >> self.shift) + 1
        if n_groups * self._n_coarse > len(self._dense):
            grown = np.zeros((max(n_groups * self._n_coarse, 2 * len(self._dense)), 2), np.int64)
            grown[: len(self._dense)] = self._dense
            self._dense = grown

    def _to_coarse(self, score_keys: Any, scale: str) -> None:
        """Coarse bins in the place of scores."""
        kept = self._numbered(None).rescored(bins_of(scale, score_keys)[0] >> self.shift, None)
        self.__init__(self.shift, is_exact=False)  # type: ignore[misc]
        self.take(kept)

    def take(self, kept: Cells) -> None:
        """Begin with these cells, which are coarse."""
        self._before = kept.counts
        numbers, _ = self._numbering.numbers_of(kept.masses.keys)
        self._masses.take(kept.masses.renamed(numbers.astype(np.int64)), len(numbers))

    def _numbered(self, scores: Any) -> Cells:
        """The cells that have numbers."""
        codes = self._numbering.keys()
        rows = self._rows[: len(codes)]
        used = np.flatnonzero(rows.any(axis=1))
        counts = CountTable.of(codes[used], rows[used]) if len(used) else CountTable.empty(2)
        return Cells(scores, counts, self._masses.frozen(codes))

    def freeze(self, scores: ScoreWorkspace) -> Cells:
        """The cells under the numbers of groups in this workspace, of scores in their order."""
        if self.is_exact:
            keys = scores.keys_before if scores.is_binned else scores.keys()
            order = np.argsort(keys)
            places = np.empty(len(keys), np.int64)
            places[order] = np.arange(len(keys))
            return self._numbered(None).rescored(places, keys[order])
        found = self._numbered(None)
        used = np.flatnonzero(self._dense.any(axis=1))
        if len(used):
            groups, places = np.divmod(used, self._n_coarse)
            dense = CountTable.of(places << GROUP_BITS | groups, self._dense[used])
            found = Cells(None, dense.merge(found.counts), found.masses)
        return Cells(None, found.counts.merge(self._before), found.masses)
