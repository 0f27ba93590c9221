"""Differences of two forecasts' losses of the same rows: exact sums, the rows of the largest differences, and how often
each pair of scores occurs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.checks.reading import read_only
from logloss.data.rows import Array
from logloss.onepass.kernels import counted_losses, exact, paired_losses, score_keys
from logloss.onepass.summaries.contract import added, is_hard, weight_of
from logloss.onepass.summaries.group_keys import finest
from logloss.onepass.summaries.largest_losses import LargeLoss, row_of
from logloss.onepass.summaries.tables import LEAST_PLACES, CountTable, Floats, Ints, Slots, are_few

# d is the difference of two losses, c weight·d; three letters as in `loss.SUMS`; range: Σ (weight·|logit − logit|)².
# out_w, out_ww, out_www: of rows of infinite loss of one of the two, which enter no other sum.
CONTRAST_SUMS = ("c", "cw", "cc", "cww", "ccw", "ccc", "range", "out_w", "out_ww", "out_www")
# Which rows of limbs of `paired_losses.contrast_sums`, where every weight is 1, and of the weighted ones, make each.
HARD_LIMBS: tuple[tuple[int, ...], ...] = ((0,), (0,), (1, 2), (0,), (1, 2), (3, 4), (5,), (), (), ())
WEIGHTED_LIMBS = ((0,), (1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11,), (12,), (13, 14), (15, 16))
# Rows of the largest differences that are kept.
N_LARGEST_DIFFERENCES = 10
# From here on all bins are one: there are fewer than 2^17 of probabilities and of logits.
COARSEST = 18


@dataclass(frozen=True, slots=True)
class LargeDifference:
    """A row of which two forecasts had very different losses."""

    first: LargeLoss
    second: LargeLoss

    @property
    def difference(self) -> float:
        """The loss of the first less that of the second, in nats; 0 where both are infinite."""
        return 0.0 if self.first.log_loss == self.second.log_loss else self.first.log_loss - self.second.log_loss

    @property
    def rank(self) -> tuple[Any, ...]:
        """The key of the order: the largest difference first."""
        return -abs(self.difference), *self.first.rank[1:], *self.second.rank[1:]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Exact sums of the differences of two losses.

    counts: rows whose two losses are finite; infinite of the first only, the second only, both; and rows where the
    difference of losses has no bound.
    """

    counts: tuple[int, ...] = (0,) * paired_losses.N_TALLIES
    sums: tuple[int, ...] = (0,) * len(CONTRAST_SUMS)
    largest_differences: tuple[LargeDifference, ...] = ()

    def merge(self, other: Contrast) -> Contrast:
        """Of the rows of both."""
        largest_differences = sorted(self.largest_differences + other.largest_differences, key=lambda row: row.rank)[
            :N_LARGEST_DIFFERENCES
        ]
        return Contrast(added(self.counts, other.counts), added(self.sums, other.sums), tuple(largest_differences))

    def sum(self, name: str) -> int:
        """One of CONTRAST_SUMS, in units of 2^-6720."""
        return self.sums[CONTRAST_SUMS.index(name)]


class ContrastWorkspace:
    """The sums of a pair so far."""

    def __init__(self) -> None:
        self.hard = exact.new_limbs(paired_losses.N_CONTRAST)
        self.weighted: Ints | None = None
        self.tallies = np.zeros((2, paired_losses.N_TALLIES), np.int64)
        self.largest_differences: list[LargeDifference] = []

    def add(
        self, block: Block, first: tuple[Floats, Floats], second: tuple[Floats, Floats], pair: tuple[int, int]
    ) -> None:
        """Take in rows of one kind; first, second: losses and logits of each forecast."""
        if is_hard(block):
            paired_losses.contrast_sums(
                first[0], second[0], first[1], second[1], block.counts, self.hard, self.tallies[0]
            )
        else:
            if self.weighted is None:
                self.weighted = exact.new_limbs(paired_losses.N_WEIGHTED_LIMBS)
            own = first[0], second[0], first[1], second[1], weight_of(block), block.counts
            paired_losses.weighted_contrast_sums(*own, self.weighted, self.tallies[1])
        self._keep_furthest(block, first[0], second[0], pair)

    def _keep_furthest(self, block: Block, first: Floats, second: Floats, pair: tuple[int, int]) -> None:
        """Keep the rows of the largest differences."""
        least = (
            abs(self.largest_differences[-1].difference)
            if len(self.largest_differences) == N_LARGEST_DIFFERENCES
            else 0.0
        )
        kept = counted_losses.room_for_largest(N_LARGEST_DIFFERENCES, least)
        n_kept = paired_losses.keep_furthest(first, second, least, kept)
        chosen = [place for gap, place in kept[:n_kept].tolist() if gap > 0]
        if not chosen:
            return
        one, other = (block.forecasts[number] for number in pair)
        found = [
            LargeDifference(row_of(block, one, float(first[k]), k), row_of(block, other, float(second[k]), k))
            for k in chosen
        ]
        self.largest_differences = sorted(self.largest_differences + found, key=lambda row: row.rank)[
            :N_LARGEST_DIFFERENCES
        ]

    def freeze(self) -> Contrast:
        """The contrast of the rows that were added."""
        hard = exact.as_integers(self.hard)
        sums = [sum(hard[k] for k in places) for places in HARD_LIMBS]
        # Each of these rows weighs 1.
        sums[-3:] = [exact.of_count(int(self.tallies[0, 1:4].sum()))] * 3
        if self.weighted is not None:
            weighted = exact.as_integers(self.weighted)
            sums = [
                total + sum(weighted[k] for k in places) for total, places in zip(sums, WEIGHTED_LIMBS, strict=True)
            ]
        return Contrast(tuple(self.tallies.sum(axis=0).tolist()), tuple(sums), tuple(self.largest_differences))


@dataclass(frozen=True, slots=True)
class JointScores:
    """Labels by pair of scores: rows of 0 and of 1 with hard labels and no weights, by the bins of both forecasts.

    limit: how many pairs are kept; level: by how many bits bins are made coarse, the least that is enough.
    """

    limit: int = 1 << 15
    level: int = 0
    counts: CountTable = field(default_factory=lambda: CountTable.empty(2))

    def merge(self, other: JointScores) -> JointScores:
        """Of the rows of both."""
        level = max(self.level, other.level)
        counts = self.at(level).counts.merge(other.at(level).counts)
        finer = JointScores(self.limit, level, counts)
        return finer if len(counts.keys) <= self.limit else finer.at(pair_level_for(counts.keys, level, self.limit))

    def at(self, level: int) -> JointScores:
        """With coarser bins."""
        if level == self.level:
            return self
        keys = coarse_pairs(self.counts.keys, level - self.level)
        return JointScores(self.limit, level, CountTable.of(keys, self.counts.counts))


def bins_of_pairs(keys: Ints) -> tuple[Ints, Ints]:
    """The two bins of each pair."""
    return keys >> paired_losses.BIN_BITS, keys & ((1 << paired_losses.BIN_BITS) - 1)


def pairs_of_bins(first: Slots, second: Slots, shift: int) -> Ints:
    """Pairs of bins, both made coarse by so many bits."""
    return (first.astype(np.int64) >> shift) << paired_losses.BIN_BITS | second >> shift


def coarse_pairs(keys: Ints, shift: int) -> Ints:
    """Pairs of bins by pairs of coarser bins."""
    return pairs_of_bins(*bins_of_pairs(keys), shift)


def pair_level_for(keys: Ints, level: int, limit: int) -> int:
    """The least level at which there are few enough of these pairs, which are too many at the present one."""
    return finest(level, COARSEST, lambda level_of: are_few(coarse_pairs(keys, level_of - level), limit))


class JointWorkspace:
    """Pairs of bins so far: an open table of keys, and counts at the same places."""

    def __init__(self, settings: JointScores) -> None:
        self.limit = settings.limit
        self._resume(JointScores(settings.limit))

    def _resume(self, kept: JointScores, n_places: int = LEAST_PLACES) -> None:
        """Begin with what is kept, in a table of at least so many places."""
        self.level, keys = kept.level, kept.counts.keys
        while n_places // 2 < len(keys):
            n_places *= 2
        self._known, self._rows = np.full(n_places, score_keys.NO_KEY), np.zeros((n_places, 2), np.int64)
        first, second = (bins.astype(np.int32) for bins in bins_of_pairs(keys))
        self.n_known = 0
        for label in (0, 1):
            labels, counts = np.full(len(keys), label, np.uint8), np.ascontiguousarray(kept.counts.counts[:, label])
            self._tally(read_only(labels), first, second, 0, read_only(counts))

    def _tally(self, labels: Array, first: Slots, second: Slots, shift: int, counts: Ints | None) -> int:
        """Count rows, up to the first for whose pair there is no room; returns how many."""
        n_done, self.n_known = paired_losses.tally_pairs(
            labels, first, second, shift, counts, self._known, self._rows, self.n_known, self.limit
        )
        return int(n_done)

    def add(self, block: Block, first: Slots, second: Slots) -> None:
        """Take in rows with hard labels and no weights; first, second: their bins."""
        labels, counts = block.y_true, block.counts
        while True:
            n_done = self._tally(labels, first, second, self.level, counts)
            if n_done == len(labels):
                return
            labels, first, second = labels[n_done:], first[n_done:], second[n_done:]
            counts = None if counts is None else counts[n_done:]
            if self.n_known < self.limit:
                self._resume(self.freeze(), 2 * len(self._known))
                continue
            kept = self.freeze()
            keys = np.concatenate([kept.counts.keys, pairs_of_bins(first, second, self.level)])
            self._resume(kept.at(pair_level_for(keys, self.level, self.limit)), len(self._known))

    def freeze(self) -> JointScores:
        """The pairs of the rows that were added."""
        taken = np.flatnonzero(self._known != score_keys.NO_KEY)
        return JointScores(self.limit, self.level, CountTable.of_slots(self._known[taken], self._rows[taken]))
