"""Sums by group and cluster, for errors of groups whose rows come in clusters.

A cluster is known by the hash of its key. Where there are more pairs of group and cluster than are kept, clusters are
put together into buckets by the leading bits of the hash: 4,096 of them, which are those of `group_keys.CLUSTER`, then
half as many, down to 16, with which the pairs of every group always fit. The level is the finest at which all fit; what
makes it necessary stays true of every larger set of rows, so that it does not depend on how they were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from logloss.onepass.kernels import score_keys
from logloss.onepass.summaries.cells import GROUP_MASK
from logloss.onepass.summaries.group_keys import BUCKET_SHIFT, GROUP_BITS, coarser
from logloss.onepass.summaries.tables import (
    CountTable,
    Floats,
    Ints,
    Numbering,
    Scaled,
    Slots,
    SumTable,
    SumWorkspace,
    are_few,
    with_room,
)

# Pairs of group and cluster that are kept.
MOST_PAIRS = 1 << 16
# By how many bits hashes are shifted: not at all, then to 4,096 buckets, and from there to 16.
LEVELS = (None, *range(BUCKET_SHIFT, 61))


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Rows, and sums of weight and of weight times losses (0 where infinite), by group and cluster.

    level: one of LEVELS; clusters: their hashes, or the numbers of buckets, in ascending order. Keys of both tables:
    (place of the cluster) << GROUP_BITS | number of the group. sums: the weight first.
    """

    level: int | None
    clusters: Ints
    totals: CountTable
    sums: SumTable

    @classmethod
    def empty(cls, n_losses: int) -> ClusterSums:
        """Of no rows, with so many losses each."""
        return cls(None, np.zeros(0, np.int64), CountTable.empty(1), SumTable.empty(1 + n_losses))

    def cleared(self) -> ClusterSums:
        """As many sums, of no rows."""
        return ClusterSums.empty(self.sums.n_columns - 1)

    @property
    def numbers(self) -> tuple[Ints, Ints]:
        """The group, and the place of the cluster, of each pair."""
        return self.totals.keys & GROUP_MASK, self.totals.keys >> GROUP_BITS

    def renumbered(self, groups: Ints) -> ClusterSums:
        """With other numbers of the groups; those that get one number are put together."""
        return self._mapped(lambda keys: (keys >> GROUP_BITS) << GROUP_BITS | groups[keys & GROUP_MASK])

    def coarsened(self, level: int | None) -> ClusterSums:
        """With clusters in the buckets of a level."""
        if level == self.level:
            return self
        clusters, places = np.unique(names_at(self.clusters, self.level, level), return_inverse=True)
        return self._with_clusters(clusters, places.astype(np.int64), level)

    def _with_clusters(self, clusters: Ints, places: Ints, level: int | None) -> ClusterSums:
        """With other clusters, and where each is among them."""
        found = self._mapped(lambda keys: places[keys >> GROUP_BITS] << GROUP_BITS | (keys & GROUP_MASK))
        return ClusterSums(level, clusters, found.totals, found.sums)

    def _mapped(self, new_of: Callable[[Ints], Ints]) -> ClusterSums:
        """With other keys; pairs that get the same key are put together."""
        totals = CountTable.of(new_of(self.totals.keys), self.totals.counts)
        return ClusterSums(self.level, self.clusters, totals, self.sums.renamed(new_of(self.sums.keys)))

    def merge(self, other: ClusterSums) -> ClusterSums:
        """Of the rows of both; their groups have the same numbers."""
        # The coarser level first: what made one side coarse is true of both together.
        level = coarser(self.level, other.level)
        sides = [each.coarsened(level) for each in (self, other)]
        clusters = np.union1d(sides[0].clusters, sides[1].clusters)
        mine, theirs = (
            each._with_clusters(clusters, np.searchsorted(clusters, each.clusters), level) for each in sides
        )
        merged = ClusterSums(level, clusters, mine.totals.merge(theirs.totals), mine.sums.merge(theirs.sums))
        while merged.is_too_large:
            merged = merged.coarsened(next_level(merged.level))
        return merged

    @property
    def is_too_large(self) -> bool:
        """Whether there are more pairs than are kept, and a coarser level."""
        return len(self.totals.keys) > limit_at(self.level)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ClusterSums)
            and (self.level, self.totals, self.sums) == (other.level, other.totals, other.sums)
            and np.array_equal(self.clusters, other.clusters)
        )

    def __hash__(self) -> int:
        return hash((self.level, self.clusters.tobytes(), self.totals, self.sums))


def names_at(names: Ints, level: int | None, coarse: int | None) -> Ints:
    """The buckets, at a coarser level, of hashes or of the buckets of a level."""
    if coarse is None:
        return names
    # Hashes are words without a sign that int64 arrays hold.
    return (names.view(np.uint64) >> np.uint64(coarse - (level or 0))).view(np.int64)


def next_level(level: int | None) -> int | None:
    """The level after one."""
    return LEVELS[LEVELS.index(level) + 1]


def limit_at(level: int | None) -> int:
    """How many pairs are kept at a level; at the last one all of 4,096 groups."""
    return score_keys.NO_LIMIT if level == LEVELS[-1] else MOST_PAIRS


class ClusterSumsWorkspace:
    """Pairs numbered as they turn up, and their sums: in coarser buckets as soon as there are too many."""

    def __init__(self, kept: ClusterSums) -> None:
        self._resume(kept)

    def _resume(self, kept: ClusterSums) -> None:
        """Begin with what a summary holds."""
        self._level = kept.level
        # Hashes are numbered first, for a key to hold them; buckets are numbers as they are.
        self._clusters = Numbering(limit_at(kept.level))
        self._pairs = Numbering(limit_at(kept.level))
        groups, places = kept.numbers
        self._pairs.numbers_of(self._short(kept.clusters)[0][places] << GROUP_BITS | groups)
        n_pairs = len(groups)
        # Rows whose weight of 1 is not yet among the sums, and the others.
        self._rows = with_room(np.zeros((0, 2), np.int64), n_pairs)
        self._rows[:n_pairs, 1] = kept.totals.counts[:, 0]
        self._sums = SumWorkspace(kept.sums.n_columns)
        self._sums.take(SumTable(np.arange(n_pairs), kept.sums.lanes, kept.sums.first), n_pairs)

    def add(
        self,
        hashes: Ints,
        groups: Slots,
        losses: Sequence[Floats],
        weighted: Sequence[Scaled],
        times: Ints | None,
    ) -> None:
        """Take in rows; losses: of each forecast, 0 where infinite; weighted: where there are weights these, and the
        weighted losses, scaled."""
        pairs = self._numbers_of(hashes, groups)
        n_pairs = self._pairs.n_known
        self._rows = with_room(self._rows, n_pairs)
        column = np.full(len(pairs), len(weighted) > 0, np.uint8)
        score_keys.tally_slots(column, pairs, times, self._rows)
        for place, (mantissas, shifts) in enumerate(weighted):
            self._sums.add(place, mantissas, shifts, pairs, n_pairs, times)
        if weighted:
            return
        for place, values in enumerate(losses, 1):
            self._sums.add_plain(place, values, pairs, n_pairs, times)

    def _numbers_of(self, hashes: Ints, groups: Slots) -> Slots:
        """The number of each row's pair."""
        while True:
            clusters, n_done = self._short(names_at(hashes, None, self._level))
            if n_done == len(hashes):
                pairs, n_done = self._pairs.numbers_of(clusters << GROUP_BITS | groups)
            if n_done == len(hashes):
                return pairs
            # Numbers that this block was given, and that have no rows yet, are forgotten.
            self._resume(self._coarsened_for(hashes, groups))

    def _coarsened_for(self, hashes: Ints, groups: Slots) -> ClusterSums:
        """What is held, at the finest coarser level at which there is room for it and for these rows."""
        kept, level = self.freeze(), self._level
        own, places = kept.numbers
        groups = np.concatenate([own, groups])
        is_enough = False
        while not is_enough:
            level = next_level(level)
            names = [names_at(kept.clusters[places], kept.level, level), names_at(hashes, None, level)]
            is_enough = are_few(np.concatenate(names) << GROUP_BITS | groups, limit_at(level))
        return kept.coarsened(level)

    def _short(self, names: Ints) -> tuple[Ints, int]:
        """(What stands for each cluster in the key of a pair, for how many of them there is room)."""
        if self._level is not None:
            return names, len(names)
        numbers, n_done = self._clusters.numbers_of(names)
        return numbers.astype(np.int64), n_done

    def freeze(self) -> ClusterSums:
        """The sums of the rows that were added."""
        codes = self._pairs.keys()
        self._rows = with_room(self._rows, len(codes))
        rows = self._rows[: len(codes)]
        used = np.flatnonzero(rows.any(axis=1))
        self._weigh(rows)
        own = codes[used] >> GROUP_BITS
        clusters, places = np.unique(
            own if self._level is not None else self._clusters.keys()[own], return_inverse=True
        )
        keys = np.zeros(len(codes), np.int64)
        keys[used] = places << GROUP_BITS | codes[used] & GROUP_MASK
        totals = CountTable.of_slots(keys, rows.sum(axis=1, keepdims=True))
        return ClusterSums(self._level, clusters, totals, self._sums.frozen(keys))

    def _weigh(self, rows: Ints) -> None:
        """Put the weights of rows that weigh 1 among the sums: as whole numbers, which costs nothing row by row."""
        pairs = np.flatnonzero(rows[:, 0])
        lanes = np.zeros((self._sums.lanes.shape[0], 1, len(pairs)), np.int64)
        lanes[0, 0] = rows[pairs, 0]
        self._sums.take(SumTable.carried(pairs, lanes, 0), len(rows))
        rows[:, 1] += rows[:, 0]
        rows[:, 0] = 0
